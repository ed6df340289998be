//! How an exchange ends: complete, refused, failed or cut, and what becomes of its two connections.

use super::deadlines::idle_deadline;
use super::interest::IDLE;
use super::{Conn, Core, Side};
use crate::action::{Action, Close};
use crate::config::Config;
use crate::exchange::verdict::Failure;
use crate::exchange::{Ending, Stage};
use crate::http::{Method, RequestHead, Version};
use crate::ids::ExchangeId;
use crate::input::ConnId;
use crate::record::{Flags, Origin, Outcome, Phase, Reason};
use crate::reply::{ReplyContext, write_reply};
use crate::session::{Session, State, Then};
use crate::time::Timer;
use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

impl Core {
    /// The response is whole. Both connections go on to what follows.
    pub(super) fn complete(&mut self, id: ExchangeId, then: Then) {
        let Some(exchange) = self.exchanges.remove(id.0) else { return };
        if let Some(link) = exchange.link() {
            self.release(link);
        }
        let ending = Ending { status: exchange.outcome.status, reason: Reason::Ok, flags: Flags::WELL };
        let has_total = !exchange.outcome.streamed;
        self.start_flush(exchange.session, exchange.end(self.now, ending), has_total, then);
    }

    /// Hands an upstream connection back after a whole response: into the pool if its next response can't be mistaken.
    fn release(&mut self, conn: ConnId) {
        let Some(Conn { side: Side::Upstream(link), armed, told, .. }) = self.conns.get_mut(conn.0) else {
            return;
        };
        let endpoint = link.endpoint;
        if let Some(hint) = link.reusable()
            && let lifetime = idle_lifetime(&self.config, hint)
            && lifetime != Some(Duration::ZERO)
            && !self.draining.is_on()
            && self.upstreams.park(endpoint, conn)
        {
            link.park(self.now, lifetime);
            // Nothing else has a say in what is wanted of it: it is settled at once.
            self.timers.arm(conn, armed, idle_deadline(link));
            told.tell(&mut self.actions, conn, IDLE, false);
            self.spare.collect(&mut link.outbox);
            let cluster = self.upstreams.cluster_of(endpoint);
            if self.upstreams.next_pending(cluster).is_some() {
                self.to_serve.push(cluster);
            }
        } else {
            // An upstream that still takes a request that nobody will finish must not take its part for the whole.
            let how = if link.is_request_sent() { Close::Graceful } else { Close::Abort };
            self.close(conn, how);
        }
    }

    /// The exchange can't go on. Answers if that is still possible, otherwise cuts the connection, so that nobody takes
    /// a part for the whole (RFC 9112 §8).
    pub(super) fn fail(&mut self, id: ExchangeId, failure: Failure) {
        let Some(mut exchange) = self.exchanges.remove(id.0) else { return };
        let phase = exchange.phase();
        let endpoint = exchange.outcome.attempts.last().map(|attempt| attempt.endpoint);
        if exchange.is_enqueued {
            self.upstreams.dequeue(exchange.cluster, id);
            self.to_serve.push(exchange.cluster);
        }
        if let Some(link) = exchange.link() {
            self.close(link, Close::Abort);
        }
        let conn = exchange.session;
        let responded = self.session(conn).is_some_and(Session::has_responded);
        let gone = failure == Failure::ClientGone;
        // A client that takes nothing would not take a reply, and a drain that is over waits for none.
        let mute = matches!(failure, Failure::Timeout(Timer::ClientWrite | Timer::Drain));
        let cut = responded || gone || mute;
        let status =
            if cut { exchange.outcome.status.or(gone.then_some(499)) } else { Some(failure.status()) };
        let ending = Ending { status, reason: failure.reason(), flags: failure.flags(phase) };
        if cut {
            let how = if gone && !responded { Close::Graceful } else { Close::Abort };
            self.close(conn, how);
            return self.record(exchange.end(self.now, ending));
        }
        let keep_alive =
            !self.draining.is_on() && self.session(conn).is_some_and(Session::may_keep_after_reply);
        let context = ReplyContext {
            endpoint: endpoint
                .filter(|_| self.config.explain_addresses)
                .map(|endpoint| self.upstreams.addr(endpoint)),
            id: exchange.outcome.id,
            keep_alive,
            to_http10: exchange.version == Version::Http10,
            to_head: exchange.method == Method::Head,
        };
        let then = self.reply(conn, &failure, context, &mut exchange.outcome.sent);
        // `total` does not count for what says that it ran out: `client.write` bounds a reply.
        self.start_flush(conn, exchange.end(self.now, ending), false, then);
    }

    /// Answers a request that never becomes an exchange.
    pub(super) fn refuse(&mut self, conn: ConnId, failure: &Failure, head: Option<&RequestHead>) {
        let Some(origin) = self.origin(conn) else { return };
        let keep_alive = !self.draining.is_on()
            && head.is_some_and(|head| head.keep_alive() && head.framing().is_empty())
            && self.session(conn).is_some_and(Session::may_follow);
        let to_head = head.is_some_and(is_head);
        let mut outcome = self.refusal(origin, failure, head, Some(failure.status()));
        let to_http10 = head.is_some_and(|head| head.version() == Version::Http10);
        let context = ReplyContext { endpoint: None, id: outcome.id, keep_alive, to_http10, to_head };
        let then = self.reply(conn, failure, context, &mut outcome.sent);
        self.start_flush(conn, outcome, false, if keep_alive { then } else { Then::Linger });
    }

