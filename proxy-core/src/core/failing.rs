//! What becomes of an exchange that can't go on as it is: the one place where it is tried again, answered,
//! delivered in part or cut.

use super::Core;
use crate::action::Close;
use crate::exchange::retry::{After, Attempted, Heard, after_failure};
use crate::exchange::verdict::Failure;
use crate::exchange::{Held, Stage};
use crate::flags::Phase;
use crate::ids::ExchangeId;
use crate::input::ConnId;
use crate::link::{Link, Sent};
use crate::plan::Matched;
use crate::record::AttemptResult;
use crate::session::Session;
use crate::upstreams::Demand;
use alloc::boxed::Box;

impl Core {
    /// An exchange can't go on, for a reason that is not in the connection that carries it, if one does.
    pub(super) fn fail(&mut self, id: ExchangeId, failure: Failure) {
        self.attempt_failed(id, failure, Some(Close::Abort));
    }

    /// What an exchange is about failed. `how`: in which way the connection that carries it is closed; `None`: it is gone.
    pub(super) fn attempt_failed(&mut self, id: ExchangeId, failure: Failure, how: Option<Close>) {
        let now = self.now;
        let exchange = self.table.touch_exchange(id);
        let phase = exchange.phase();
        if let Some(error) = failure.in_connecting() {
            exchange.end_attempt(AttemptResult::ConnectFailed(error), now);
        }
        let after = after_failure(&failure, self.attempted(id));
        self.report(id, &failure, after);
        match after {
            After::Again(demand) => self.try_again(id, demand, how),
            After::Answer => {
                self.take_off(id, how);
                self.active(id).trio.session.retract();
                self.answer(id, &failure, phase);
            }
            After::Deliver => {
                self.take_off(id, how);
                self.deliver_part(id, &failure, phase);
            }
            After::Cut(end) => {
                self.take_off(id, how);
                self.cut(id, &failure, phase, end);
            }
        }
    }

    fn attempted(&self, id: ExchangeId) -> Attempted {
        let exchange = self.table.exchange(id);
        let link = exchange.link().map(|conn| self.table.link(conn));
        let may_try = |matched: &Matched| {
            let cluster = matched.cluster.id;
            self.upstreams.has_endpoint(cluster, |endpoint| !exchange.has_failed_at(endpoint))
        };
        Attempted {
            sent: link.map_or(Sent::Nothing, Link::sent),
            heard: match link {
                _ if exchange.is_flushing() => Heard::Whole,
                _ if exchange.has_response() => self.heard_response(exchange.client.conn),
                Some(link) if link.has_answered() => Heard::Octets,
                Some(_) | None => Heard::Nothing,
            },
            reused: link.is_some_and(|link| link.reused),
            method: exchange.method,
            attempts_left: exchange.rules.matched.as_ref().is_some_and(may_try),
        }
    }

    fn heard_response(&self, client: ConnId) -> Heard {
        let session = self.table.session(client);
        if session.is_some_and(Session::is_retractable) { Heard::Written } else { Heard::Response }
    }

    /// Tells the upstreams what the failure says of the endpoint. That a pooled connection was stale says nothing.
    fn report(&mut self, id: ExchangeId, failure: &Failure, after: After) {
        let exchange = self.table.exchange(id);
        if let (Some(conn), true) = (exchange.link(), failure.is_upstreams())
            && after != After::Again(Demand::Fresh)
        {
            let endpoint = self.table.link(conn).endpoint;
            self.upstreams.report(endpoint, failure.reason(), self.now);
        }
    }

    /// Sends the request again, on another connection.
    fn try_again(&mut self, id: ExchangeId, demand: Demand, how: Option<Close>) {
        let now = self.now;
        let request = self.active(id).link().take_request().expect(AT_HAND);
        self.detach(id, how);
        let exchange = self.table.touch_exchange(id);
        // If it was not for want of a connection.
        exchange.end_attempt(AttemptResult::Stale, now);
        exchange.stage = Stage::Queued { since: now, demand };
        exchange.marks.sent = None;
        exchange.held = Some(Held::Written(Box::new(request)));
        let (cluster, client) = (exchange.cluster(), exchange.client.conn);
        if self.try_lease(cluster, id, None) {
            self.advance_client(client);
        }
    }

    /// Ends the client's connection without an answer.
    fn cut(&mut self, id: ExchangeId, failure: &Failure, phase: Phase, how: Close) {
        let client = self.table.exchange(id).client;
        self.record_unanswered(id, failure, phase);
        self.end_stream(client, how);
    }

    /// The client's connection is gone, and its exchange with it.
    pub(super) fn abandon(&mut self, id: ExchangeId, failure: &Failure) {
        let phase = self.table.exchange(id).phase();
        self.take_off(id, Some(Close::Abort));
        self.record_unanswered(id, failure, phase);
    }

    /// Takes an exchange that ends off its connection, or out of the queue.
    fn take_off(&mut self, id: ExchangeId, how: Option<Close>) {
        self.detach(id, how);
        self.leave_queue(id);
    }
}

const AT_HAND: &str = "only what is at hand is sent again";
