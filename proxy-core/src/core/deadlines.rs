//! Which limit on waiting ends next for a connection. Each is a function of the state: nothing can forget to arm one.

use super::{Core, Side};
use crate::config::Timeouts;
use crate::exchange::{Exchange, ExchangeId, Stage};
use crate::input::ConnId;
use crate::link::{self, Link};
use crate::session::{Session, State};
use crate::time::{Deadline, Instant, Timer};
use core::time::Duration;

/// How long a connection that we close is read from: nginx's `lingering_timeout` is 5 s; ours counts in all.
const LINGER: Duration = Duration::from_secs(2);

/// Collects the earliest of several deadlines.
#[derive(Default)]
struct Earliest(Option<Deadline>);

impl Earliest {
    fn add(&mut self, timer: Timer, since: Option<Instant>, limit: Option<Duration>) {
        if let (Some(since), Some(limit)) = (since, limit) {
            self.at(timer, since.after(limit));
        }
    }

    fn at(&mut self, timer: Timer, at: Instant) {
        let deadline = Deadline { at, timer };
        self.0 = Some(self.0.map_or(deadline, |earliest| earliest.min(deadline)));
    }
}

impl Core {
    /// The next limit that ends for `conn`, and when.
    pub(super) fn deadline_of(&self, conn: ConnId) -> Option<Deadline> {
        let mut earliest = Earliest::default();
        match self.side(conn)? {
            Side::Downstream(session) => self.add_session(session, &mut earliest),
            Side::Upstream(link) => add_link(link, &mut earliest),
        }
        earliest.0
    }

    fn add_session(&self, session: &Session, earliest: &mut Earliest) {
        let client = &self.config.timeouts.client;
        match &session.state {
            State::Unadmitted => {}
            State::AwaitHead { began: Some(began), .. } => {
                earliest.add(Timer::ClientHead, Some(*began), client.head);
            }
            State::AwaitHead { since, began: None, .. } => {
                earliest.add(Timer::ClientKeepAlive, Some(*since), client.keepalive);
            }
            State::Exchange(serving) => {
                if let Some(exchange) = self.exchange(serving.id) {
                    let timeouts = self.timeouts(Some(exchange.route));
                    earliest.add(Timer::ClientWrite, session.outbox.stalled_since(), timeouts.client.write);
                    self.add_exchange(exchange, timeouts, earliest);
                }
            }
            State::Flushing { outcome, total_ends, .. } => {
                let limit = self.timeouts(outcome.route).client.write;
                earliest.add(Timer::ClientWrite, session.outbox.stalled_since(), limit);
                if let Some(total_ends) = total_ends {
                    earliest.at(Timer::Total, *total_ends);
                }
            }
            State::Lingering { since, .. } => earliest.add(Timer::Linger, Some(*since), Some(LINGER)),
        }
    }

    fn add_exchange(&self, exchange: &Exchange, timeouts: &Timeouts, earliest: &mut Earliest) {
        if !exchange.outcome.streamed {
            earliest.add(Timer::Total, Some(exchange.outcome.started), timeouts.total);
        }
        match exchange.stage {
            Stage::Queued { since } => earliest.add(Timer::Queue, Some(since), timeouts.queue),
            Stage::Connecting { since, .. } => earliest.add(Timer::Connect, Some(since), timeouts.connect),
            Stage::Awaiting { .. } => earliest.add(Timer::UpstreamHead, exchange.marks.sent, timeouts.head),
            Stage::Responding { .. } | Stage::Tunnel { .. } => {}
        }
        if let Some(link) = exchange.link().and_then(|link| self.link(link))
            && !link.is_connecting()
        {
            earliest.add(Timer::UpstreamWrite, link.outbox.stalled_since(), timeouts.write);
        }
        earliest.add(Timer::UpstreamRead, exchange.upstream_owes.since(), timeouts.read);
        earliest.add(Timer::ClientBody, exchange.client_owes.since(), client_allowance(exchange, timeouts));
        if exchange.is_streaming() {
            earliest.add(Timer::StreamIdle, Some(exchange.moved), timeouts.stream_idle);
        }
    }

    /// Starts the write clock of `conn` if octets wait, and runs or pauses the two clocks of its exchange: each only
    /// while that peer is waited for. These and the deadlines of an exchange are settled with its session.
    pub(super) fn settle_clocks(&mut self, conn: ConnId) {
        let now = self.now;
        match self.conns.get_mut(conn.0).map(|entry| &mut entry.side) {
            Some(Side::Downstream(session)) => {
                session.outbox.start_clock(now);
                if let Some(id) = session.exchange() {
                    self.settle_owing(id);
                }
            }
            Some(Side::Upstream(link)) => {
                // Before the connection stands nothing could be written: that wait is `connect`'s.
                if !link.is_connecting() {
                    link.outbox.start_clock(now);
                }
                if let Some(id) = link.exchange()
                    && let Some(session) = self.exchange(id).map(|exchange| exchange.session)
                {
                    self.touch(session);
                }
            }
            None => {}
        }
    }

    fn settle_owing(&mut self, id: ExchangeId) {
        let now = self.now;
        let Some(exchange) = self.exchange(id) else { return };
        let (upstream, client) = (self.upstream_owes(exchange), self.client_owes(exchange));
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.upstream_owes.set(upstream, now);
            exchange.client_owes.set(client, now);
        }
    }

    /// Whether the upstream is the one that everybody waits for: it has the whole request, or the client waits for its
    /// 100, and we would read what it sent.
    fn upstream_owes(&self, exchange: &Exchange) -> bool {
        if exchange.is_streaming() {
            return false;
        }
        let Some(link) = exchange.link().and_then(|link| self.link(link)) else { return false };
        let has_request = link.is_request_sent()
            || (exchange.awaiting_continue && !link.is_connecting() && link.outbox.is_empty());
        has_request && self.session(exchange.session).is_some_and(|session| self.server_room(session) > 0)
    }

    /// Whether the client owes body octets that we would read.
    fn client_owes(&self, exchange: &Exchange) -> bool {
        if exchange.awaiting_continue || exchange.is_streaming() {
            return false;
        }
        let Some(link) = exchange.link().and_then(|link| self.link(link)) else { return false };
        self.session(exchange.session).is_some_and(Session::owes_body) && self.client_room(link) > 0
    }
}

fn add_link(link: &Link, earliest: &mut Earliest) {
    if let link::State::Idle { since, lifetime } = link.state {
        earliest.add(Timer::UpstreamKeepAlive, Some(since), lifetime);
    }
}

/// How long the client may still be idle: `client.body`, or less if it falls behind the least rate. The rate grants
/// `client.body` on top of the time that the received octets deserve, as in Apache's mod_reqtimeout.
fn client_allowance(exchange: &Exchange, timeouts: &Timeouts) -> Option<Duration> {
    let idle = timeouts.client.body?;
    let rate = u64::from(timeouts.client.body_rate_min);
    let Some(deserved) = exchange.outcome.received.saturating_mul(1_000).checked_div(rate) else {
        return Some(idle);
    };
    let left =
        idle.saturating_add(Duration::from_millis(deserved)).saturating_sub(exchange.client_owes.spent());
    Some(idle.min(left))
}
