//! A TCP connection: two pipes with latency and little room, FIN, RST, and what is lost with them.

use crate::time::{MS, Nanos};
use bytes::Bytes;
use std::collections::VecDeque;

/// One direction.
#[derive(Debug)]
struct Pipe {
    /// When everything that was written is on its way.
    sent_at: Nanos,
    queue: VecDeque<(Nanos, Bytes)>,
    /// Octets that were ever written.
    written: u64,
    /// Octets between the ends, on the way or unread.
    queued: usize,
    fin_at: Option<Nanos>,
    reset_at: Option<Nanos>,
    /// The reader was told of the end.
    ended: bool,
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Data(Bytes),
    Fin,
    Reset,
    /// Nothing yet.
    Nothing,
}

/// When one end has something to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) readable: Option<Nanos>,
    pub(crate) reset: Option<Nanos>,
}

/// How far one end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Octets that it read, or that were lost to a RST.
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) finished: bool,
    pub(crate) reset: bool,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A client or an origin.
    Peer,
    Proxy,
}

impl End {
    const fn other(self) -> Self {
        match self {
            Self::Peer => Self::Proxy,
            Self::Proxy => Self::Peer,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) latency: Nanos,
    window: usize,
    /// Octets per millisecond, each way; 0 is any number.
    bandwidth: u16,
    to_peer: Pipe,
    to_proxy: Pipe,
    peer_closed: bool,
    proxy_closed: bool,
}

impl Wire {
    pub(crate) fn new(latency: Nanos, window: usize, bandwidth: u16) -> Self {
        Self {
            latency,
            window,
            bandwidth,
            to_peer: Pipe::new(),
            to_proxy: Pipe::new(),
            peer_closed: false,
            proxy_closed: false,
        }
    }

    fn pipe_to(&mut self, end: End) -> &mut Pipe {
        match end {
            End::Peer => &mut self.to_peer,
            End::Proxy => &mut self.to_proxy,
        }
    }

    fn is_closed(&self, end: End) -> bool {
        match end {
            End::Peer => self.peer_closed,
            End::Proxy => self.proxy_closed,
        }
    }

    /// How many octets the kernel would take from `from`.
    pub(crate) fn room(&self, from: End) -> usize {
        let pipe = match from {
            End::Peer => &self.to_proxy,
            End::Proxy => &self.to_peer,
        };
        self.window.saturating_sub(pipe.queued)
    }

    /// Whether everything that `from` sent was read.
    pub(crate) fn is_delivered(&self, from: End) -> bool {
        self.room(from) == self.window
    }

    /// Takes octets from `from`, at most as many as there is room for.
    pub(crate) fn write(&mut self, now: Nanos, from: End, mut data: Bytes) -> usize {
        let n = data.len().min(self.room(from));
        if n == 0 {
            return 0;
        }
        if self.is_closed(from.other()) {
            // Nobody reads there any more: the kernel says so by RST.
            let back = now + 2 * self.latency;
            self.pipe_to(from).reset(back);
            return n;
        }
        data.truncate(n);
        self.transmit(now, from.other(), data);
        n
    }

    fn transmit(&mut self, now: Nanos, to: End, mut data: Bytes) {
        let (latency, bandwidth) = (self.latency, u64::from(self.bandwidth));
        let pipe = self.pipe_to(to);
        pipe.sent_at = pipe.sent_at.max(now);
        if bandwidth == 0 {
            return pipe.push(pipe.sent_at + latency, data);
        }
        while !data.is_empty() {
            let segment = data.split_to(data.len().min(SEGMENT));
            pipe.sent_at += segment.len() as u64 * MS / bandwidth;
            pipe.push(pipe.sent_at + latency, segment);
        }
    }

    /// When what `from` wrote last arrives, if it wrote at `now`.
    pub(crate) fn arrives(&self, now: Nanos, from: End) -> Nanos {
        let pipe = match from {
            End::Peer => &self.to_proxy,
            End::Proxy => &self.to_peer,
        };
        pipe.sent_at.max(now) + self.latency
    }

    /// Sends FIN.
    pub(crate) fn finish(&mut self, now: Nanos, from: End) {
        let arrives = self.arrives(now, from);
        self.pipe_to(from.other()).fin_at.get_or_insert(arrives);
    }

    /// Closes the socket of `end`. Octets that it has not read, or that come later, are answered by RST.
    pub(crate) fn close(&mut self, now: Nanos, end: End) {
        self.finish(now, end);
        let unread = self.pipe_to(end).queued > 0;
        if unread {
            self.reset(now, end);
        }
        self.mark_closed(end);
    }

    /// Resets the connection.
    pub(crate) fn reset(&mut self, now: Nanos, from: End) {
        let arrives = now + self.latency;
        self.pipe_to(from.other()).reset(arrives);
        self.mark_closed(from);
    }

