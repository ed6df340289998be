//! A proxy as a process: where it runs, what it uses of the processor and of memory, and its end.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running proxy; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// How long a proxy may take to start: under valgrind it takes a while.
const START_MAX: Duration = Duration::from_secs(30);

impl Process {
    /// Starts `command` on core `core` and waits until something listens on `addr`. What it says goes to files in `dir`.
    ///
    /// # Errors
    /// It can't be started, or ends at once.
    pub(crate) fn start(command: &[String], core: usize, addr: SocketAddr, dir: &Path) -> Result<Self> {
        let (program, args) = command.split_first().context("an empty command")?;
        let (stdout, stderr) = (File::create(dir.join("stdout"))?, File::create(dir.join("stderr"))?);
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        // A child runs where its parent does.
        let child = on_core(core, || command.spawn())?.with_context(|| format!("cannot start {program}"))?;
        let mut process = Self { child };
        process.wait_for(addr).with_context(|| {
            let said = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
            format!("{program} does not serve: {said}")
        })?;
        Ok(process)
    }

    fn wait_for(&mut self, addr: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended: {status}");
            }
            if began.elapsed() > START_MAX {
                bail!("nothing listens on {addr}");
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The process and its descendants.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut at = 0;
        while let Some(pid) = pids.get(at) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            at += 1;
        }
        pids
    }

    /// Time on the processor so far, in user space and in the kernel, of all threads.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = self.pids().into_iter().flat_map(|pid| {
            fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
        });
        // The first number is the time on the processor in nanoseconds: Documentation/scheduler/sched-stats.rst.
        let nanoseconds = threads.filter_map(|thread| {
            fs::read_to_string(thread.join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Memory in octets: the proportional set size of all its processes, so what they share counts once.
    pub(crate) fn memory(&self) -> u64 {
        let of_one = |pid| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        };
        self.pids().into_iter().filter_map(of_one).sum::<u64>() * 1024
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn terminate(mut self) -> Result<()> {
        signal(self.child.id(), Signal::TERM);
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > START_MAX {
                bail!("it does not end");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The parent first, so that it starts no new worker.
            self.pids().into_iter().for_each(|pid| signal(pid, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Does something on core `core`, then goes back to where this thread was.
fn on_core<T>(core: usize, act: impl FnOnce() -> T) -> Result<T> {
    let before = sched_getaffinity(None)?;
    stay_on(core)?;
    let result = act();
    sched_setaffinity(None, &before)?;
    Ok(result)
}

/// Keeps this thread on core `core`.
///
/// # Errors
/// There is no such core, or it is not ours to use.
pub(crate) fn stay_on(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on core {core}"))
}

/// A port that nobody uses just now.
///
/// # Errors
/// There is none.
pub(crate) fn free_addr() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
