//! What strace and valgrind count of a proxy.

use crate::process::signal;
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// System calls by what they are for; how many in all, or per request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Syscalls {
    /// Those that move octets.
    pub(crate) data: f64,
    /// Those that wait for events.
    pub(crate) waits: f64,
    pub(crate) others: f64,
}

impl Syscalls {
    /// The share of each of `requests`.
    pub(crate) fn per(self, requests: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
        let requests = requests.max(1) as f64;
        Self { data: self.data / requests, waits: self.waits / requests, others: self.others / requests }
    }

    fn add(&mut self, name: &str, calls: f64) {
        match name {
            "read" | "readv" | "recvfrom" | "recvmsg" | "write" | "writev" | "sendto" | "sendmsg"
            | "splice" | "sendfile" => self.data += calls,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => self.waits += calls,
            _ => self.others += calls,
        }
    }
}

/// A strace that counts.
#[derive(Debug)]
pub(crate) struct Strace {
    child: Child,
    summary: PathBuf,
}

const ATTACH_MAX: Duration = Duration::from_secs(10);

impl Strace {
    /// Attaches to all threads of `pids`; `None` if there is no strace.
    ///
    /// # Errors
    /// It is not allowed to.
    pub(crate) fn attach(pids: &[u32], dir: &Path) -> Result<Option<Self>> {
        let summary = dir.join("strace");
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&summary);
        for pid in pids {
            command.args(["-p", &pid.to_string()]);
        }
        let Ok(child) = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() else { return Ok(None) };
        let strace = Self { child, summary };
        let began = Instant::now();
        while !pids.iter().all(|pid| is_traced(*pid)) {
            if began.elapsed() > ATTACH_MAX {
                bail!("strace can't attach");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(Some(strace))
    }

    /// Detaches, and says what was counted.
    ///
    /// # Errors
    /// There is no summary.
    pub(crate) fn detach(mut self) -> Result<Syscalls> {
        signal(self.child.id(), Signal::INT);
        self.child.wait()?;
        let summary = fs::read_to_string(&self.summary).context("strace leaves no summary")?;
        Ok(parse_summary(&summary))
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), Signal::INT);
            let _ = self.child.wait();
        }
    }
}

fn is_traced(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default()).all(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("TracerPid:"))
            .is_some_and(|tracer| tracer.trim() != "0")
    })
}

/// Lines of a number of calls and a name, between two rules, then a total.
fn parse_summary(summary: &str) -> Syscalls {
    let mut syscalls = Syscalls::default();
    for line in summary.lines() {
        if let [calls, name] = line.split_whitespace().collect::<Vec<_>>()[..]
            && name != "total"
            && let Ok(calls) = calls.parse()
        {
            syscalls.add(name, calls);
        }
    }
    syscalls
}

/// What stands before a command to have its instructions counted; `None` if there is no valgrind. Where they were spent
/// goes to `profile`, for callgrind_annotate.
pub(crate) fn valgrind(profile: &Path) -> Option<Vec<String>> {
    let works =
        Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    let file = format!("--callgrind-out-file={}", profile.display());
    works.then(|| vec!["valgrind".into(), "--tool=callgrind".into(), file])
}

/// How many instructions it counted, of a process whose standard error is in `dir`.
///
/// # Errors
/// It does not say.
pub(crate) fn valgrind_total(dir: &Path) -> Result<u64> {
    let said = fs::read_to_string(dir.join("stderr"))?;
    let line = said.lines().rfind(|line| line.contains("Collected :")).context("valgrind counted nothing")?;
    let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
    count.with_context(|| format!("no number in {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_sorted_by_what_calls_are_for() {
        let summary = "     calls syscall\n--------- ----------------\n       400 recvfrom\n       200 sendto\n       200 writev\n\
                       \n        90 epoll_wait\n         7 accept4\n         3 epoll_ctl\n--------- ----------------\n       900 total\n";
        let syscalls = parse_summary(summary);
        assert_eq!(syscalls, Syscalls { data: 800.0, waits: 90.0, others: 10.0 });
        assert_eq!(syscalls.per(200), Syscalls { data: 4.0, waits: 0.45, others: 0.05 });
    }
}
