//! The pipes of one worker: which hold octets, and for which connection, and which are free. A connection has a pipe only
//! while octets wait in it.

use crate::net::{Pipe, net_error};
use proxy_core::drive::{Read, Then, Wrote};
use proxy_core::{ConnId, NetError};
use std::collections::BTreeMap;
use std::task::{Context, Poll};

/// The pipes of one worker.
#[derive(Debug)]
pub(crate) struct Pipes<P> {
    /// Those with octets in them, by the connection that they are for.
    full: BTreeMap<ConnId, Full<P>>,
    free: Vec<P>,
    /// Most of them that hold octets at a time.
    max: usize,
}

#[derive(Debug)]
struct Full<P> {
    pipe: P,
    octets: usize,
}

/// How many pipes of a worker may hold octets at the same time. Beyond that, bodies are read and written. Without this limit
/// every slow reader would cost two more descriptors, and together more memory than the kernel grants to pipes
/// (`/proc/sys/fs/pipe-user-pages-soft`).
pub const PIPES_MAX: usize = 64;

/// How many empty pipes are kept open for later.
const FREE_MAX: usize = 8;

impl<P> Pipes<P> {
    pub(crate) const fn new(max: usize) -> Self {
        Self { full: BTreeMap::new(), free: Vec::new(), max }
    }

    /// Moves at most `max` octets from a connection into a pipe for `to`. `None` if no pipe is available.
    pub(crate) fn fill<S>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        to: ConnId,
        max: usize,
    ) -> Option<Read>
    where
        P: Pipe<S>,
    {
        if self.full.len() >= self.max {
            return None;
        }
        let mut pipe = self.free.pop().or_else(P::open)?;
        let read = match pipe.poll_fill(stream, cx, max) {
            Poll::Ready(Ok(0)) => Read::Eof,
            Poll::Ready(Ok(octets)) => {
                self.full.insert(to, Full { pipe, octets });
                return Some(Read::Piped(octets));
            }
            Poll::Ready(Err(error)) => Read::Failed(net_error(&error)),
            Poll::Pending => Read::Pending,
        };
        self.keep(pipe);
        Some(read)
    }

    /// Whether octets for a connection are in a pipe: they are to be written before any others.
    pub(crate) fn hold(&self, to: ConnId) -> bool {
        // Mostly no pipe holds anything.
        !self.full.is_empty() && self.full.contains_key(&to)
    }

    /// Writes what is in the connection's pipe until it is all taken or the kernel is full.
    pub(crate) fn drain<S>(&mut self, stream: &mut S, cx: &mut Context<'_>, to: ConnId) -> Wrote
    where
        P: Pipe<S>,
    {
        let Some(mut full) = self.full.remove(&to) else { return Wrote { octets: 0, then: Then::Done } };
        let before = full.octets;
        let then = loop {
            if full.octets == 0 {
                break Then::Done;
            }
            match full.pipe.poll_drain(stream, cx, full.octets) {
                Poll::Ready(Ok(0)) => break Then::Failed(NetError::Other),
                Poll::Ready(Ok(n)) => full.octets -= n.min(full.octets),
                Poll::Ready(Err(error)) => break Then::Failed(net_error(&error)),
                Poll::Pending => break Then::Blocked,
            }
        };
        let octets = before - full.octets;
        match then {
            Then::Done => self.keep(full.pipe),
            Then::Blocked | Then::Failed(_) => {
                self.full.insert(to, full);
            }
        }
        Wrote { octets, then }
    }

    /// Drops what waits for a connection that has ended. Its pipe still holds octets, so it is closed and not reused.
    pub(crate) fn forget(&mut self, to: ConnId) {
        self.full.remove(&to);
    }

    fn keep(&mut self, empty: P) {
        if self.free.len() < FREE_MAX.min(self.max) {
            self.free.push(empty);
        }
    }
}

#[cfg(test)]
mod tests;
