//! Every invariant of the state, asserted. For tests, simulations and fuzzing; bytes from the network can't break one.

use super::Core;
use super::deadlines::idle_deadline;
use super::interest::{IDLE, buffer};
use super::table::Side;
use super::view::{Judged, View};
use crate::action::Interest;
use crate::exchange::{Exchange, Stage};
use crate::ids::{ClusterId, ExchangeId};
use crate::input::ConnId;
use crate::link::{Link, LinkState};
use crate::session::{Session, SessionState};
use crate::time::{Deadline, Instant};
use crate::timeouts::{Limit, Runs, Timeouts, Timer};

/// What re-framing may add to a buffer's worth of body: chunk lines around one read's pieces.
const FRAMING_SLACK: usize = 4 * 1024;

impl Core {
    /// Asserts every invariant of the state.
    ///
    /// # Panics
    /// When one is broken: a bug of this crate.
    pub fn check(&self) {
        let mut sessions = 0;
        for (id, conn) in self.table.conns() {
            assert!(!conn.side.outbox().is_wasteful(), "{id:?} holds a buffer for nothing");
            let Some(judged) = self.judge(id) else { panic!("{id:?} is nothing") };
            self.check_alarm(id, &judged, conn.note.armed);
            self.check_interest(id, &judged, conn.note.interest);
            match &conn.side {
                Side::Downstream(session) => {
                    sessions += 1;
                    self.check_session(id, session);
                }
                Side::Upstream(link) => self.check_link(id, link),
            }
        }
        assert_eq!(sessions, self.table.sessions(), "sessions are miscounted");
        for (id, exchange) in self.table.exchanges() {
            self.check_exchange(id, exchange);
        }
        for conn in self.upstreams.idle() {
            let state = &self.table.link(conn).state;
            assert!(matches!(state, LinkState::Idle { .. }), "{conn:?} is pooled but not idle");
        }
        for id in self.upstreams.pending() {
            let stage = self.table.exchange(id).stage;
            assert!(matches!(stage, Stage::Queued { .. }), "{id:?} is pending but not queued");
        }
        for cluster in (0..).map(ClusterId).take(self.plan.clusters().len()) {
            self.check_queue(cluster);
        }
        assert!(!self.upstreams.has_surplus(), "a permit is kept that nobody uses");
        assert!(self.timers.len() <= self.table.len(), "more alarms than connections");
    }

    /// Whoever waits is in the queue.
    fn check_queue(&self, cluster: ClusterId) {
        let waiting = |exchange: &Exchange| exchange.is_enqueued && exchange.cluster() == cluster;
        let waiting = self.table.exchanges().filter(|(_, exchange)| waiting(exchange)).count();
        assert_eq!(self.upstreams.queued(cluster), waiting, "the queue of {cluster:?} is miscounted");
    }

    /// A deadline has an alarm, never comes before it can, and is only missing where waiting for ever was asked for.
    fn check_alarm(&self, conn: ConnId, judged: &Judged<'_>, armed: Option<Instant>) {
        let (deadline, not_before) = times(judged);
        if let Some(deadline) = deadline {
            assert!(deadline.at >= not_before, "{deadline:?} of {conn:?} ends before it can: {not_before:?}");
            let is_armed = armed.is_some_and(|armed| armed <= deadline.at);
            assert!(is_armed, "{deadline:?} of {conn:?} has no alarm");
        }
        let may_wait = || match judged {
            Judged::Client(_) => self.has_limits_off(),
            Judged::Alone(alone) => {
                matches!(alone.session.state, SessionState::Unadmitted) || self.has_limits_off()
            }
            Judged::Carrier(_) | Judged::Pooled(_) => true,
        };
        assert!(deadline.is_some() || may_wait(), "{conn:?} waits without a deadline: {judged:?}");
    }

    /// The driver knows what is wanted; it is asked to write exactly while there is something, and not to read only for
    /// a cause.
    fn check_interest(&self, conn: ConnId, judged: &Judged<'_>, interest: Interest) {
        let (wanted, may_pause) = match judged {
            Judged::Client(view) => (view.session_interest(), self.may_pause_client(view)),
            Judged::Alone(alone) => (alone.interest(), self.may_pause_alone(alone.session)),
            Judged::Carrier(view) => (view.link_interest(), may_pause_carrier(view)),
            // Enough to notice that it says something or ends, not enough to hold a buffer.
            Judged::Pooled(_) => (IDLE, false),
        };
        assert_eq!(interest, wanted, "the driver was told otherwise of {conn:?}");
        let has_piped = self.table.get(conn).is_some_and(|entry| entry.side.outbox().has_piped());
        let offers = self.egress(conn).next().is_some() || has_piped;
        assert!(!interest.shutdown || !offers, "FIN for {conn:?} would overtake octets that wait");
        assert_eq!(interest.write, offers, "{conn:?} is written to exactly while octets wait");
        assert!(interest.read > 0 || may_pause, "{conn:?} is paused without a cause");
    }

