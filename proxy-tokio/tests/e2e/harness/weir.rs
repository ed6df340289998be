//! The proxy under test: the built binary, started and observed from outside.

use super::process::{Output, Process, run};
use super::programs::LIMIT;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// A running proxy; killed when dropped.
pub(crate) struct Weir {
    process: Process,
    pub(crate) addr: SocketAddr,
}

impl Weir {
    /// In front of these origins, on a port of its own, with `--log json` unless the arguments say otherwise.
    pub(crate) fn to(origins: &[SocketAddr], arguments: &[&str]) -> Self {
        let mut all = vec!["127.0.0.1".to_owned(), "0".to_owned()];
        origins.iter().for_each(|origin| all.extend(["--to".to_owned(), origin.to_string()]));
        if !arguments.contains(&"--log") {
            all.extend(["--log".to_owned(), "json".to_owned()]);
        }
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Self::start(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// With exactly these arguments. Comes back when it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    /// The same, having run `before` in the shell that then becomes the proxy.
    pub(crate) fn start_after(before: &str, arguments: &[&str]) -> Self {
        let weir = command(arguments);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(weir.get_program()).args(arguments);
        shell.env_remove("WEIR_CONFIG").env_remove("WEIR_LOG").env("NO_COLOR", "1");
        Self::spawn(&mut shell)
    }

    fn spawn(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let addr = process.stderr.find(Duration::from_secs(20), listening_on);
        let addr =
            addr.unwrap_or_else(|| panic!("it does not say where it listens: {:#?}", process.stderr.all()));
        Self { process, addr }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit)
    }

    /// The first line of the access log that `is` true of; waits for it.
    #[track_caller]
    pub(crate) fn logged(&self, is: impl Fn(&Value) -> bool) -> Value {
        let parsed = |line: &str| serde_json::from_str::<Value>(line).ok().filter(&is);
        let found = self.process.stdout.find(Duration::from_secs(10), parsed);
        found.unwrap_or_else(|| panic!("not in the log: {:#?}", self.process.stdout.all()))
    }

    pub(crate) fn stdout(&self) -> Vec<String> {
        self.process.stdout.all()
    }

    pub(crate) fn stderr(&self) -> Vec<String> {
        self.process.stderr.all()
    }

    /// Resident memory, in octets.
    pub(crate) fn rss(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in octets.
    pub(crate) fn peak_rss(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux tells it");
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number");
        kib * 1024
    }
}

/// Runs the command to its end.
pub(crate) fn weir(arguments: &[&str]) -> Output {
    run(&mut command(arguments), LIMIT)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    // The configuration of whoever runs the tests is not under test.
    command.args(arguments).env_remove("WEIR_CONFIG").env_remove("WEIR_LOG").env("NO_COLOR", "1");
    command
}

/// The address in the line that says where it listens: `weir: ADDR → …`, or `weir: listening on ADDR; …`.
fn listening_on(line: &str) -> Option<SocketAddr> {
    let said = line.strip_prefix("weir: ")?;
    let word = said.trim_start_matches("listening on ").split([' ', ',', ';']).next()?;
    word.parse().ok()
}
