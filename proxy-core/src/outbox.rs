//! Octets that wait to be written to one connection. Knows nothing of their meaning.

mod queue;

pub(crate) use queue::{Queue, Slices};

use crate::http::BodySink;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::mem;

/// Pieces shorter than this are copied behind their predecessor: cheaper than a further I/O vector, and a short
/// piece never pins a long read buffer.
const COPY_BELOW: usize = 2_048;

/// What waits to be written to one connection, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outbox {
    /// Where the octets are. An idle connection has none.
    queue: Option<Box<Queue>>,
    /// Octets that wait.
    len: usize,
    /// How many of them are in a pipe, where nobody sees them. They stand before all others.
    piped: usize,
    /// Octets at the start that were written and are kept, see [`Outbox::retain`].
    kept: usize,
    /// How many may be; `None`: none is kept.
    retain: Option<usize>,
    /// Waiting pieces that pin a read buffer.
    shared: usize,
    /// The kernel took less than it was offered and has not taken all since.
    blocked: bool,
    /// Since when octets wait without one being taken.
    stalled_since: Option<Instant>,
    /// Octets ever taken by the kernel.
    written: u64,
}

impl Outbox {
    /// Takes an empty queue to use, if it has none.
    pub(crate) fn lend(&mut self, queue: impl FnOnce() -> Option<Box<Queue>>) {
        if self.queue.is_none() {
            self.queue = queue();
        }
    }

    /// Hands back its queue, in which there is nothing.
    pub(crate) fn give_back(&mut self) -> Option<Box<Queue>> {
        self.queue.take()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(crate) const fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Octets that are held in memory, waiting or kept.
    pub(crate) const fn held(&self) -> usize {
        self.kept + self.len
    }

    /// How many more octets may be read for this reader. None while it is stalled or has a piece that pins a read
    /// buffer: at most one such buffer is pinned, and the kernels' buffers keep both directions busy.
    pub(crate) const fn room(&self, cap: usize) -> usize {
        if self.blocked || self.shared > 0 || self.piped > 0 { 0 } else { cap.saturating_sub(self.len) }
    }

    /// Keeps what is written from now on, so that it can be sent again elsewhere, until [`Outbox::forget`] or until it
    /// is more than `max` octets.
    pub(crate) fn retain(&mut self, max: usize) {
        self.retain = Some(max);
    }

    /// Drops what was kept, and keeps nothing more.
    pub(crate) fn forget(&mut self) {
        self.retain = None;
        let kept = mem::take(&mut self.kept);
        self.drop_front(kept);
    }

    /// Makes everything that was put in since [`Outbox::retain`] wait again, for a fresh connection. Whether it is all
    /// there is [`Outbox::is_complete`]'s to say.
    pub(crate) fn rewind(&mut self) {
        self.len += mem::take(&mut self.kept);
        self.shared = self.queue.as_ref().map_or(0, |queue| queue.shared());
        self.retain = None;
        self.blocked = false;
        self.stalled_since = None;
        self.written = 0;
    }

    /// Begins another message: nothing of it was written. The one before it is all gone.
    pub(crate) const fn begin(&mut self) {
        self.written = 0;
    }

    /// Whether everything that was ever put in is still held: nothing left us, or all that did was kept.
    pub(crate) const fn is_complete(&self) -> bool {
        self.retain.is_some() || self.written == 0
    }

    /// Whether nothing was taken by the kernel.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.written == 0
    }

    /// Octets ever taken by the kernel.
    pub(crate) const fn taken(&self) -> u64 {
        self.written
    }

    /// Octets ever put in.
    pub(crate) const fn end(&self) -> u64 {
        self.written + self.len as u64
    }

