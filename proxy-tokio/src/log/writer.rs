//! The thread that writes the access log. Workers never write themselves: a terminal that is held, or a pipe whose
//! reader is slow, must not hold up a single request. What can't be written in time is dropped, counted and told.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines gather before they are written, so that a busy proxy writes twenty times a second and not once per
/// request. On a terminal they don't gather: somebody is watching.
const GATHER: Duration = Duration::from_millis(50);

/// Most octets that wait to be written: a megabyte is some five thousand lines.
const QUEUED_MAX: usize = 1024 * 1024;

/// How long the end of the process waits for the last lines to be written.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// The lines of all workers that are to be written.
pub(crate) struct Queue {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    dropped: usize,
    closed: bool,
}

impl Queue {
    fn new() -> Self {
        Self { state: Mutex::default(), news: Condvar::new() }
    }

    /// Adds whole lines, or drops them if too much is waiting.
    pub(super) fn push(&self, lines: &str) {
        let mut state = self.lock();
        if state.lines.len() + lines.len() > QUEUED_MAX {
            state.dropped += lines.matches('\n').count();
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(lines.as_bytes());
        drop(state);
        if was_empty {
            self.news.notify_one();
        }
    }

    /// Waits for lines; `None` when there will be none any more.
    fn wait(&self) -> Option<()> {
        let idle = |state: &mut State| state.lines.is_empty() && !state.closed;
        let state = self.news.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        (!state.lines.is_empty()).then_some(())
    }

    /// Swaps the waiting lines for the emptied `buffer`; says how many were dropped.
    fn take(&self, buffer: &mut Vec<u8>) -> usize {
        buffer.clear();
        let mut state = self.lock();
        std::mem::swap(&mut state.lines, buffer);
        std::mem::take(&mut state.dropped)
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
    /// Starts to write to `out`; at once, or gathered.
    pub(crate) fn start(out: impl Write + Send + 'static, at_once: bool) -> io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let (end, done) = channel();
        let gather = if at_once { Duration::ZERO } else { GATHER };
        let shared = Arc::clone(&queue);
        thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&shared, out, gather);
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

fn write_all(queue: &Queue, mut out: impl Write, gather: Duration) {
    let mut buffer = Vec::new();
    let mut works = true;
    while queue.wait().is_some() {
        if !gather.is_zero() && !queue.is_closed() {
            thread::sleep(gather);
        }
        let dropped = queue.take(&mut buffer);
        if dropped > 0 {
            tracing::warn!("{dropped} access log lines dropped: whoever reads them is too slow");
        }
        if works && let Err(error) = out.write_all(&buffer).and_then(|()| out.flush()) {
            works = false;
            tracing::warn!("the access log cannot be written any more: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, SyncSender, sync_channel};

    /// Hands on each write; fails when nobody takes it.
    struct Pipe(Sender<String>);

    impl Write for Pipe {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(buf).into_owned();
            self.0.send(text).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn lines_that_come_close_together_are_written_together_and_soon() {
        let (pipe, written) = channel();
        let writer = LogWriter::start(Pipe(pipe), false).unwrap();
        writer.queue().push("one\n");
        writer.queue().push("two\n");
        assert_eq!(written.recv_timeout(LONG).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn closing_writes_what_is_left() {
        let (pipe, written) = channel();
        let writer = LogWriter::start(Pipe(pipe), false).unwrap();
        writer.queue().push("last\n");
        writer.close();
        assert_eq!(written.try_recv().unwrap(), "last\n");
    }

    #[test]
    fn a_reader_that_left_is_no_reason_to_stop() {
        let (pipe, written) = channel();
        drop(written);
        let writer = LogWriter::start(Pipe(pipe), true).unwrap();
        writer.queue().push("one\n");
        writer.queue().push("two\n");
        writer.close();
    }

    #[test]
    fn a_reader_that_stopped_costs_lines_but_holds_up_nobody() {
        struct Stuck {
            stands: SyncSender<()>,
            goes_on: Receiver<()>,
        }
        impl Write for Stuck {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let _ = self.stands.try_send(());
                let _ = self.goes_on.recv();
                Ok(buf.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let ((stands, standing), (unstick, goes_on)) = (sync_channel(1), sync_channel(0));
        let writer = LogWriter::start(Stuck { stands, goes_on }, true).unwrap();
        let line = "x".repeat(1023) + "\n";
        writer.queue().push(&line);
        standing.recv().unwrap();
        for _ in 0..3_000 {
            writer.queue().push(&line);
        }
        let state = writer.queue.lock();
        assert!(state.lines.len() <= QUEUED_MAX && state.dropped > 1_900, "{}", state.dropped);
        drop(state);
        drop(unstick);
    }
}