    fn reply(&mut self, conn: ConnId, failure: &Failure, context: ReplyContext, sent: &mut u64) -> Then {
        self.touch(conn);
        let Some(Side::Downstream(session)) = self.conns.get_mut(conn.0).map(|entry| &mut entry.side) else {
            return Then::Close;
        };
        self.spare.lend(&mut session.outbox);
        session.outbox.append(|out| *sent = write_reply(out, failure, context) as u64);
        if context.keep_alive { Then::KeepAlive } else { session.farewell() }
    }

    fn start_flush(&mut self, conn: ConnId, outcome: Box<Outcome>, has_total: bool, then: Then) {
        let Some(session) = self.touch_session(conn) else { return self.record(outcome) };
        session.state = State::Flushing { outcome, has_total, then };
        if session.outbox.is_empty() {
            self.after_flush(conn);
        }
    }

    /// Goes on: the last octet of an answer was taken.
    pub(super) fn after_flush(&mut self, conn: ConnId) {
        let now = self.now;
        let is_draining = self.draining.is_on();
        let Some(session) = self.session_mut(conn) else { return };
        let State::Flushing { then, .. } = session.state else { return };
        let (half_closed, has_more) = (session.half_closed, !session.inbox.is_empty());
        let over = !has_more && (half_closed || is_draining);
        let next = match then {
            Then::KeepAlive if !over => State::await_head(now),
            Then::KeepAlive | Then::Linger | Then::Close => State::Lingering { since: now, discarded: 0 },
        };
        if let State::Flushing { mut outcome, .. } = mem::replace(&mut session.state, next) {
            outcome.ended = now;
            self.record(outcome);
        }
        match then {
            Then::KeepAlive if has_more => self.advance_client(conn),
            Then::KeepAlive if !over => {}
            Then::KeepAlive | Then::Linger if !half_closed => {}
            Then::KeepAlive | Then::Linger | Then::Close => self.close(conn, Close::Graceful),
        }
    }

    /// Both halves of a tunnel ended by themselves.
    pub(super) fn close_tunnel(&mut self, id: ExchangeId) {
        let Some(exchange) = self.exchanges.remove(id.0) else { return };
        let Stage::Tunnel { link, .. } = exchange.stage else { return };
        self.close(link, Close::Graceful);
        self.close(exchange.session, Close::Graceful);
        let ending = Ending { status: exchange.outcome.status, reason: Reason::Ok, flags: Flags::WELL };
        self.record(exchange.end(self.now, ending));
    }

    /// An answer was complete, but its last octets can't be delivered. What went wrong before that stays the reason.
    pub(super) fn record_cut(&mut self, mut outcome: Box<Outcome>, failure: &Failure) {
        outcome.ended = self.now;
        if outcome.reason == Reason::Ok {
            outcome.reason = failure.reason();
            outcome.flags = failure.flags(Phase::Data);
        }
        self.record(outcome);
    }

    /// Cuts a connection whose answer is complete but not delivered.
    pub(super) fn cut_flushing(&mut self, conn: ConnId, failure: &Failure) {
        self.actions.push_back(Action::Close { conn, how: Close::Abort });
        if let Some(Side::Downstream(session)) = self.bury(conn)
            && let State::Flushing { outcome, .. } = session.state
        {
            self.record_cut(outcome, failure);
        }
    }

    pub(super) fn record_headless(&mut self, origin: Origin, failure: &Failure, status: Option<u16>) {
        let status = status.or_else(|| (*failure == Failure::ClientGone).then_some(499));
        let outcome = self.refusal(origin, failure, None, status);
        self.record(outcome);
    }

    /// The explanation of a request that never becomes an exchange.
    fn refusal(
        &mut self,
        origin: Origin,
        failure: &Failure,
        head: Option<&RequestHead>,
        status: Option<u16>,
    ) -> Box<Outcome> {
        let mut outcome = self.spare.outcome(origin, self.rng.next(), head);
        outcome.ended = self.now;
        outcome.status = status;
        outcome.reason = failure.reason();
        outcome.flags = failure.flags(Phase::Request);
        outcome.marks.head = self.now;
        outcome.marks.answered = self.now;
        outcome
    }

    /// Where the request comes from whose head is being read on `conn`.
    pub(super) fn origin(&self, conn: ConnId) -> Option<Origin> {
        self.session(conn).map(|session| session.origin(self.now))
    }

    fn record(&mut self, outcome: Box<Outcome>) {
        self.actions.push_back(Action::Record(outcome));
    }
}

/// `upstream.keepalive`, capped by the server's own hint less a second for the way: closing first avoids the race.
fn idle_lifetime(config: &Config, hint: Option<u32>) -> Option<Duration> {
    let hinted = hint.map(|seconds| Duration::from_secs(u64::from(seconds.saturating_sub(1))));
    let own = config.timeouts.upstream_keepalive;
    match (own, hinted) {
        (Some(own), Some(hinted)) => Some(own.min(hinted)),
        (own, hinted) => own.or(hinted),
    }
}

fn is_head(head: &RequestHead) -> bool {
    head.method() == Method::Head
}
