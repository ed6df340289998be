//! Child processes that never outlive their test, and whose every wait is bounded. Knows no program by name.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A process that is killed when dropped, with all that it started, and what it has printed until now.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        // A group of its own: who kills only nginx's master leaves its workers behind.
        let mut child = spawn(command.process_group(0), Stdio::null());
        let stdout = Lines::of(child.stdout.take().expect("it is piped"));
        let stderr = Lines::of(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill` needs no package; the id is ours until it is waited for.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(status.expect("sh can be started").success(), "kill -{name} failed");
    }

    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let ended = poll_until(limit, || self.child.try_wait().expect("it is our child"));
        ended.unwrap_or_else(|| panic!("it still runs after {limit:?}; stderr: {:#?}", self.stderr.all()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Until it is waited for, its number names its group and nothing else.
        if let Ok(None) = self.child.try_wait() {
            let kill = format!("kill -s KILL -- -{}", self.id());
            let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
        }
        // Both fail only if it has ended, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a process has printed, collected by a thread, so that it never blocks on a full pipe.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    /// Nothing will follow.
    ended: bool,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let shared = lines.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while let Ok(1..) = source.read_until(b'\n', &mut line) {
                shared.change(|all| all.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned()));
                line.clear();
            }
            shared.change(|all| all.ended = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut Printed)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// The first line that `pick` makes something of; waits for it, while there can be one.
    pub(crate) fn find<T>(&self, limit: Duration, mut pick: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut printed = self.lock();
        let mut seen = 0;
        loop {
            if let Some(found) = printed.lines.iter().skip(seen).find_map(|line| pick(line)) {
                return Some(found);
            }
            if printed.ended {
                return None;
            }
            seen = printed.lines.len();
            let left = deadline.checked_duration_since(Instant::now())?;
            printed = self.0.1.wait_timeout(printed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a process that ended by itself left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Output {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("it printed text")
    }

    /// What it printed, having succeeded.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{} {}", self.stderr, self.text());
        self.text()
    }
}

/// Runs to the end, or panics after `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Output {
    run_with_input(command, Stdio::null(), limit)
}

/// The same, with an input.
pub(crate) fn run_with_input(command: &mut Command, input: impl Into<Stdio>, limit: Duration) -> Output {
    let started = Instant::now();
    let mut child = spawn(command, input.into());
    let stdout = collect(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let status = poll_until(limit, || child.try_wait().expect("it is our child"));
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let stdout = stdout.join().expect("reading does not panic");
    let stderr = String::from_utf8_lossy(&stderr.join().expect("reading does not panic")).into_owned();
    let Some(status) = status else {
        panic!("{command:?} still ran after {limit:?}: {} {stderr}", String::from_utf8_lossy(&stdout))
    };
    Output { code: status.code(), stdout, stderr, took: started.elapsed() }
}

/// A process whose output is another one's input; killed when dropped.
pub(crate) struct Producer(Child);

impl Producer {
    pub(crate) fn spawn(command: &mut Command) -> (Self, ChildStdout) {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().expect("it is piped");
        (Self(child), stdout)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command, input: Stdio) -> Child {
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

fn collect(mut source: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        // A pipe that breaks ends like one that is closed.
        let _ = source.read_to_end(&mut all);
        all
    })
}

/// Asks again and again until there is an answer or `limit` is over.
pub(crate) fn poll_until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_process_has_started_does_not_outlive_it() {
    let process = Process::spawn(Command::new("sh").args(["-c", "sleep 1000 & echo $!; wait"]));
    let child =
        process.stdout.find(Duration::from_secs(10), |line| line.parse::<u32>().ok()).expect("a number");
    drop(process);
    // It may be a zombie until somebody takes it in.
    let is_gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    };
    poll_until(Duration::from_secs(10), is_gone).expect("it was killed as well");
}
