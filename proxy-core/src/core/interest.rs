//! What is wanted of each connection just now. Backpressure is nothing else than a read interest of zero.

use super::{Core, Side};
use crate::action::Interest;
use crate::exchange::Stage;
use crate::link::{self, Link};
use crate::session::{Receiving, Responding, Serving, Session, State, Then};

/// Longest read from a connection that we only drain.
const DISCARD: usize = 16 * 1024;

impl Core {
    pub(super) fn interest_of(&self, side: &Side) -> Interest {
        match side {
            Side::Downstream(session) => self.session_interest(session),
            Side::Upstream(link) => self.link_interest(link),
        }
    }

    fn session_interest(&self, session: &Session) -> Interest {
        let (read, fin) = match &session.state {
            State::Unadmitted => (0, false),
            State::AwaitHead { .. } => (self.buffer(), false),
            State::Exchange(serving) => self.serving_interest(session, serving),
            State::Flushing { then: Then::KeepAlive, .. } => (self.pipeline_room(session), false),
            State::Flushing { .. } => (DISCARD, false),
            State::Lingering { .. } => (DISCARD, true),
        };
        Interest {
            read: if session.half_closed { 0 } else { read },
            write: !session.outbox.is_empty(),
            shutdown: fin && session.outbox.is_empty(),
        }
    }

    fn serving_interest(&self, session: &Session, serving: &Serving) -> (usize, bool) {
        let link =
            self.exchange(serving.id).and_then(|exchange| exchange.link()).and_then(|link| self.link(link));
        let read = match (&serving.request, link) {
            (Receiving::Body(_) | Receiving::Raw, Some(link)) => self.client_room(link),
            (Receiving::Body(_), None) | (Receiving::Done | Receiving::Raw, _) => self.pipeline_room(session),
        };
        (read, matches!(serving.response, Responding::Raw { fin: true }))
    }

    fn link_interest(&self, link: &Link) -> Interest {
        match &link.state {
            link::State::Connecting(_) => Interest::default(),
            // Any octet, and FIN, takes it out of the pool.
            link::State::Idle { .. } => Interest { read: 1, write: false, shutdown: false },
            link::State::Leased(_) => {
                let exchange = link.exchange().and_then(|id| self.exchange(id));
                let is_done = exchange.is_some_and(|exchange| {
                    matches!(exchange.stage, Stage::Tunnel { upstream_done: true, .. })
                });
                let session = exchange.and_then(|exchange| self.session(exchange.session));
                let read = session.filter(|_| !is_done).map_or(0, |session| self.server_room(session));
                Interest { read, write: !link.outbox.is_empty(), shutdown: link.wants_fin() }
            }
        }
    }

    /// How much of a request body may be read for `link` to take.
    pub(super) fn client_room(&self, link: &Link) -> usize {
        link.outbox.room(self.buffer())
    }

    /// How much of a response may be read for `session` to take.
    pub(super) fn server_room(&self, session: &Session) -> usize {
        session.outbox.room(self.buffer())
    }

    /// What may be read ahead of a later request: enough to notice that the client left.
    fn pipeline_room(&self, session: &Session) -> usize {
        self.limits.head_bytes.saturating_sub(session.inbox.len())
    }

    pub(super) fn buffer(&self) -> usize {
        self.config.limits.buffer_bytes as usize
    }
}