    fn mark_closed(&mut self, end: End) {
        match end {
            End::Peer => self.peer_closed = true,
            End::Proxy => self.proxy_closed = true,
        }
    }

    /// Takes at most `max` octets that arrived for `end`, or tells how it ended.
    pub(crate) fn read(&mut self, now: Nanos, end: End, max: usize) -> Got {
        self.pipe_to(end).read(now, max)
    }

    /// When there is something new to read for `end`.
    pub(crate) fn readable_at(&self, end: End) -> Option<Nanos> {
        let pipe = match end {
            End::Peer => &self.to_peer,
            End::Proxy => &self.to_proxy,
        };
        pipe.readable_at()
    }

    /// What `end` has done so far.
    pub(crate) fn progress(&self, end: End) -> Progress {
        let (from, to) = match end {
            End::Peer => (&self.to_peer, &self.to_proxy),
            End::Proxy => (&self.to_proxy, &self.to_peer),
        };
        Progress {
            read: from.written - from.queued as u64,
            written: to.written,
            finished: to.fin_at.is_some(),
            reset: to.reset_at.is_some() && self.is_closed(end),
        }
    }

    pub(crate) fn news(&self, end: End) -> News {
        News { readable: self.readable_at(end), reset: self.reset_at(end) }
    }

    /// Octets that wait for `end` at `now`.
    pub(crate) fn readable(&self, now: Nanos, end: End) -> bool {
        self.readable_at(end).is_some_and(|at| at <= now)
    }

    /// When a RST arrives at `end`.
    pub(crate) const fn reset_at(&self, end: End) -> Option<Nanos> {
        match end {
            End::Peer => self.to_peer.reset_at,
            End::Proxy => self.to_proxy.reset_at,
        }
    }

    /// Whether a RST arrived at `end`.
    pub(crate) fn is_reset(&self, now: Nanos, end: End) -> bool {
        self.reset_at(end).is_some_and(|at| at <= now)
    }

    /// The octet that `end` would read next.
    pub(crate) fn peek(&self, end: End) -> Option<u8> {
        let pipe = match end {
            End::Peer => &self.to_peer,
            End::Proxy => &self.to_proxy,
        };
        pipe.queue.front().and_then(|(_, bytes)| bytes.first().copied())
    }
}

impl Pipe {
    const fn new() -> Self {
        Self {
            sent_at: 0,
            queue: VecDeque::new(),
            written: 0,
            queued: 0,
            fin_at: None,
            reset_at: None,
            ended: false,
        }
    }

    fn push(&mut self, arrives: Nanos, bytes: Bytes) {
        self.queued += bytes.len();
        self.written += bytes.len() as u64;
        self.queue.push_back((arrives, bytes));
    }

    fn reset(&mut self, at: Nanos) {
        self.reset_at = Some(self.reset_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn readable_at(&self) -> Option<Nanos> {
        if self.ended {
            return None;
        }
        let data = self.queue.front().map(|(at, _)| *at);
        data.or(self.fin_at).into_iter().chain(self.reset_at).min()
    }

    fn read(&mut self, now: Nanos, max: usize) -> Got {
        if self.ended {
            return Got::Nothing;
        }
        if self.reset_at.is_some_and(|at| at <= now) {
            // Whatever was unread is lost: the harsher of what kernels do.
            self.ended = true;
            self.queue.clear();
            self.queued = 0;
            return Got::Reset;
        }
        if let Some(data) = self.take(now, max) {
            self.queued -= data.len();
            return Got::Data(data);
        }
        if self.queue.is_empty() && self.fin_at.is_some_and(|at| at <= now) {
            self.ended = true;
            return Got::Fin;
        }
        Got::Nothing
    }

    /// What arrived until `now`, in one piece, but at most `max` octets.
    fn take(&mut self, now: Nanos, max: usize) -> Option<Bytes> {
        let first = self.take_front(now, max)?;
        let Some(second) = self.take_front(now, max - first.len()) else { return Some(first) };
        let mut all = Vec::with_capacity(self.queued.min(max));
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(next) = self.take_front(now, max - all.len()) {
            all.extend_from_slice(&next);
        }
        Some(all.into())
    }

    fn take_front(&mut self, now: Nanos, max: usize) -> Option<Bytes> {
        let (arrives, front) = self.queue.front_mut()?;
        if *arrives > now || max == 0 {
            return None;
        }
        if front.len() > max {
            return Some(front.split_to(max));
        }
        self.queue.pop_front().map(|(_, bytes)| bytes)
    }
}

/// Octets that travel together where bandwidth is short.
const SEGMENT: usize = 1_460;
