//! A running proxy as a process: descriptors, the access log, signals, the end.

use super::ProcessArgs;
use super::output::{Exit, color_on};
use super::table::grouped;
use crate::log::{AccessLog, LogWriter, Site};
use jiff::tz::TimeZone;
use proxy_core::Config;
use proxy_tokio::config_file::Loaded;
use proxy_tokio::{PIPES_MAX, Running, ServeError, ServeOptions, serve};
use std::io::{self, ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Serves until a signal says to stop. `greet` is told what was started: the configuration, where it listens, how many
/// workers.
pub(crate) fn serve_until_told(
    loaded: &Loaded,
    process: &ProcessArgs,
    greet: impl FnOnce(&Loaded, &[SocketAddr], usize),
) -> Exit {
    let workers = process.workers.or(loaded.settings.workers).map_or_else(one_per_core, usize::from);
    let format = process.log.unwrap_or(loaded.settings.log);
    ensure_descriptors(&loaded.config, workers);
    let writer = match LogWriter::start(io::stdout(), io::stdout().is_terminal()) {
        Ok(writer) => writer,
        Err(error) => return fail(&format!("cannot start the access log: {error}")),
    };
    let site = Arc::new(Site::new(loaded, TimeZone::system(), color_on(&io::stdout())));
    let recorder = |_| AccessLog::new(format, Arc::clone(&site), &writer);
    let exit = match serve(
        loaded.config.clone(),
        ServeOptions { workers, journal: process.journal.clone() },
        recorder,
    ) {
        Ok(running) => {
            supervise(running, loaded.config.timeouts.drain, |addrs| greet(loaded, addrs, workers))
        }
        Err(error) => fail(&explain(&error)),
    };
    writer.close();
    exit
}

/// How many workers there are if nothing is said.
pub(super) fn one_per_core() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// The most descriptors that a proxy needs: each client has one and its exchange another; each worker has its
/// listeners, its reactor and its pipes.
pub(super) fn descriptors(config: &Config, workers: usize) -> Option<u64> {
    let clients = u64::from(config.limits.client_connections?);
    let workers = workers as u64;
    let listeners = config.listeners.len() as u64;
    Some(clients * 2 + workers * (listeners + REACTOR + PIPES) + OTHERS)
}

/// epoll, its event descriptor and the signal pipe's share of one runtime.
const REACTOR: u64 = 4;
/// Both ends of every pipe of a worker.
const PIPES: u64 = 2 * PIPES_MAX as u64;
/// Standard streams and the like.
const OTHERS: u64 = 16;

/// Makes use of what the system allows: the soft limit is often 1,024 for the sake of programs that use select(2).
fn ensure_descriptors(config: &Config, workers: usize) {
    let Some(needed) = descriptors(config, workers) else { return };
    match rlimit::increase_nofile_limit(needed.max(rlimit::Resource::NOFILE.get_soft().unwrap_or(0))) {
        Ok(allowed) if allowed < needed => tracing::warn!(
            "limits.client_connections may need {} file descriptors, and {} are allowed: see ulimit -n",
            grouped(needed),
            grouped(allowed)
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!("the limit on file descriptors can't be raised: {error}"),
    }
}

fn fail(message: &str) -> Exit {
    tracing::error!("{message}");
    Exit::Failed
}

fn explain(error: &ServeError) -> String {
    let ServeError::Bind { addr, error } = error else { return error.to_string() };
    let port = addr.port();
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "cannot listen on {addr}: another process does already. Choose another address with --listen, or see \
             who it is with: ss -ltnp 'sport = :{port}'"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("cannot listen on {addr}: this machine does not have that address")
        }
        ErrorKind::PermissionDenied => format!(
            "cannot listen on {addr}: not permitted. Ports below 1024 need CAP_NET_BIND_SERVICE, or choose a higher \
             one with --listen"
        ),
        _ => format!("cannot listen on {addr}: {error}"),
    }
}

/// Waits for signals and for the workers' end. Greets when signals are heard: whoever reads the greeting may send one.
fn supervise(running: Running, drain_max: Option<Duration>, greet: impl FnOnce(&[SocketAddr])) -> Exit {
    let told = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(until_told(&running, drain_max, greet)),
        Err(error) => Err(error),
    };
    match told {
        Ok(Told::Finished) => match running.join() {
            Ok(()) => Exit::Ok,
            Err(error) => fail(&error.to_string()),
        },
        Ok(Told::EndNow) => {
            tracing::warn!("ended at once; what was running is cut");
            Exit::Failed
        }
        Err(error) => fail(&format!("signals can't be received: {error}")),
    }
}

enum Told {
    /// Every worker has ended.
    Finished,
    /// A second signal came while draining.
    EndNow,
}

/// How often to look whether the workers have ended: seldom while they have no reason to.
const LOOK_SERVING: Duration = Duration::from_millis(500);
const LOOK_DRAINING: Duration = Duration::from_millis(20);

async fn until_told(
    running: &Running,
    drain_max: Option<Duration>,
    greet: impl FnOnce(&[SocketAddr]),
) -> io::Result<Told> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reload = signal(SignalKind::hangup())?;
    let mut reopen = signal(SignalKind::user_defined1())?;
    greet(running.addrs());
    let mut look = LOOK_SERVING;
    while !running.finished() {
        let stop = tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
            _ = reload.recv() => {
                tracing::warn!("reloading is not supported yet: restart to read the config file again");
                false
            }
            _ = reopen.recv() => {
                tracing::info!("the access log goes to standard output: there is nothing to reopen");
                false
            }
            () = sleep(look) => false,
        };
        if stop && look == LOOK_DRAINING {
            return Ok(Told::EndNow);
        }
        if stop {
            look = LOOK_DRAINING;
            running.drain();
            tracing::info!("draining: what runs may finish{}; a second signal ends now", within(drain_max));
        }
    }
    Ok(Told::Finished)
}

fn within(limit: Option<Duration>) -> String {
    limit.map(|limit| format!(" within {}", humantime::format_duration(limit))).unwrap_or_default()
}
