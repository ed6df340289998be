//! A running proxy as a process: what it is started with, whom it listens to, the end.

use super::ProcessArgs;
use super::descriptors::fit_descriptors;
use super::output::{Exit, color_on};
use super::signals::{Order, Signals};
use crate::log::{AccessLog, LogOptions, LogWriter, Site, gap};
use jiff::tz::TimeZone;
use proxy_tokio::config_file::Loaded;
use proxy_tokio::{Running, ServeError, ServeOptions, serve};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::num::NonZero;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::runtime::Builder;

/// Serves until a signal says to stop. `greet` is told what was started: the configuration, where it listens, how many
/// workers.
pub(crate) fn serve_until_told(
    loaded: &Loaded,
    process: &ProcessArgs,
    greet: impl FnOnce(&Loaded, &[SocketAddr], usize),
) -> Exit {
    let workers = process.workers.or(loaded.settings.workers).map_or_else(one_per_core, usize::from);
    let format = process.log.unwrap_or(loaded.settings.log);
    let mut config = loaded.config.clone();
    let pipes = fit_descriptors(&mut config, workers);
    let options = LogOptions {
        at_once: io::stdout().is_terminal(),
        queue_bytes_max: loaded.settings.log_buffer as usize,
        gap: gap(format),
    };
    let writer = match unbuffered_stdout().and_then(|out| LogWriter::start(out, options)) {
        Ok(writer) => writer,
        Err(error) => return fail(&format!("cannot start the access log: {error}")),
    };
    let site = Arc::new(Site::new(loaded, TimeZone::system(), color_on(&io::stdout())));
    let recorder = |_| AccessLog::new(format, Arc::clone(&site), &writer);
    let exit =
        match serve(config, ServeOptions { workers, pipes, journal: process.journal.clone() }, recorder) {
            Ok(running) => {
                supervise(running, loaded.config.timeouts.drain, |addrs| greet(loaded, addrs, workers))
            }
            Err(error) => fail(&explain(&error)),
        };
    writer.close();
    exit
}

/// Standard output without the buffer that the library puts before it: what that holds when a write fails comes out later,
/// between other lines.
fn unbuffered_stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// How many workers there are if nothing is said.
pub(super) fn one_per_core() -> usize {
    available_parallelism().map_or(1, NonZero::get)
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
fn supervise(mut running: Running, drain_max: Option<Duration>, greet: impl FnOnce(&[SocketAddr])) -> Exit {
    let told = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(until_told(&mut running, drain_max, greet)),
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

async fn until_told(
    running: &mut Running,
    drain_max: Option<Duration>,
    greet: impl FnOnce(&[SocketAddr]),
) -> io::Result<Told> {
    let mut signals = Signals::new()?;
    greet(running.addrs());
    let mut is_draining = false;
    loop {
        let order = tokio::select! {
            () = running.ended() => return Ok(Told::Finished),
            order = signals.next() => order,
        };
        match order {
            Order::Drain if is_draining => return Ok(Told::EndNow),
            Order::Drain => {
                is_draining = true;
                running.drain();
                tracing::info!(
                    "draining: what runs may finish{}; a second signal ends now",
                    within(drain_max)
                );
            }
            Order::Nothing(why) => tracing::warn!("{why}"),
        }
    }
}

fn within(limit: Option<Duration>) -> String {
    limit.map(|limit| format!(" within {}", humantime::format_duration(limit))).unwrap_or_default()
}
