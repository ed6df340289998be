//! What is wanted of each connection just now. Backpressure is nothing else than a read interest of zero.

use super::Core;
use super::view::{Alone, Judged, View};
use crate::action::{Close, Interest};
use crate::exchange::Stage;
use crate::input::ConnId;
use crate::link::Link;
use crate::plan::Rules;
use crate::session::{Session, SessionState, Then};

/// Longest read from a connection that we only drain.
const DISCARD: usize = 16 * 1024;

/// Of a pooled connection: any octet, and FIN, takes it out of the pool.
pub(super) const IDLE: Interest = Interest { read: 1, write: false, shutdown: false, pipe: None };

impl Alone<'_> {
    pub(super) fn interest(&self) -> Interest {
        let (read, fin) = match &self.session.state {
            SessionState::Unadmitted | SessionState::Serving(_) => (0, false),
            SessionState::AwaitHead { .. } => (buffer(self.rules), false),
            SessionState::Lingering { how, .. } => (DISCARD, *how == Close::Graceful),
        };
        session_interest(self.session, read, fin, None)
    }
}

impl View<'_> {
    #[inline(always)]
    pub(super) fn session_interest(&self) -> Interest {
        // The sum of what all its exchanges have room for; in HTTP/1 there is one.
        session_interest(self.session, self.request_room(), self.session.wants_fin(), self.request_pipe())
    }

    /// How much may be read of the client for this exchange.
    fn request_room(&self) -> usize {
        let Self { session, exchange, link } = *self;
        match (exchange.stage, link) {
            (Stage::Flushing { then: Then::Close | Then::Linger | Then::Reset, .. }, _) => DISCARD,
            (_, Some(link)) if session.is_receiving() => client_room(&exchange.rules, link),
            (_, _) => pipeline_room(&exchange.rules, session),
        }
    }

    /// What is wanted of the connection that carries the exchange.
    #[inline(always)]
    pub(super) fn link_interest(&self) -> Interest {
        let Some(link) = self.link else { return Interest::default() };
        let read = match self.exchange.stage {
            Stage::Queued { .. } | Stage::Connecting { .. } | Stage::Flushing { .. } => {
                return Interest::default();
            }
            Stage::Tunnel { upstream_done: true, .. } => 0,
            Stage::Awaiting { .. } | Stage::Responding { .. } | Stage::Tunnel { .. } => {
                server_room(&self.exchange.rules, self.session)
            }
        };
        Interest {
            read,
            write: !link.outbox.is_empty(),
            shutdown: link.wants_fin(),
            pipe: if read > 0 { self.response_pipe() } else { None },
        }
    }
}

impl Core {
    /// Whether somebody waits for what the peer of `conn` sends next. If not, reading from it can only tell that it left, and
    /// may be some milliseconds late.
    pub fn is_awaited(&self, conn: ConnId) -> bool {
        match self.judge(conn) {
            Some(Judged::Client(view)) => view.session.is_receiving() && !view.exchange.is_flushing(),
            Some(Judged::Alone(alone)) => !matches!(alone.session.state, SessionState::Unadmitted),
            Some(Judged::Carrier(_) | Judged::Pooled(_)) => true,
            None => false,
        }
    }
}

/// What is wanted of a session from which, as far as others are concerned, `read` octets may be read; `fin`: and which
/// we have told all.
fn session_interest(session: &Session, read: usize, fin: bool, pipe: Option<ConnId>) -> Interest {
    let read = if session.half_closed { 0 } else { read };
    Interest {
        read,
        write: !session.outbox.is_empty(),
        shutdown: fin && session.outbox.is_empty(),
        pipe: if read > 0 { pipe } else { None },
    }
}

/// How much of a request body may be read for `link` to take.
pub(super) fn client_room(rules: &Rules, link: &Link) -> usize {
    link.outbox.room(buffer(rules))
}

/// How much of a response may be read for `session` to take.
pub(super) fn server_room(rules: &Rules, session: &Session) -> usize {
    session.outbox.room(buffer(rules))
}

/// What may be read ahead of a later request: enough to notice that the client left.
fn pipeline_room(rules: &Rules, session: &Session) -> usize {
    (rules.limits.head_bytes as usize).saturating_sub(session.inbox.len())
}

pub(super) fn buffer(rules: &Rules) -> usize {
    rules.limits.buffer_bytes as usize
}