    /// Drops everything that waits, none of which came by pipe.
    pub(crate) fn discard(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.clear();
        }
        (self.len, self.shared, self.blocked, self.stalled_since) = (0, 0, false, None);
    }

    /// Whether octets may come by pipe: they can't stand behind others, and never be sent a second time.
    pub(crate) const fn takes_piped(&self) -> bool {
        self.len == 0 && self.retain.is_none() && self.written > 0
    }

    /// Whether octets that came by pipe are to be written next.
    pub(crate) const fn has_piped(&self) -> bool {
        self.piped > 0
    }

    /// `n` octets came by pipe.
    pub(crate) fn put_piped(&mut self, n: usize) {
        self.len += n;
        self.piped += n;
    }

    /// Starts the write clock if octets wait and it does not run.
    pub(crate) fn start_clock(&mut self, now: Instant) {
        if self.len > 0 && self.stalled_since.is_none() {
            self.stalled_since = Some(now);
        }
    }

    /// Lets `write` append to the end of the queue, for octets made here.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.len += self.queue().append(write);
    }

    /// The kernel took the first `n` octets of what it was offered. More than that only a damaged journal can say.
    pub(crate) fn wrote(&mut self, n: usize, now: Instant) {
        let offered = if self.piped > 0 { self.piped } else { self.len };
        let n = n.min(offered);
        self.len -= n;
        self.written += n as u64;
        self.blocked = n < offered;
        self.stalled_since = match (self.len, n) {
            (0, _) => None,
            (_, 0) => self.stalled_since,
            _ => Some(now),
        };
        match self.retain {
            _ if self.piped > 0 => self.piped -= n,
            None => self.drop_front(n),
            Some(max) => {
                self.kept += n;
                self.shared = 0;
                if self.kept > max {
                    self.forget();
                }
            }
        }
    }

    fn drop_front(&mut self, n: usize) {
        let everything = self.held() == 0;
        let Some(queue) = &mut self.queue else { return };
        if everything {
            queue.clear();
            self.shared = 0;
        } else {
            self.shared = self.shared.saturating_sub(queue.drop_front(n));
        }
    }

    /// What is to be written next, in order.
    #[inline]
    pub(crate) fn slices(&self) -> Slices<'_> {
        self.queue
            .as_ref()
            .filter(|_| self.piped == 0)
            .map_or_else(Slices::default, |queue| queue.slices(self.kept))
    }

    fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    /// Whether it holds a buffer and nothing is in it.
    pub(crate) const fn is_wasteful(&self) -> bool {
        self.held() == 0 && self.queue.is_some()
    }

    pub(crate) fn check(&self) {
        let queued =
            self.queue.as_ref().map_or(0, |queue| queue.slices(self.kept).map(<[u8]>::len).sum::<usize>());
        assert_eq!(self.len, self.piped + queued, "the outbox miscounts");
        assert!(self.piped == 0 || !self.is_complete(), "octets that nobody saw might be sent again");
        assert!(!self.blocked || self.len > 0, "blocked with nothing to write");
        assert_eq!(
            self.len > 0,
            self.stalled_since.is_some(),
            "the write clock runs exactly while octets wait"
        );
        assert!(self.retain.is_some() || self.kept == 0, "octets are kept that nobody may send again");
    }
}

impl BodySink for Outbox {
    fn put_slice(&mut self, small: &[u8]) {
        self.append(|buffer| buffer.extend_from_slice(small));
    }

