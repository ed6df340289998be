use super::{LogOptions, LogWriter};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

#[test]
fn lines_that_come_close_together_are_written_together_and_soon() {
    let (pipe, written) = channel();
    let writer = start(Pipe(pipe), false);
    writer.queue().push("one\n");
    writer.queue().push("two\n");
    assert_eq!(written.recv_timeout(LONG).unwrap(), "one\ntwo\n");
}

#[test]
fn much_is_written_at_once() {
    let (pipe, written) = channel();
    let writer = start(Pipe(pipe), false);
    let began = Instant::now();
    let line = "x".repeat(1023) + "\n";
    // However fast they come: what waits is taken long before there is no more room.
    for _ in 0..QUEUE / 1024 / 2 {
        writer.queue().push(&line);
    }
    written.recv_timeout(LONG).unwrap();
    assert!(began.elapsed() < super::GATHER, "{:?}", began.elapsed());
}

#[test]
fn closing_writes_what_is_left() {
    let (pipe, written) = channel();
    let writer = start(Pipe(pipe), false);
    writer.queue().push("last\n");
    writer.close();
    assert_eq!(written.try_recv().unwrap(), "last\n");
}

#[test]
fn a_reader_that_left_is_no_reason_to_stop() {
    let (pipe, written) = channel();
    drop(written);
    let writer = start(Pipe(pipe), true);
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
    let writer = start(Stuck { stands, goes_on }, true);
    let line = "x".repeat(1023) + "\n";
    writer.queue().push(&line);
    standing.recv().unwrap();
    for _ in 0..3_000 {
        writer.queue().push(&line);
    }
    let state = writer.queue.lock();
    assert!(state.lines.len() <= QUEUE && state.dropped > 1_900, "{}", state.dropped);
    drop(state);
    drop(unstick);
}

#[test]
fn a_disk_that_was_full_costs_the_lines_of_that_time_and_the_log_says_how_many() {
    let disk = Disk::taking([Ok(100), Err(ErrorKind::StorageFull), Err(ErrorKind::StorageFull)]);
    let writer = start(disk.clone(), true);
    for line in ["one\n", "two\nthree\n", "four\n", "five\n"] {
        disk.after(|| writer.queue().push(line));
    }
    writer.close();
    assert_eq!(disk.written(), "one\n3 lost\nfive\n");
}

#[test]
fn a_line_that_was_cut_by_a_full_disk_counts_as_lost_and_the_next_begins_anew() {
    let disk = Disk::taking([Ok(2), Err(ErrorKind::StorageFull)]);
    let writer = start(disk.clone(), true);
    for line in ["one\n", "two\n"] {
        disk.after(|| writer.queue().push(line));
    }
    writer.close();
    assert_eq!(disk.written(), "on\n1 lost\ntwo\n");
}

#[test]
fn a_pipe_that_does_not_block_and_is_full_for_a_while_costs_nothing() {
    let disk = Disk::taking([Ok(2), Err(ErrorKind::WouldBlock), Err(ErrorKind::WouldBlock)]);
    let writer = start(disk.clone(), true);
    for line in ["one\n", "two\n"] {
        disk.after(|| writer.queue().push(line));
    }
    writer.close();
    assert_eq!(disk.written(), "one\ntwo\n");
}

const QUEUE: usize = 1024 * 1024;

fn start(out: impl Write + Send + 'static, at_once: bool) -> LogWriter {
    let gap = |lines| format!("{lines} lost\n");
    LogWriter::start(out, LogOptions { at_once, queue_bytes_max: QUEUE, gap }).unwrap()
}

/// Hands on each write; fails when nobody takes it.
struct Pipe(Sender<String>);

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(buf).into_owned();
        self.0.send(text).map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes so many octets, or none for some reason; in the end all.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    takes: VecDeque<Result<usize, ErrorKind>>,
    written: String,
    calls: usize,
}

impl Disk {
    fn taking(takes: impl IntoIterator<Item = Result<usize, ErrorKind>>) -> Self {
        Self(Arc::new(Mutex::new(State { takes: takes.into_iter().collect(), ..State::default() })))
    }

    fn written(&self) -> String {
        self.0.lock().unwrap().written.clone()
    }

    /// Does something, and waits until that has led to a write.
    fn after(&self, act: impl FnOnce()) {
        let calls = || self.0.lock().unwrap().calls;
        let (before, began) = (calls(), Instant::now());
        act();
        while calls() == before && began.elapsed() < LONG {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        let n = state.takes.pop_front().unwrap_or(Ok(usize::MAX))?.min(buf.len());
        state.written.push_str(std::str::from_utf8(&buf[..n]).unwrap());
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
