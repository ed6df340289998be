//! What comes from clients: connections, requests, acknowledgements, farewells.

use super::{Core, Side};
use crate::action::{Action, Close, Listen};
use crate::exchange::verdict::Failure;
use crate::exchange::{Exchange, Stage, Wait};
use crate::http::{BodySink, Method, RequestHead};
use crate::ids::{ExchangeId, ListenerId};
use crate::input::{ConnId, Permit};
use crate::link::Link;
use crate::record::Origin;
use crate::session::{Heard, Receiving, Session, State, Then};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use bytes::Bytes;
use core::net::SocketAddr;

/// Octets that a client may send into a connection that we are closing before we stop listening. Like nginx, we only
/// want to outlast what was in flight.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// Clients that wait for a unit of `limits.client_connections`.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Admission {
    parked: VecDeque<ConnId>,
    asked: bool,
    paused: bool,
}

impl Core {
    pub(super) fn on_accepted(&mut self, conn: ConnId, listener: ListenerId, peer: SocketAddr) {
        if conn != self.vacant() {
            return;
        }
        let conn = self.insert(Side::Downstream(Box::new(Session::new(listener, peer))));
        if self.draining.is_on() {
            return self.close(conn, Close::Graceful);
        }
        if self.config.limits.client_connections.is_none() {
            return self.admit(conn);
        }
        self.admission.parked.push_back(conn);
        self.ask_admission();
    }

    fn ask_admission(&mut self) {
        if !self.admission.asked && !self.admission.parked.is_empty() {
            self.admission.asked = true;
            self.actions.push_back(Action::Acquire(Permit::Client));
        }
    }

    fn admit(&mut self, conn: ConnId) {
        let now = self.now;
        if let Some(session) = self.touch_session(conn) {
            session.await_head(now);
        }
    }

    pub(super) fn on_client_granted(&mut self) {
        self.admission.asked = false;
        match self.next_parked() {
            Some(conn) => {
                if let Some(session) = self.session_mut(conn) {
                    session.has_permit = true;
                }
                self.admit(conn);
            }
            None => self.actions.push_back(Action::Release(Permit::Client)),
        }
        self.ask_admission();
        if !self.admission.asked && self.admission.paused {
            self.admission.paused = false;
            self.actions.push_back(Action::Listen(Listen::Accept));
        }
    }

    pub(super) fn on_client_denied(&mut self) {
        if !self.admission.paused {
            self.admission.paused = true;
            self.actions.push_back(Action::Listen(Listen::Pause));
        }
    }

    /// The client that waited longest and still is there.
    fn next_parked(&mut self) -> Option<ConnId> {
        while let Some(conn) = self.admission.parked.pop_front() {
            if self.session(conn).is_some() {
                return Some(conn);
            }
        }
        None
    }

    pub(super) fn on_client_data(&mut self, conn: ConnId, bytes: Bytes) {
        let now = self.now;
        let Some(session) = self.touch_session(conn) else { return };
        match &mut session.state {
            State::Lingering { discarded, .. } => {
                *discarded += bytes.len();
                if *discarded > LINGER_BYTES_MAX {
                    self.close(conn, Close::Graceful);
                }
            }
            // The rest of a request that was answered without it.
            State::Flushing { then: Then::Linger | Then::Close, .. } => {}
            State::Unadmitted | State::AwaitHead { .. } | State::Flushing { .. } => {
                session.inbox.push(bytes);
                self.advance_client(conn);
            }
            State::Exchange(serving) => {
                let id = serving.id;
                session.inbox.push(bytes);
                if let Some(exchange) = self.exchange_mut(id) {
                    exchange.moved = now;
                    exchange.client_owes.progress(now);
                }
                self.advance_client(conn);
            }
        }
    }