    fn put_bytes(&mut self, data: Bytes) {
        if data.len() < COPY_BELOW {
            return self.put_slice(&data);
        }
        // At most one read buffer is pinned: what was kept with an earlier one goes.
        if self.kept > 0 && self.queue.as_ref().is_some_and(|queue| queue.shared() > 0) {
            self.forget();
        }
        self.shared += 1;
        self.len += data.len();
        self.queue().push(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn collected(outbox: &Outbox) -> Vec<u8> {
        outbox.slices().collect::<Vec<_>>().concat()
    }

    fn filled() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.put_slice(b"head ");
        outbox.put_bytes(Bytes::from(alloc::vec![b'x'; COPY_BELOW]));
        outbox.put_slice(b" tail");
        outbox.start_clock(Instant::ZERO);
        outbox
    }

    #[test]
    fn any_sequence_of_partial_writes_takes_the_octets_in_order() {
        let whole = collected(&filled());
        for step in [1, 2, 5, 6, 1_000, COPY_BELOW, COPY_BELOW + 7] {
            let mut outbox = filled();
            let mut taken = Vec::new();
            while !outbox.is_empty() {
                let n = step.min(outbox.len);
                taken.extend_from_slice(&collected(&outbox)[..n]);
                outbox.wrote(n, Instant::ZERO);
                outbox.check();
            }
            assert_eq!(taken, whole);
        }
    }

    #[test]
    fn a_stalled_reader_has_no_room_until_it_took_everything() {
        let mut outbox = filled();
        outbox.wrote(1, Instant::ZERO);
        assert_eq!(outbox.room(32_768), 0);
        outbox.wrote(outbox.len, Instant::ZERO);
        assert_eq!(outbox.room(32_768), 32_768);
    }

    #[test]
    fn the_write_clock_restarts_with_every_octet_taken_and_not_otherwise() {
        let mut outbox = filled();
        outbox.wrote(0, Instant::from_nanos(5));
        assert_eq!(outbox.stalled_since(), Some(Instant::ZERO));
        outbox.wrote(1, Instant::from_nanos(9));
        assert_eq!(outbox.stalled_since(), Some(Instant::from_nanos(9)));
    }

    #[test]
    fn what_was_retained_can_be_sent_again_from_the_start() {
        let whole = collected(&filled());
        let mut outbox = filled();
        outbox.retain(COPY_BELOW * 2);
        outbox.wrote(700, Instant::ZERO);
        outbox.wrote(outbox.len - 3, Instant::ZERO);
        assert_eq!(collected(&outbox), whole[whole.len() - 3..]);
        assert!(outbox.is_complete());
        outbox.rewind();
        assert_eq!(collected(&outbox), whole);
    }

    #[test]
    fn more_than_may_be_kept_is_forgotten_and_takes_no_room() {
        let mut outbox = Outbox::default();
        outbox.retain(10);
        for complete in [true, true, false, false] {
            outbox.put_slice(b"12345");
            outbox.start_clock(Instant::ZERO);
            outbox.wrote(5, Instant::ZERO);
            outbox.check();
            assert_eq!(outbox.is_complete(), complete);
            assert_eq!(outbox.room(32_768), 32_768);
        }
        assert_eq!(outbox.held(), 0);
    }

    #[test]
    fn what_was_forgotten_is_not_complete() {
        let mut outbox = filled();
        outbox.retain(COPY_BELOW * 2);
        outbox.wrote(700, Instant::ZERO);
        outbox.forget();
        outbox.check();
        assert!(!outbox.is_complete());
    }

    #[test]
    fn a_reader_with_a_piece_that_pins_a_read_buffer_has_no_room() {
        let mut outbox = Outbox::default();
        outbox.put_slice(b"head");
        assert!(outbox.room(32_768) > 0);
        outbox.put_bytes(Bytes::from(alloc::vec![b'x'; COPY_BELOW]));
        assert_eq!(outbox.room(32_768), 0);
    }

    #[test]
    fn piped_octets_are_written_before_what_is_put_behind_them() {
        let mut outbox = Outbox::default();
        outbox.put_slice(b"head");
        outbox.start_clock(Instant::ZERO);
        assert!(!outbox.takes_piped());
        outbox.wrote(4, Instant::ZERO);
        assert!(outbox.takes_piped());
        outbox.put_piped(100);
        outbox.put_slice(b"next");
        outbox.start_clock(Instant::ZERO);
        assert_eq!((outbox.slices().count(), outbox.held(), outbox.room(32_768)), (0, 104, 0));
        outbox.wrote(60, Instant::ZERO);
        assert!(outbox.is_blocked());
        outbox.wrote(40, Instant::ZERO);
        outbox.check();
        assert!(!outbox.is_blocked());
        assert_eq!(collected(&outbox), b"next");
    }

    #[test]
    fn what_may_be_sent_again_never_comes_by_pipe() {
        let mut outbox = Outbox::default();
        assert!(!outbox.takes_piped(), "a connection that was not written to may yet give its request back");
        outbox.retain(100);
        outbox.put_slice(b"head");
        outbox.wrote(4, Instant::ZERO);
        assert!(!outbox.takes_piped());
        outbox.forget();
        assert!(outbox.takes_piped());
    }

    #[test]
    fn short_pieces_share_one_slice() {
        let mut outbox = Outbox::default();
        outbox.put_slice(b"HTTP/1.1 200 OK\r\n\r\n");
        outbox.put_bytes(Bytes::from_static(b"short body"));
        assert_eq!(outbox.slices().count(), 1);
    }
}