    fn check_session(&self, conn: ConnId, session: &Session) {
        session.outbox.check();
        let (head, buffer) = (self.plan.unrouted().head_limits.head_bytes, buffer(self.plan.unrouted()));
        assert!(session.inbox.len() <= head + buffer, "the inbox of {conn:?} is over its limit");
        assert!(
            session.outbox.held() <= 2 * head + buffer + FRAMING_SLACK,
            "the outbox of {conn:?} is over its limit"
        );
        // A client that does not read its answers gets no further ones made.
        let awaits_head = matches!(session.state, SessionState::AwaitHead { .. });
        assert!(
            !awaits_head || session.outbox.is_empty(),
            "{conn:?} is served again before its answer is out"
        );
        let held = self.held_for(conn, session);
        assert!(
            held <= self.plan.unrouted().limits.connection_bytes_max(),
            "{held} octets are held for {conn:?}"
        );
        for id in session.exchanges() {
            let client = self.table.exchange(id).client;
            assert_eq!(client.conn, conn, "the exchange of {conn:?} belongs to another session");
        }
    }

    /// Whether there is a cause not to read from a client whose request is served. With nothing to write to the upstream
    /// there is none but what the client itself did: a pause on both sides with nothing to write on either would last for
    /// ever.
    fn may_pause_client(&self, view: &View<'_>) -> bool {
        self.may_pause_alone(view.session) || view.link.is_some_and(|link| !link.outbox.is_empty())
    }

    fn may_pause_alone(&self, session: &Session) -> bool {
        session.half_closed
            || matches!(session.state, SessionState::Unadmitted)
            || session.inbox.len() >= self.plan.unrouted().head_limits.head_bytes
    }

    /// With limits switched off, a wait without a deadline is what was asked for.
    fn has_limits_off(&self) -> bool {
        let usual = Timeouts::default();
        // What bounds no request, or is off as a rule, is not waited for.
        let may_be_off = |limit: &&Limit| limit.runs == Runs::Apart || limit.of(&usual).is_none();
        let off = |timeouts: &Timeouts| {
            let mut bounds = Timer::ALL.iter().filter(|limit| !may_be_off(limit));
            bounds.any(|limit| limit.of(timeouts).is_none())
        };
        let config = self.plan.config();
        off(&config.timeouts) || config.routes.iter().any(|route| off(&route.timeouts))
    }

    fn check_link(&self, conn: ConnId, link: &Link) {
        if !link.is_connecting() {
            link.outbox.check();
        }
        let (head, buffer) = (self.plan.unrouted().head_limits.head_bytes, buffer(self.plan.unrouted()));
        assert!(link.inbox.len() <= head + buffer, "the inbox of {conn:?} is over its limit");
        assert!(
            link.outbox.held() <= 2 * (head + buffer) + FRAMING_SLACK,
            "the outbox of {conn:?} is over its limit"
        );
        match link.exchange() {
            Some(id) => {
                let exchange = self.table.exchange(id);
                assert_eq!(exchange.link(), Some(conn), "the exchange on {conn:?} uses another connection");
            }
            None => {
                assert!(self.upstreams.idle().any(|idle| idle == conn), "{conn:?} is idle but not pooled");
                assert!(link.inbox.is_empty() && link.outbox.is_empty(), "a pooled connection is not clean");
            }
        }
    }

    fn check_exchange(&self, id: ExchangeId, exchange: &Exchange) {
        let session = self.table.session(exchange.client.conn).expect("an exchange has a client");
        assert!(session.exchanges().any(|served| served == id), "the session serves another exchange");
        match exchange.link() {
            Some(link) => {
                assert_eq!(
                    self.table.link(link).exchange(),
                    Some(id),
                    "the connection carries another exchange"
                );
            }
            None => {
                let waits = exchange.is_enqueued || exchange.is_flushing();
                assert!(waits, "{id:?} has no connection and does not wait for one");
            }
        }
        assert!(
            exchange.is_flushing() || exchange.has_response() == session.has_responded(),
            "they disagree on whether a head went out"
        );
    }

    /// Octets held for a client and for all that serve it, on however many streams.
    fn held_for(&self, conn: ConnId, session: &Session) -> u64 {
        let links = session.exchanges().filter_map(|id| self.table.exchange(id).link());
        links.chain([conn]).map(|conn| self.held(conn) as u64).sum()
    }
}

/// When a connection's time ends, and when it certainly does not, worked out anew.
fn times(judged: &Judged<'_>) -> (Option<Deadline>, Instant) {
    match judged {
        Judged::Client(view) => (view.deadline(), view.not_before()),
        Judged::Alone(alone) => (alone.deadline(), alone.not_before()),
        Judged::Carrier(_) => (None, Instant::ZERO),
        Judged::Pooled(link) => (idle_deadline(link), Instant::ZERO),
    }
}

/// Whether there is a cause not to read from the upstream of an exchange.
fn may_pause_carrier(view: &View<'_>) -> bool {
    let is_silent = matches!(view.exchange.stage, Stage::Tunnel { upstream_done: true, .. });
    let takes_nothing = !view.session.outbox.is_empty();
    is_silent || takes_nothing || view.link.is_some_and(Link::is_connecting)
}