    /// Takes in as much of what a client sent as can be used now.
    pub(super) fn advance_client(&mut self, conn: ConnId) {
        let now = self.now;
        loop {
            let Some(Side::Downstream(session)) = self.conns.get_mut(conn.0).map(|entry| &mut entry.side)
            else {
                return;
            };
            if session.awaits_head() {
                match session.next_head(&self.limits, now, &mut self.spare.lines) {
                    Ok(Some(mut head)) => {
                        self.begin_exchange(conn, &head);
                        self.spare.lines = head.take_memory();
                        continue;
                    }
                    Ok(None) => {}
                    Err(bad) => {
                        self.refuse(conn, &Failure::BadRequestHead(bad), None);
                        continue;
                    }
                }
            }
            let heard = match session.receiving() {
                // While a request is queued, what follows its head waits unread: there is nowhere to put it.
                Some(id) if self.exchanges.get(id.0).is_some_and(|exchange| exchange.link().is_none()) => {
                    Heard::Nothing
                }
                Some(_) => session.next_body(),
                None => Heard::Nothing,
            };
            match heard {
                Heard::Nothing => {
                    session.inbox.keep();
                    if session.half_closed {
                        self.after_fin(conn);
                    }
                    return;
                }
                Heard::Body(id, bytes) => self.on_request_body(id, bytes),
                Heard::End(id, trailers) => self.with_link_of(id, |link| link.finish(trailers.as_ref())),
                Heard::BadBody(id, bad) => self.fail(id, Failure::BadRequestBody(bad)),
                Heard::Raw(id, bytes) => self.with_link_of(id, |link| link.outbox.put_bytes(bytes)),
            }
        }
    }

    fn begin_exchange(&mut self, conn: ConnId, head: &RequestHead) {
        if head.max_forwards() == Some(0) && matches!(head.method(), Method::Trace | Method::Options) {
            return self.refuse(conn, &Failure::LastHop, Some(head));
        }
        let Some(route) = self.router.find(head.host_bytes().unwrap_or_default(), head.path()) else {
            return self.refuse(conn, &Failure::NoRoute, Some(head));
        };
        let Some(config) = self.config.routes.get(route.index()) else { return };
        if let (Some(limit), Some(length)) = (config.request_body_max, head.content_length())
            && length > limit
        {
            return self.refuse(conn, &Failure::BodyTooLarge { limit }, Some(head));
        }
        let (cluster, streamed, now) = (config.cluster, config.stream, self.now);
        let Some(entry) = self.conns.get_mut(conn.0) else { return };
        entry.touch(conn, &mut self.touched);
        let Side::Downstream(session) = &mut entry.side else { return };
        let mut outcome = self.spare.outcome(session.origin(now), self.rng.next(), Some(head));
        outcome.route = Some(route);
        outcome.cluster = Some(cluster);
        outcome.streamed = streamed;
        outcome.marks.head = now;
        let id = ExchangeId(self.exchanges.insert(Exchange {
            session: conn,
            outcome,
            route,
            cluster,
            method: head.method(),
            version: head.version(),
            upgrade: head.upgrade(),
            stage: Stage::Queued { since: now },
            request: None,
            is_enqueued: false,
            awaiting_continue: head.expect_continue(),
            upstream_owes: Wait::default(),
            client_owes: Wait::default(),
            moved: now,
        }));
        session.begin(id, head);
        self.place(cluster, id, head);
    }

    fn on_request_body(&mut self, id: ExchangeId, bytes: Bytes) {
        let Some(exchange) = self.exchange_mut(id) else { return };
        // A client that sends without waiting for the 100 owes the rest like any other.
        exchange.awaiting_continue = false;
        exchange.outcome.received += bytes.len() as u64;
        let (received, route) = (exchange.outcome.received, exchange.route);
        let limit = self.config.routes.get(route.index()).and_then(|route| route.request_body_max);
        if let Some(limit) = limit
            && received > limit
        {
            return self.fail(id, Failure::BodyTooLarge { limit });
        }
        self.with_link_of(id, |link| link.send(bytes));
    }

