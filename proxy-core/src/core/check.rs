//! Every invariant of the state, asserted. For tests, simulations and fuzzing; bytes from the network can't break one.

use super::deadlines::idle_deadline;
use super::interest::{IDLE, buffer};
use super::{Core, Side};
use crate::action::Interest;
use crate::exchange::{Exchange, Stage};
use crate::ids::{ClusterId, ExchangeId};
use crate::input::ConnId;
use crate::link::{self, Link};
use crate::session::{Session, State};
use crate::time::{Deadline, Instant};

/// What re-framing may add to a buffer's worth of body: chunk lines around one read's pieces.
const FRAMING_SLACK: usize = 4 * 1024;

impl Core {
    /// Asserts every invariant of the state.
    ///
    /// # Panics
    /// When one is broken: a bug of this crate.
    pub fn check(&self) {
        let mut sessions = 0;
        for (key, conn) in self.conns.iter() {
            let id = ConnId(key);
            assert!(!conn.side.outbox().is_wasteful(), "{id:?} holds a buffer for nothing");
            let (judged, deadline, not_before) = self.judge(id, &conn.side);
            let interest = conn.told.interest;
            assert_eq!(interest, judged, "the driver was told otherwise of {id:?}");
            let offers = self.egress(id).next().is_some() || conn.side.outbox().has_piped();
            assert!(!interest.shutdown || !offers, "FIN for {id:?} would overtake octets that wait");
            assert_eq!(interest.write, offers, "{id:?} is written to exactly while octets wait");
            match &conn.side {
                Side::Downstream(session) => {
                    sessions += 1;
                    self.check_session(id, session);
                    self.check_that_it_ends(id, session, deadline);
                    let is_paused = interest.read == 0;
                    assert!(!is_paused || self.may_pause_client(session), "{id:?} is paused without a cause");
                }
                Side::Upstream(link) => {
                    self.check_link(id, link);
                    let is_paused = interest.read == 0;
                    assert!(!is_paused || self.may_pause_server(link), "{id:?} is paused without a cause");
                    if link.exchange().is_none() {
                        // Enough to notice that it says something or ends, not enough to hold a buffer.
                        assert_eq!(interest.read, 1, "the pooled {id:?} is not watched");
                    }
                }
            }
            if let Some(deadline) = deadline {
                assert!(
                    deadline.at >= not_before,
                    "{deadline:?} of {id:?} ends before it can: {not_before:?}"
                );
                assert!(
                    conn.armed.is_some_and(|armed| armed <= deadline.at),
                    "{deadline:?} of {id:?} has no alarm"
                );
            }
        }
        assert_eq!(sessions, self.sessions, "sessions are miscounted");
        for (key, exchange) in self.exchanges.iter() {
            self.check_exchange(ExchangeId(key), exchange);
        }
        for conn in self.upstreams.idle() {
            let state = self.link(conn).map(|link| &link.state);
            assert!(matches!(state, Some(link::State::Idle { .. })), "{conn:?} is pooled but not idle");
        }
        for id in self.upstreams.pending() {
            let stage = self.exchange(id).map(|exchange| exchange.stage);
            assert!(matches!(stage, Some(Stage::Queued { .. })), "{id:?} is pending but not queued");
        }
        for cluster in (0..).map(ClusterId).take(self.config.clusters.len()) {
            self.check_queue(cluster);
        }
        assert!(!self.upstreams.has_surplus(), "a permit is kept that nobody uses");
        assert!(self.timers.len() <= self.conns.len(), "more alarms than connections");
    }

    /// Whoever waits is in the queue.
    fn check_queue(&self, cluster: ClusterId) {
        let waiting = |exchange: &Exchange| exchange.is_enqueued && exchange.cluster == cluster;
        let waiting = self.exchanges.iter().filter(|(_, exchange)| waiting(exchange)).count();
        assert_eq!(self.upstreams.queued(cluster), waiting, "the queue of {cluster:?} is miscounted");
    }

    /// What is wanted of a connection, when its time ends and when it certainly does not, worked out anew.
    fn judge(&self, conn: ConnId, side: &Side) -> (Interest, Option<Deadline>, Instant) {
        match (side, self.view(conn)) {
            (Side::Downstream(_), Some(view)) => {
                (view.session_interest(), view.deadline(), view.not_before())
            }
            (Side::Downstream(session), None) => {
                let alone = self.alone(session);
                (alone.interest(), alone.deadline(), alone.not_before())
            }
            (Side::Upstream(_), Some(view)) => (view.link_interest(), None, Instant::ZERO),
            (Side::Upstream(link), None) => (IDLE, idle_deadline(link), Instant::ZERO),
        }
    }

