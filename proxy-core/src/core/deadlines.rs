//! Which limit on waiting ends next for a connection. Each is a function of the state: nothing can forget to arm one.

use super::Core;
use super::interest::{client_room, server_room};
use super::view::{Alone, Judged, View};
use crate::action::Close;
use crate::exchange::{Exchange, Stage};
use crate::input::ConnId;
use crate::link::{Link, LinkState};
use crate::record::Reason;
use crate::session::SessionState;
use crate::time::{Deadline, Instant};
use crate::timeouts::{Timeouts, Timer};
use core::time::Duration;

/// How long a connection that we close is read from: nginx's `lingering_timeout` is 5 s; ours counts in all.
const LINGER: Duration = Duration::from_secs(2);

/// How long after the last octet a part of a response is followed by the reset that tells it from the whole: time for the
/// octets to arrive, which a reset would overtake.
pub(super) const RESET_AFTER: Duration = Duration::from_secs(1);

/// Collects the earliest of several deadlines.
#[derive(Default)]
struct Earliest(Option<Deadline>);

impl Earliest {
    fn add(&mut self, timer: Timer, since: Option<Instant>, limit: Option<Duration>) {
        if let (Some(since), Some(limit)) = (since, limit) {
            let deadline = Deadline { at: since.after(limit), timer };
            self.0 = Some(self.0.map_or(deadline, |earliest| earliest.min(deadline)));
        }
    }
}

impl Core {
    /// The next limit that ends for `conn`, and when. What limits an exchange is its client's.
    pub(super) fn deadline_of(&self, conn: ConnId) -> Option<Deadline> {
        match self.judge(conn)? {
            Judged::Client(view) => view.deadline(),
            Judged::Alone(alone) => alone.deadline(),
            Judged::Pooled(link) => idle_deadline(link),
            Judged::Carrier(_) => None,
        }
    }
}

impl Alone<'_> {
    /// As [`View::not_before`].
    pub(super) fn not_before(&self) -> Instant {
        match &self.session.state {
            SessionState::AwaitHead { since, .. } => since.after_nanos(self.rules.shortest),
            SessionState::Unadmitted | SessionState::Serving(_) | SessionState::Lingering { .. } => {
                Instant::ZERO
            }
        }
    }

    /// The next limit that ends for the session.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let mut earliest = Earliest::default();
        let timeouts = &self.rules.timeouts;
        match &self.session.state {
            SessionState::Unadmitted | SessionState::Serving(_) => {}
            SessionState::AwaitHead { began: Some(began), .. } => {
                earliest.add(Timer::ClientHead, Some(*began), timeouts.client.head);
                // Nobody but the client is waited for yet, even if `total` is shorter.
                earliest.add(Timer::ClientHead, Some(*began), timeouts.total);
            }
            SessionState::AwaitHead { since, began: None, .. } => {
                earliest.add(Timer::ClientKeepAlive, Some(*since), timeouts.client.keepalive);
            }
            SessionState::Lingering { since, how, .. } => {
                let limit = if *how == Close::Abort { RESET_AFTER } else { LINGER };
                earliest.add(Timer::Linger, Some(*since), Some(limit));
            }
        }
        earliest.0
    }
}

impl View<'_> {
    /// A moment before which no limit of the exchange ends, quicker to find than the deadline: every clock that runs for
    /// a request began with its first octet or later, and no limit is shorter than the shortest. The least rate of a body
    /// is no exception: it takes from `client.body` no more than was spent since then.
    pub(super) fn not_before(&self) -> Instant {
        if self.exchange.is_carried() || self.exchange.is_flushing() {
            self.exchange.origin.began.after_nanos(self.exchange.rules.shortest)
        } else {
            // Shorter limits, and seldom.
            Instant::ZERO
        }
    }

    /// The next limit that ends for the exchange.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let mut earliest = Earliest::default();
        let exchange = self.exchange;
        let timeouts = &exchange.rules.timeouts;
        earliest.add(Timer::ClientWrite, self.session.outbox.stalled_since(), timeouts.client.write);
        if self.has_total() {
            earliest.add(Timer::Total, Some(exchange.origin.began), timeouts.total);
        }
        match exchange.stage {
            Stage::Queued { since, .. } => earliest.add(Timer::Queue, Some(since), timeouts.queue),
            Stage::Connecting { since, .. } => earliest.add(Timer::Connect, Some(since), timeouts.connect),
            Stage::Awaiting { .. } => earliest.add(Timer::UpstreamHead, exchange.marks.sent, timeouts.head),
            Stage::Responding { .. } | Stage::Tunnel { .. } => {}
            Stage::Flushing { ending, .. } => {
                // What is still delivered after a failure has as long again: nobody drips a connection into eternity.
                let failed = (ending.reason != Reason::Ok).then_some(exchange.marks.answered);
                earliest.add(Timer::ClientWrite, failed, timeouts.total);
                return earliest.0;
            }
        }
        if let Some(link) = self.link.filter(|link| !link.is_connecting()) {
            earliest.add(Timer::UpstreamWrite, link.outbox.stalled_since(), timeouts.write);
        }
        earliest.add(Timer::UpstreamRead, exchange.upstream_owes.since(), timeouts.read);
        if let Some(since) = exchange.client_owes.since() {
            earliest.add(Timer::ClientBody, Some(since), client_allowance(exchange, timeouts));
        }
        if exchange.is_streaming() {
            earliest.add(Timer::StreamIdle, Some(exchange.moved), timeouts.stream_idle);
        }
        earliest.0
    }

    fn has_total(&self) -> bool {
        match self.exchange.stage {
            Stage::Flushing { has_total, .. } => has_total,
            _ => !self.exchange.streamed,
        }
    }

    /// Whether the upstream is the one that everybody waits for: it has the whole request, or the client waits for its
    /// 100, and we would read what it sent.
    pub(super) fn upstream_owes(&self) -> bool {
        let (exchange, Some(link)) = (self.exchange, self.link) else { return false };
        let has_request = link.is_request_sent()
            || (exchange.awaiting_continue && !link.is_connecting() && link.outbox.is_empty());
        has_request && !exchange.is_streaming() && server_room(&exchange.rules, self.session) > 0
    }

    /// Whether the client owes body octets that we would read.
    pub(super) fn client_owes(&self) -> bool {
        let (exchange, Some(link)) = (self.exchange, self.link) else { return false };
        self.session.owes_body()
            && !exchange.awaiting_continue
            && !exchange.is_streaming()
            && client_room(&exchange.rules, link) > 0
    }
}

/// When a pooled connection has been idle for long enough.
pub(super) fn idle_deadline(link: &Link) -> Option<Deadline> {
    match link.state {
        LinkState::Idle { since, lifetime: Some(lifetime) } => {
            Some(Deadline { at: since.after(lifetime), timer: Timer::UpstreamKeepAlive })
        }
        LinkState::Idle { lifetime: None, .. } | LinkState::Connecting(_) | LinkState::Leased(_) => None,
    }
}

/// How long the client may still be idle: `client.body`, or less if it falls behind the least rate. The rate grants
/// `client.body` on top of the time that the received octets deserve, as in Apache's mod_reqtimeout.
fn client_allowance(exchange: &Exchange, timeouts: &Timeouts) -> Option<Duration> {
    let idle = timeouts.client.body?;
    let rate = u64::from(timeouts.client.body_rate_min);
    let Some(deserved) = exchange.received.saturating_mul(1_000).checked_div(rate) else {
        return Some(idle);
    };
    let left =
        idle.saturating_add(Duration::from_millis(deserved)).saturating_sub(exchange.client_owes.spent());
    Some(idle.min(left))
}