    /// Does something to the connection that carries an exchange, whose session was touched.
    fn with_link_of(&mut self, id: ExchangeId, act: impl FnOnce(&mut Link)) {
        let Some(conn) = self.exchange(id).and_then(Exchange::link) else { return };
        if let Some(Side::Upstream(link)) = self.conns.get_mut(conn.0).map(|entry| &mut entry.side) {
            self.spare.lend(&mut link.outbox);
            act(link);
        }
    }

    pub(super) fn on_client_took(&mut self, conn: ConnId, n: usize) {
        let now = self.now;
        let Some(session) = self.touch_session(conn) else { return };
        session.outbox.wrote(n, now);
        match &session.state {
            State::Flushing { .. } if session.outbox.is_empty() => self.after_flush(conn),
            State::Exchange(serving) => {
                let id = serving.id;
                let Some(exchange) = self.exchange_mut(id) else { return };
                if n > 0 {
                    exchange.moved = now;
                }
                self.end_tunnel_if_done(id);
            }
            State::Unadmitted
            | State::AwaitHead { .. }
            | State::Flushing { .. }
            | State::Lingering { .. } => {}
        }
    }

    pub(super) fn on_client_eof(&mut self, conn: ConnId) {
        let Some(session) = self.touch_session(conn) else { return };
        session.half_closed = true;
        // Judged once, when FIN comes: the last request of a pipelined batch has nothing behind it, either.
        if session.fin_means_gone() {
            self.fail_session(conn, Failure::ClientGone);
        } else {
            self.after_fin(conn);
        }
    }

    /// Ends what can't go on without further octets of a client that sent FIN. What it sent before still counts.
    fn after_fin(&mut self, conn: ConnId) {
        let Some(session) = self.session(conn) else { return };
        match &session.state {
            State::Unadmitted | State::Lingering { .. } | State::AwaitHead { began: None, .. } => {
                self.close(conn, Close::Graceful);
            }
            State::AwaitHead { began: Some(began), .. } => {
                let origin = Origin { listener: session.listener, peer: session.peer, began: *began };
                self.record_headless(origin, &Failure::ClientGone, None);
                self.close(conn, Close::Graceful);
            }
            State::Flushing { .. } => {}
            State::Exchange(serving) => match serving.request {
                Receiving::Raw => {
                    let id = serving.id;
                    self.on_client_half_close(id);
                }
                // The request will never be whole, if all that came of it was understood.
                Receiving::Body(_) if self.is_carried(serving.id) => {
                    self.fail_session(conn, Failure::ClientGone);
                }
                Receiving::Body(_) | Receiving::Done => {}
            },
        }
    }

    fn on_client_half_close(&mut self, id: ExchangeId) {
        let Some(exchange) = self.exchange_mut(id) else { return };
        if let Stage::Tunnel { client_done, link, .. } = &mut exchange.stage {
            *client_done = true;
            let link = *link;
            if let Some(link) = self.link_mut(link) {
                link.finish_raw();
            }
        }
        self.end_tunnel_if_done(id);
    }

    pub(super) fn on_client_failed(&mut self, conn: ConnId) {
        let Some(Side::Downstream(session)) = self.bury(conn) else { return };
        match session.state {
            State::Exchange(serving) => self.fail(serving.id, Failure::ClientGone),
            State::AwaitHead { began: Some(began), .. } => {
                let origin = Origin { listener: session.listener, peer: session.peer, began };
                self.record_headless(origin, &Failure::ClientGone, None);
            }
            State::Flushing { outcome, .. } => self.record_cut(outcome, &Failure::ClientGone),
            State::Unadmitted | State::AwaitHead { .. } | State::Lingering { .. } => {}
        }
    }

    /// Whether there is a connection to put the request's octets on.
    fn is_carried(&self, id: ExchangeId) -> bool {
        self.exchange(id).is_some_and(|exchange| exchange.link().is_some())
    }

    fn fail_session(&mut self, conn: ConnId, failure: Failure) {
        if let Some(id) = self.session(conn).and_then(Session::exchange) {
            self.fail(id, failure);
        }
    }
}
