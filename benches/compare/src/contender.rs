//! The proxies, and how each is set up for the same work: one worker, kept connections on both sides, no logs but where
//! logs are what is measured. Settings that their documentation recommends for speed are in.

use anyhow::Result;
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Contender {
    Weir,
    Nginx,
    Haproxy,
    /// The bare relay of this package.
    Relay,
}

/// What a proxy is started for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) origin: SocketAddr,
    pub(crate) access_log: bool,
    /// An empty directory of its own.
    pub(crate) dir: &'a Path,
    /// Under valgrind, which follows no worker process.
    pub(crate) single_process: bool,
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [Self::Weir, Self::Nginx, Self::Haproxy, Self::Relay];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Relay => "bare relay",
        }
    }

    /// What to do where it is missing.
    pub(crate) const fn how_to_install(self) -> &'static str {
        match self {
            Self::Weir => "cargo build --release -p proxy-tokio",
            Self::Nginx => "apt-get install nginx-light",
            Self::Haproxy => "apt-get install haproxy",
            Self::Relay => "it is part of this program",
        }
    }

    /// Where its binary is. `weir` is the one to measure.
    pub(crate) fn binary(self, weir: &Path) -> Option<PathBuf> {
        match self {
            Self::Weir => weir.is_file().then(|| weir.to_path_buf()),
            Self::Nginx => on_path("nginx"),
            Self::Haproxy => on_path("haproxy"),
            Self::Relay => env::current_exe().ok(),
        }
    }

    /// What it calls its version.
    pub(crate) fn version(self, binary: &Path) -> String {
        let flag = match self {
            Self::Weir => "--version",
            Self::Nginx | Self::Haproxy => "-v",
            Self::Relay => return "mio, 64 KiB buffer".into(),
        };
        let Ok(output) = Command::new(binary).arg(flag).output() else { return "?".into() };
        // nginx says it on standard error.
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).lines().next().unwrap_or("?").trim().to_string()
    }

    /// The command line that serves `job`, with its configuration written.
    ///
    /// # Errors
    /// The configuration can't be written.
    pub(crate) fn command(self, binary: &Path, job: &Job<'_>) -> Result<Vec<String>> {
        let binary = binary.display().to_string();
        let dir = job.dir.display();
        Ok(match self {
            Self::Weir => {
                let log = if job.access_log { "combined" } else { "off" };
                let (listen, to) = (job.listen.to_string(), job.origin.to_string());
                let clients = format!("limits.client_connections={CONNECTIONS_MAX}");
                let args =
                    ["--listen", &listen, "--to", &to, "--workers", "1", "--log", log, "--set", &clients];
                [&[binary], args.map(String::from).as_slice()].concat()
            }
            Self::Nginx => {
                fs::write(job.dir.join("nginx.conf"), nginx(job))?;
                vec![binary, "-p".into(), dir.to_string(), "-c".into(), format!("{dir}/nginx.conf")]
            }
            Self::Haproxy => {
                fs::write(job.dir.join("haproxy.cfg"), haproxy(job))?;
                vec![binary, "-db".into(), "-f".into(), format!("{dir}/haproxy.cfg")]
            }
            Self::Relay => {
                vec![binary, "--relay".into(), job.listen.to_string(), job.origin.to_string()]
            }
        })
    }
}

/// More clients than any scenario has.
const CONNECTIONS_MAX: u32 = 12_000;

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian puts servers where only root looks.
    let dirs = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    dirs.map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Long bodies are streamed both ways, as the others do it, and never go through files.
fn nginx(job: &Job<'_>) -> String {
    let Job { listen, origin, dir, .. } = job;
    let dir = dir.display();
    let access_log =
        if job.access_log { format!("{dir}/access.log combined buffer=64k flush=1s") } else { "off".into() };
    let master = if job.single_process { "off" } else { "on" };
    format!(
        "daemon off;
master_process {master};
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections {connections}; }}
http {{
  access_log {access_log};
  tcp_nodelay on;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 64k;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection \"\";
  proxy_buffering on;
  proxy_max_temp_file_size 0;
  upstream origin {{ server {origin}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096;
    location / {{ proxy_pass http://origin; }}
    location /upload {{ proxy_pass http://origin; proxy_request_buffering off; }}
  }}
}}
",
        connections = CONNECTIONS_MAX * 2,
    )
}

/// It would not start where each client can't have a descriptor for a server, too.
fn haproxy(job: &Job<'_>) -> String {
    let Job { listen, origin, .. } = job;
    let log = if job.access_log { "log stdout format raw local0\n  option httplog" } else { "no log" };
    format!(
        "global
  nbthread 1
  maxconn {CONNECTIONS_MAX}
  no strict-limits
defaults
  mode http
  {log}
  option http-keep-alive
  http-reuse always
  timeout connect 1s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s
frontend clients
  bind {listen} backlog 4096
  default_backend origin
backend origin
  server origin {origin} pool-max-conn 512
"
    )
}
