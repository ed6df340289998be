//! How an exchange ends: complete, refused, answered by us or unanswered, and what becomes of its two connections.

use super::Core;
use super::deadlines::{RESET_AFTER, idle_deadline};
use super::interest::IDLE;
use super::table::Trio;
use crate::action::{Action, Close};
use crate::config::Config;
use crate::exchange::verdict::Failure;
use crate::exchange::{Ending, Exchange, Stage};
use crate::flags::{Flags, Phase};
use crate::http::{Method, RequestHead, Version};
use crate::ids::ExchangeId;
use crate::input::{ConnId, StreamId};
use crate::record::Reason;
use crate::reply::{Answer, ReplyContext, write_reply};
use crate::session::{Serving, SessionState, Then};
use alloc::boxed::Box;
use core::time::Duration;

impl Core {
    /// The response is whole. Both connections go on to what follows.
    pub(super) fn complete(&mut self, id: ExchangeId, then: Then) {
        let Trio { exchange, session, link, .. } = self.table.touch_trio(id);
        let (Some(conn), Some((link, note))) = (exchange.link(), link) else {
            panic!("{id:?} was answered by nobody")
        };
        exchange.conclude(Reason::Ok, self.now);
        self.upstreams.report(link.endpoint, Reason::Ok, self.now);
        let (ending, has_total) = (Ending::well(exchange.status), !exchange.streamed);
        exchange.stage = Stage::Flushing { ending, has_total, then };
        let is_flushed = session.outbox.is_empty();
        // A connection whose next response could be mistaken is not used again.
        if let Some(hint) = link.reusable()
            && let lifetime = idle_lifetime(self.plan.config(), hint)
            && lifetime != Some(Duration::ZERO)
            && !self.draining.is_on()
            && self.upstreams.park(link.endpoint, conn)
        {
            link.park(self.now, lifetime);
            // Nothing else has a say in what is wanted of it: it is settled at once.
            self.timers.arm(StreamId::whole(conn), &mut note.armed, idle_deadline(link));
            note.tell(&mut self.actions, conn, IDLE, false);
            self.spare.collect(&mut link.outbox);
            let cluster = exchange.cluster();
            if self.upstreams.next_pending(cluster).is_some() {
                self.to_serve.push(cluster);
            }
        } else {
            // An upstream that still takes a request that nobody will finish must not take its part for the whole.
            let how = if link.is_request_sent() { Close::Graceful } else { Close::Abort };
            self.close(conn, how);
        }
        if is_flushed {
            self.after_flush(id);
        }
    }

    /// Delivers what came of a response before it failed.
    pub(super) fn deliver_part(&mut self, id: ExchangeId, failure: &Failure, phase: Phase) {
        let Trio { exchange, session, .. } = self.table.touch_trio(id);
        exchange.conclude(failure.reason(), self.now);
        let ending = ending(failure, phase, exchange.status);
        // `client.write` bounds it from now on, and `total` once more.
        exchange.stage = Stage::Flushing { ending, has_total: false, then: session.end_of_part() };
        if session.outbox.is_empty() {
            self.after_flush(id);
        }
    }

    /// Answers an exchange that can't go on.
    pub(super) fn answer(&mut self, id: ExchangeId, failure: &Failure, phase: Phase) {
        let (now, is_draining) = (self.now, self.draining.is_on());
        let Trio { exchange, session, .. } = self.table.touch_trio(id);
        exchange.conclude(failure.reason(), now);
        let endpoint = exchange
            .attempts
            .last()
            .filter(|_| exchange.rules.config.explain_addresses)
            .map(|attempt| attempt.endpoint.addr);
        let context = ReplyContext {
            id: exchange.request_id,
            keep_alive: !is_draining && session.may_keep_after_reply(),
            to_http10: exchange.version == Version::Http10,
            to_head: exchange.method == Method::Head,
            date: self.date,
        };
        let then = if context.keep_alive { Then::KeepAlive } else { session.farewell() };
        // `total` does not count for what says that it ran out: `client.write` bounds a reply.
        self.reply(id, &failure.answer(endpoint), failure.flags(phase), context, then);
    }

    /// Answers a request that is not served.
    pub(super) fn refuse(&mut self, conn: ConnId, failure: &Failure, head: Option<&RequestHead>) {
        let session = self.table.touch_session(conn);
        let keep_alive = !self.draining.is_on()
            && head.is_some_and(|head| head.keep_alive() && head.framing().is_empty())
            && session.may_follow();
        let exchange = self.new_exchange(conn, None, head);
        let context = ReplyContext {
            id: exchange.request_id,
            keep_alive,
            to_head: exchange.method == Method::Head,
            date: self.date,
            to_http10: exchange.version == Version::Http10,
        };
        let then = if keep_alive { Then::KeepAlive } else { Then::Linger };
        let id = self.table.insert_exchange(exchange);
        self.table.touch_session(conn).state = SessionState::Serving(Serving::refusing(id));
        self.reply(id, &failure.answer(None), failure.flags(Phase::Request), context, then);
    }