    fn check_session(&self, conn: ConnId, session: &Session) {
        session.outbox.check();
        let (head, buffer) = (self.limits.head_bytes, buffer(&self.config));
        assert!(session.inbox.len() <= head + buffer, "the inbox of {conn:?} is over its limit");
        assert!(
            session.outbox.held() <= 2 * head + buffer + FRAMING_SLACK,
            "the outbox of {conn:?} is over its limit"
        );
        // A client that does not read its answers gets no further ones made.
        let awaits_head = matches!(session.state, State::AwaitHead { .. });
        assert!(
            !awaits_head || session.outbox.is_empty(),
            "{conn:?} is served again before its answer is out"
        );
        if let State::Exchange(serving) = &session.state {
            let exchange = self.exchange(serving.id).expect("a serving session has an exchange");
            assert_eq!(exchange.session, conn, "the exchange of {conn:?} belongs to another session");
        }
    }

    fn check_that_it_ends(&self, conn: ConnId, session: &Session, deadline: Option<Deadline>) {
        let waits_for_permit = matches!(session.state, State::Unadmitted);
        assert!(
            deadline.is_some() || waits_for_permit || self.has_limits_off(),
            "{conn:?} waits without a deadline: {:?}",
            session.state
        );
    }

    /// Whether there is a cause not to read from a client. With nothing to write to the upstream there is none but what
    /// the client itself did: a pause on both sides with nothing to write on either would last for ever.
    fn may_pause_client(&self, session: &Session) -> bool {
        let link = session
            .exchange()
            .and_then(|id| self.exchange(id))
            .and_then(Exchange::link)
            .and_then(|link| self.link(link));
        session.half_closed
            || matches!(session.state, State::Unadmitted)
            || session.inbox.len() >= self.limits.head_bytes
            || link.is_some_and(|link| !link.outbox.is_empty())
    }

    /// Whether there is a cause not to read from an upstream.
    fn may_pause_server(&self, link: &Link) -> bool {
        let Some(exchange) = link.exchange().and_then(|id| self.exchange(id)) else { return false };
        let is_silent = matches!(exchange.stage, Stage::Tunnel { upstream_done: true, .. });
        let takes_nothing = self.session(exchange.session).is_some_and(|session| !session.outbox.is_empty());
        link.is_connecting() || is_silent || takes_nothing
    }

    /// With limits switched off, a wait without a deadline is what was asked for.
    fn has_limits_off(&self) -> bool {
        let off = |timeouts: &crate::config::Timeouts| {
            let client = &timeouts.client;
            [
                client.head,
                client.body,
                client.write,
                client.keepalive,
                timeouts.queue,
                timeouts.connect,
                timeouts.write,
                timeouts.total,
                timeouts.read,
                timeouts.stream_idle,
            ]
            .contains(&None)
        };
        off(&self.config.timeouts) || self.config.routes.iter().any(|route| off(&route.timeouts))
    }

    fn check_link(&self, conn: ConnId, link: &Link) {
        if !link.is_connecting() {
            link.outbox.check();
        }
        let (head, buffer) = (self.limits.head_bytes, buffer(&self.config));
        assert!(link.inbox.len() <= head + buffer, "the inbox of {conn:?} is over its limit");
        assert!(
            link.outbox.held() <= 2 * (head + buffer) + FRAMING_SLACK,
            "the outbox of {conn:?} is over its limit"
        );
        match link.exchange() {
            Some(id) => {
                let exchange = self.exchange(id).expect("a leased connection has an exchange");
                assert_eq!(exchange.link(), Some(conn), "the exchange on {conn:?} uses another connection");
            }
            None => {
                assert!(self.upstreams.idle().any(|idle| idle == conn), "{conn:?} is idle but not pooled");
                assert!(link.inbox.is_empty() && link.outbox.is_empty(), "a pooled connection is not clean");
            }
        }
    }

    fn check_exchange(&self, id: ExchangeId, exchange: &Exchange) {
        let session = self.session(exchange.session).expect("an exchange has a session");
        assert_eq!(session.exchange(), Some(id), "the session serves another exchange");
        let held = self.held_for(exchange);
        assert!(held <= self.config.limits.connection_bytes_max(), "{held} octets are held for {id:?}");
        if let Some(link) = exchange.link() {
            let link = self.link(link).expect("an exchange's connection lives");
            assert_eq!(link.exchange(), Some(id), "the connection carries another exchange");
        } else {
            assert!(exchange.is_enqueued, "{id:?} has no connection and does not wait for one");
        }
        assert_eq!(
            exchange.has_response(),
            session.has_responded(),
            "they disagree on whether a head went out"
        );
    }

    fn held_for(&self, exchange: &Exchange) -> u64 {
        let conns = [Some(exchange.session), exchange.link()];
        let sides = conns.into_iter().flatten().filter_map(|conn| self.side(conn));
        sides.map(|side| side.buffered() as u64).sum()
    }
}
