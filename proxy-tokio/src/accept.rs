//! The listeners of one worker: whether clients are taken from them, and what happens when that fails. Whom to serve is
//! the core's business.

use crate::net::Net;
use crate::ready::{Bell, Inbox, Token};
use proxy_core::{Instant, Listen, ListenerId};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Where clients come in.
pub(crate) struct Listeners<N: Net> {
    listeners: Vec<Listener<N>>,
    listen: Listen,
    /// Accepting failed for want of descriptors or memory: it is tried again then.
    resting_until: Option<Instant>,
    warned_at: Option<Instant>,
}

struct Listener<N: Net> {
    inner: N::Listener,
    bell: Arc<Bell>,
    waker: Waker,
}

impl<N: Net> Listeners<N> {
    pub(crate) fn new(listeners: Vec<N::Listener>, inbox: &Arc<Inbox>) -> Self {
        let listener = |(id, inner)| {
            let bell = Bell::new(Token::Listener(id), inbox);
            let waker = Waker::from(Arc::clone(&bell));
            Listener { inner, bell, waker }
        };
        let listeners = (0..).map(ListenerId).zip(listeners).map(listener).collect();
        Self { listeners, listen: Listen::Accept, resting_until: None, warned_at: None }
    }

    /// Does as the core says; unless it says `Accept`, clients wait or are turned away.
    pub(crate) fn set(&mut self, listen: Listen) {
        self.listen = listen;
        match listen {
            Listen::Accept => self.ring(),
            Listen::Pause => {}
            Listen::Stop => self.listeners.clear(),
        }
    }

    /// Has every listener looked at.
    pub(crate) fn ring(&self) {
        self.listeners.iter().for_each(|listener| listener.waker.wake_by_ref());
    }

    pub(crate) fn count(&self) -> usize {
        self.listeners.len()
    }

    /// The worker looks at this listener now.
    pub(crate) fn answer(&self, id: ListenerId) {
        if let Some(listener) = self.listeners.get(id.index()) {
            listener.bell.answer();
        }
    }

    /// Has this listener looked at again.
    pub(crate) fn ring_one(&self, id: ListenerId) {
        if let Some(listener) = self.listeners.get(id.index()) {
            listener.waker.wake_by_ref();
        }
    }

    /// The next client of a listener. `None`: there is none, or none is wanted; the bell rings when that changes.
    pub(crate) fn accept(
        &mut self,
        net: &N,
        id: ListenerId,
        now: Instant,
    ) -> Option<(N::Stream, SocketAddr)> {
        if self.listen != Listen::Accept || self.resting_until.is_some() {
            return None;
        }
        let Listener { inner, waker, .. } = self.listeners.get_mut(id.index())?;
        let mut cx = Context::from_waker(waker);
        for _ in 0..FAILURES_MAX {
            match net.poll_accept(inner, &mut cx) {
                Poll::Ready(Ok(client)) => return Some(client),
                // That client left while it waited; the next one may be there.
                Poll::Ready(Err(error)) if is_of_one_client(&error) => {}
                Poll::Ready(Err(error)) => {
                    self.rest(&error, now);
                    return None;
                }
                Poll::Pending => return None,
            }
        }
        waker.wake_by_ref();
        None
    }

    /// When a rest from failures ends.
    pub(crate) fn resting_until(&self) -> Option<Instant> {
        self.resting_until
    }

    /// Ends a rest that is over.
    pub(crate) fn resume(&mut self, now: Instant) {
        if self.resting_until.take_if(|until| *until <= now).is_some() {
            self.ring();
        }
    }

    /// The client stays in the kernel's queue, so trying again at once would only burn the processor.
    fn rest(&mut self, error: &io::Error, now: Instant) {
        self.resting_until = Some(now.after(REST));
        if self.warned_at.is_none_or(|at| now.since(at) >= WARNING_EVERY) {
            self.warned_at = Some(now);
            tracing::warn!(%error, "cannot accept clients; trying again every {} ms", REST.as_millis());
        }
    }
}

/// Linux hands network errors of the new connection to accept(2) and asks to treat them like "try again".
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

/// Clients in a row that left before they were accepted until other work gets a turn.
const FAILURES_MAX: usize = 16;

/// How long accepting rests after a failure that is ours: long enough not to burn the processor, short enough that no
/// client notices.
const REST: Duration = Duration::from_millis(100);

/// Least time between two warnings.
const WARNING_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