    fn reply(&mut self, id: ExchangeId, answer: &Answer, flags: Flags, context: ReplyContext, then: Then) {
        let mut active = self.active(id);
        let mut sent = 0;
        active.client().outbox.append(|out| sent = write_reply(out, answer, context) as u64);
        active.trio.exchange.sent = sent;
        // It is sent to nobody any more.
        active.trio.exchange.held = None;
        let ending = Ending { status: Some(answer.status), reason: answer.reason, flags };
        active.trio.exchange.stage = Stage::Flushing { ending, has_total: false, then };
    }

    /// Goes on: the last octet of an answer was taken.
    pub(super) fn after_flush(&mut self, id: ExchangeId) {
        let exchange = self.table.remove_exchange(id);
        let Stage::Flushing { ending, then, .. } = exchange.stage else {
            panic!("{id:?} is flushed before its answer is complete")
        };
        let conn = exchange.client.conn;
        let arrived = self.now.since(exchange.moved) >= RESET_AFTER;
        self.record(exchange, ending);
        let (now, is_draining) = (self.now, self.draining.is_on());
        let session = self.table.touch_session(conn);
        let (half_closed, has_more) = (session.half_closed, !session.inbox.is_empty());
        let over = !has_more && (half_closed || is_draining);
        let how = if then == Then::Reset { Close::Abort } else { Close::Graceful };
        session.state = match then {
            Then::KeepAlive if !over => SessionState::await_head(now),
            Then::KeepAlive | Then::Linger | Then::Close | Then::Reset => {
                SessionState::Lingering { since: now, discarded: 0, how }
            }
        };
        match then {
            Then::KeepAlive if has_more => self.advance_client(conn),
            Then::KeepAlive if !over => {}
            Then::KeepAlive | Then::Linger if !half_closed => {}
            Then::Reset if arrived => self.close(conn, Close::Abort),
            Then::Reset => {}
            Then::KeepAlive | Then::Linger | Then::Close => self.close(conn, Close::Graceful),
        }
    }

    /// Both halves of a tunnel ended by themselves.
    pub(super) fn close_tunnel(&mut self, id: ExchangeId) {
        self.detach(id, Some(Close::Graceful));
        let mut exchange = self.table.remove_exchange(id);
        self.end_stream(exchange.client, Close::Graceful);
        exchange.conclude(Reason::Ok, self.now);
        let ending = Ending::well(exchange.status);
        self.record(exchange, ending);
    }

    /// Records an exchange that ends without an answer, or before its answer was delivered: then what went wrong before
    /// stays the reason.
    pub(super) fn record_unanswered(&mut self, id: ExchangeId, failure: &Failure, phase: Phase) {
        let client = self.table.exchange(id).client;
        let has_shown = self.table.touch_session(client.conn).has_shown();
        let mut exchange = self.table.remove_exchange(id);
        let ending = match exchange.stage {
            Stage::Flushing { ending, .. } if ending.reason != Reason::Ok => ending,
            Stage::Flushing { ending: done, .. } => {
                let status = done.status.filter(|_| has_shown);
                ending(failure, Phase::Data, status.or(status_without_answer(failure)))
            }
            _ => {
                exchange.conclude(failure.reason(), self.now);
                // What the client could see of it.
                let status = exchange.status.filter(|_| has_shown);
                ending(failure, phase, status.or(status_without_answer(failure)))
            }
        };
        self.record(exchange, ending);
    }

    /// Records a request whose head never was whole.
    pub(super) fn record_headless(&mut self, conn: ConnId, failure: &Failure) {
        let exchange = self.new_exchange(conn, None, None);
        self.record(exchange, ending(failure, Phase::Request, status_without_answer(failure)));
    }

    fn record(&mut self, exchange: Box<Exchange>, ending: Ending) {
        let outcome = self.spare.explain(exchange, ending, self.now);
        self.actions.push_back(Action::Record(outcome));
    }
}

/// How a failure is told.
fn ending(failure: &Failure, phase: Phase, status: Option<u16>) -> Ending {
    Ending { status, reason: failure.reason(), flags: failure.flags(phase) }
}

/// What the log says where no answer was possible.
fn status_without_answer(failure: &Failure) -> Option<u16> {
    (*failure == Failure::ClientGone).then_some(499)
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
