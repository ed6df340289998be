//! The thread that writes the access log. Workers never write themselves: a terminal that is held, or a pipe whose
//! reader is slow, must not hold up a single request. What can't be written in time is dropped, counted, and told: on
//! standard error, and in the log itself as soon as it can be written again.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long lines gather before they are written, so that a busy proxy writes twenty times a second and not once per
/// request. Not so long when a quarter of the room is taken, and not at all on a terminal: somebody is watching.
const GATHER: Duration = Duration::from_millis(50);

/// How long a full pipe whose descriptor does not block is left alone.
const RETRY: Duration = Duration::from_millis(10);

/// Least time between two warnings of the same trouble.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// How long the end of the process waits for the last lines to be written.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// How the log is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogOptions {
    /// Lines are written as they come, for somebody who watches.
    pub(crate) at_once: bool,
    /// Most octets that wait to be written.
    pub(crate) queue_bytes_max: usize,
    /// The line that tells of so many lost lines.
    pub(crate) gap: fn(usize) -> String,
}

/// The lines of all workers that are to be written.
pub(crate) struct Queue {
    state: Mutex<State>,
    news: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    dropped: usize,
    closed: bool,
}

impl Queue {
    fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), news: Condvar::new(), bytes_max }
    }

    /// Adds whole lines, or drops them if too much is waiting.
    pub(super) fn push(&self, lines: &str) {
        let mut state = self.lock();
        if state.lines.len() + lines.len() > self.bytes_max {
            state.dropped += lines_in(lines.as_bytes());
            return;
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(lines.as_bytes());
        let (was_pressing, is_pressing) = (self.is_pressing(before), self.is_pressing(state.lines.len()));
        drop(state);
        if before == 0 || (is_pressing && !was_pressing) {
            self.news.notify_one();
        }
    }

    /// So much waits that it is written at once.
    const fn is_pressing(&self, octets: usize) -> bool {
        octets >= self.bytes_max / 4
    }

    /// Waits for lines, and for more of them until `gather` is over or much is waiting. Swaps them for the emptied
    /// `buffer`, and says how many were dropped; `None` when there will be none any more.
    fn take(&self, buffer: &mut Vec<u8>, gather: Duration) -> Option<usize> {
        let is_idle = |state: &mut State| state.lines.is_empty() && state.dropped == 0 && !state.closed;
        let state = self.news.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let gathers = |state: &mut State| !self.is_pressing(state.lines.len()) && !state.closed;
        let waited = self.news.wait_timeout_while(state, gather, gathers);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() && state.dropped == 0 {
            return None;
        }
        buffer.clear();
        std::mem::swap(&mut state.lines, buffer);
        Some(std::mem::take(&mut state.dropped))
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with the lock left whole lines behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing thread's owner.
pub(crate) struct LogWriter {
    queue: Arc<Queue>,
    done: Receiver<()>,
}

impl LogWriter {
    /// Starts to write to `out`, which should not buffer: what it holds when it fails could not be counted.
    pub(crate) fn start(out: impl Write + Send + 'static, options: LogOptions) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(options.queue_bytes_max));
        let (end, done) = channel();
        let shared = Arc::clone(&queue);
        thread::Builder::new().name("access-log".into()).spawn(move || {
            Output { out, gap: options.gap, lost: 0, untold: 0, is_mid_line: false, warned_at: None }
                .write_all(&shared, if options.at_once { Duration::ZERO } else { GATHER });
            // Nobody listens if the process did not wait.
            let _ = end.send(());
        })?;
        Ok(Self { queue, done })
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Writes what is left, but does not wait forever for a reader that has stopped.
    pub(crate) fn close(self) {
        self.queue.lock().closed = true;
        self.queue.news.notify_one();
        // An error means that the thread has ended already.
        let _ = self.done.recv_timeout(CLOSE_WAIT);
    }
}

/// Where lines are written to, and what is to be told of those that were not.
struct Output<W> {
    out: W,
    gap: fn(usize) -> String,
    /// Lines that the log itself has not been told of.
    lost: usize,
    /// Lines that standard error has not been told of.
    untold: usize,
    /// A write ended in the middle of a line.
    is_mid_line: bool,
    warned_at: Option<Instant>,
}

impl<W: Write> Output<W> {
    fn write_all(mut self, queue: &Queue, gather: Duration) {
        let mut buffer = Vec::new();
        let mut failed = None;
        while let Some(dropped) = queue.take(&mut buffer, gather) {
            let result = self.write(&buffer, queue);
            // They came when there was no room any more, behind the others.
            self.lose(dropped);
            if dropped > 0 {
                self.warn("whoever reads the access log is too slow");
            }
            match result {
                Ok(()) => {
                    if failed.take().is_some() {
                        tracing::warn!("the access log can be written again{}", told(&mut self.untold));
                    }
                }
                Err(error) => {
                    let is_final = error.kind() == ErrorKind::BrokenPipe;
                    if is_final && failed != Some(ErrorKind::BrokenPipe) {
                        tracing::warn!("whoever read the access log is gone: nothing is written any more");
                    } else if !is_final {
                        self.warn(&format!("the access log cannot be written: {error}"));
                    }
                    failed = Some(error.kind());
                }
            }
        }
        // The log itself can't be told if it can't be written.
        let _ = self.write(&[], queue);
        if self.untold > 0 {
            tracing::warn!("{} access log lines were lost at the end", self.untold);
        }
    }

    /// Writes the lines, and before them how many were lost. What could not be written is counted.
    fn write(&mut self, lines: &[u8], queue: &Queue) -> io::Result<()> {
        let mut before = if self.is_mid_line { "\n".to_owned() } else { String::new() };
        if self.lost > 0 {
            before.push_str(&(self.gap)(self.lost));
        }
        if let Err((_, error)) = self.put(before.as_bytes(), queue) {
            self.lose(lines_in(lines));
            return Err(error);
        }
        self.lost = 0;
        match self.put(lines, queue) {
            Ok(()) => self.out.flush(),
            Err((written, error)) => {
                self.lose(lines_in(lines.get(written..).unwrap_or_default()));
                Err(error)
            }
        }
    }

    /// Writes octets; if that fails, says after how many.
    fn put(&mut self, octets: &[u8], queue: &Queue) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while let Some(rest @ [_, ..]) = octets.get(written..) {
            match self.out.write(rest) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(n) => {
                    written += n;
                    self.is_mid_line = octets.get(written - 1) != Some(&b'\n');
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A pipe that somebody made not to block: its reader is slow, not gone. New lines wait, or are dropped.
                Err(error) if error.kind() == ErrorKind::WouldBlock && !queue.is_closed() => {
                    thread::sleep(RETRY);
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn lose(&mut self, lines: usize) {
        self.lost += lines;
        self.untold += lines;
    }

    fn warn(&mut self, what: &str) {
        if self.warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!("{what}{}", told(&mut self.untold));
        }
    }
}

/// How many lines were lost since that was told last.
fn told(untold: &mut usize) -> String {
    match std::mem::take(untold) {
        0 => String::new(),
        lines => format!(" ({lines} access log lines dropped)"),
    }
}

fn lines_in(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| **octet == b'\n').count()
}

#[cfg(test)]
mod tests;
