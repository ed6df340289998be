//! What comes from clients: requests, acknowledgements, farewells.

use super::Core;
use super::active::{Active, Turn};
use super::table::Door;
use crate::action::Close;
use crate::exchange::verdict::Failure;
use crate::exchange::{Asked, Exchange, Stage};
use crate::forward::has_passed;
use crate::http::{BadHead, Method, RequestHead, Trailers};
use crate::ids::{ExchangeId, RouteId};
use crate::input::{ConnId, StreamId};
use crate::session::{Serving, SessionState, Then};
use crate::transfer::{Received, Receiving};
use alloc::boxed::Box;
use bytes::Bytes;

/// Octets that a client may send into a connection that we are closing before we stop listening. Like nginx, we only
/// want to outlast what was in flight.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

impl Core {
    pub(super) fn on_client_data(&mut self, conn: ConnId, bytes: Bytes) {
        let session = self.table.touch_session(conn);
        match &mut session.state {
            SessionState::Lingering { discarded, how, .. } => {
                *discarded += bytes.len();
                if *discarded > LINGER_BYTES_MAX {
                    let how = *how;
                    self.close(conn, how);
                }
            }
            SessionState::Unadmitted | SessionState::AwaitHead { .. } | SessionState::Serving(_) => {
                session.inbox.push(bytes);
                self.advance_client(conn);
            }
        }
    }

    pub(super) fn on_request_data(&mut self, conn: ConnId, id: ExchangeId, bytes: Bytes) {
        if self.active(id).hear_client(bytes) {
            self.advance_client(conn);
        }
    }

    /// Takes in as much of what a client sent as can be used now.
    pub(super) fn advance_client(&mut self, conn: ConnId) {
        loop {
            match self.table.door(conn) {
                Some(Door::Client) => {
                    if !self.advance_head(conn) {
                        return;
                    }
                }
                Some(Door::Request(id)) => match self.active(id).relay_request() {
                    Some(turn) => self.take_turn(id, turn),
                    None => return,
                },
                Some(Door::Connecting(_) | Door::Response(_) | Door::Pooled) | None => return,
            }
        }
    }

    /// Takes in the next request head, and returns whether there was one.
    fn advance_head(&mut self, conn: ConnId) -> bool {
        let session = self.table.touch_session(conn);
        match session.next_head(&self.plan.unrouted().head_limits, self.now, &mut self.spare.lines) {
            Ok(Some(mut head)) => {
                self.begin_exchange(conn, &head);
                self.spare.lines = head.take_memory();
                !self.table.rests(conn)
            }
            Ok(None) => {
                session.inbox.keep();
                if session.half_closed {
                    self.end_client(conn);
                }
                false
            }
            Err(bad) => {
                self.refuse(conn, &Failure::BadRequestHead(bad), None);
                true
            }
        }
    }

    fn begin_exchange(&mut self, conn: ConnId, head: &RequestHead) {
        if head.max_forwards() == Some(0) && matches!(head.method(), Method::Trace | Method::Options) {
            return self.refuse(conn, &Failure::LastHop, Some(head));
        }
        if has_passed(head, &self.plan.unrouted().mark) {
            return self.refuse(conn, &Failure::BadRequestHead(BadHead::Loop), Some(head));
        }
        let found = match self.plan.find(head.host_bytes().unwrap_or_default(), head.path()) {
            Ok(found) => found,
            Err(bad) => return self.refuse(conn, &Failure::BadRequestHead(bad), Some(head)),
        };
        let Some(rules) = found else {
            return self.refuse(conn, &Failure::NoRoute, Some(head));
        };
        if let (Some(limit), Some(length)) = (rules.request_body_max, head.content_length())
            && length > limit
        {
            return self.refuse(conn, &Failure::BodyTooLarge { limit }, Some(head));
        }
        let (route, cluster) = (rules.route(), rules.cluster());
        let exchange = self.new_exchange(conn, route, Some(head));
        let id = self.table.insert_exchange(exchange);
        self.table.touch_session(conn).state = SessionState::Serving(Serving::new(id, head));
        self.place(cluster, id, head);
    }

    /// An exchange for the request whose head is being read on `conn`.
    pub(super) fn new_exchange(
        &mut self,
        conn: ConnId,
        route: Option<RouteId>,
        head: Option<&RequestHead>,
    ) -> Box<Exchange> {
        let session = self.table.touch_session(conn);
        let asked = Asked {
            client: StreamId::whole(conn),
            listener: &session.listener,
            peer: session.peer,
            began: session.began(self.now),
            rules: self.plan.rules(route),
            request_id: self.rng.next(),
            head,
        };
        self.spare.exchange(asked, self.now)
    }

    pub(super) fn on_client_took(&mut self, conn: ConnId, n: usize) {
        self.table.touch_session(conn).outbox.wrote(n, self.now);
    }

    pub(super) fn on_answer_taken(&mut self, id: ExchangeId, n: usize) {
        if let Some(turn) = self.active(id).client_took(n) {
            self.take_turn(id, turn);
        }
    }

    pub(super) fn on_client_eof(&mut self, conn: ConnId) {
        self.table.touch_session(conn).half_closed = true;
        self.end_client(conn);
    }

    pub(super) fn on_request_eof(&mut self, id: ExchangeId) {
        if let Some(turn) = self.active(id).client_fin() {
            self.take_turn(id, turn);
        }
    }

    /// Closes a connection that serves no request and whose client sent FIN. What it sent before still counted.
    fn end_client(&mut self, conn: ConnId) {
        self.give_up_head(conn, &Failure::ClientGone);
        self.end_idle(conn);
    }

    /// Closes a connection that serves no request.
    pub(super) fn end_idle(&mut self, conn: ConnId) {
        let how = match self.table.touch_session(conn).state {
            SessionState::Lingering { how, .. } => how,
            SessionState::Unadmitted | SessionState::AwaitHead { .. } | SessionState::Serving(_) => {
                Close::Graceful
            }
        };
        self.close(conn, how);
    }

    pub(super) fn on_client_failed(&mut self, conn: ConnId) {
        self.give_up_head(conn, &Failure::ClientGone);
        self.bury(conn);
    }

    pub(super) fn on_request_failed(&mut self, conn: ConnId, id: ExchangeId) {
        self.abandon(id, &Failure::ClientGone);
        self.bury(conn);
    }

    /// Records a request whose head will never be whole, if one had begun.
    pub(super) fn give_up_head(&mut self, conn: ConnId, failure: &Failure) {
        let session = self.table.touch_session(conn);
        if let SessionState::AwaitHead { began: Some(_), .. } = session.state {
            self.record_headless(conn, failure);
        }
    }
}

impl Active<'_> {
    /// Takes what the client sent, and returns whether it may be of use.
    fn hear_client(&mut self, bytes: Bytes) -> bool {
        match self.trio.exchange.stage {
            // The rest of a request that was answered without it.
            Stage::Flushing { then: Then::Linger | Then::Close | Then::Reset, .. } => return false,
            Stage::Flushing { .. } => {}
            Stage::Queued { .. }
            | Stage::Connecting { .. }
            | Stage::Awaiting { .. }
            | Stage::Responding { .. }
            | Stage::Tunnel { .. } => self.client_moved(),
        }
        self.trio.session.inbox.push(bytes);
        true
    }

    /// Trailers without the fields that stand for the client, unless they come from a trusted proxy.
    fn believed(&self, trailers: Trailers) -> Option<Trailers> {
        let config = &self.trio.exchange.rules.config;
        match config.client_fields.as_slice() {
            [] => Some(trailers),
            _ if config.trusts(self.trio.session.peer.ip()) => Some(trailers),
            names => trailers.without(names),
        }
    }

    /// Passes on everything that the client sent, up to where the exchange takes a turn. `None`: there is no more.
    pub(super) fn relay_request(&mut self) -> Option<Turn> {
        // While a request is queued, what follows its head waits unread: there is nowhere to put it.
        while self.is_carried() {
            match self.trio.session.next() {
                Received::Nothing => break,
                Received::Data(bytes) => {
                    if let Err(failure) = self.pass_request(bytes) {
                        return Some(Turn::Failed(failure));
                    }
                }
                Received::End(trailers) => {
                    let trailers = trailers.and_then(|trailers| self.believed(trailers));
                    self.server().finish(trailers.as_ref());
                }
                Received::Bad(bad) => return Some(Turn::Failed(Failure::BadRequestBody(bad))),
            }
        }
        self.trio.session.inbox.keep();
        if self.trio.session.half_closed { self.after_fin() } else { None }
    }

    fn pass_request(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if !self.trio.exchange.is_tunnel() || self.trio.session.owes_before_raw() {
            self.count_received(bytes.len())?;
        }
        self.server().send(bytes);
        Ok(())
    }

    fn count_received(&mut self, n: usize) -> Result<(), Failure> {
        let exchange = &mut *self.trio.exchange;
        // A client that sends without waiting for the 100 owes the rest like any other.
        exchange.awaiting_continue = false;
        exchange.received += n as u64;
        match exchange.rules.request_body_max {
            Some(limit) if exchange.received > limit => Err(Failure::BodyTooLarge { limit }),
            Some(_) | None => Ok(()),
        }
    }

    fn client_took(&mut self, n: usize) -> Option<Turn> {
        self.trio.session.outbox.wrote(n, self.now);
        if self.trio.exchange.is_flushing() {
            return self.trio.session.outbox.is_empty().then_some(Turn::Flushed);
        }
        if n > 0 {
            self.trio.exchange.moved = self.now;
        }
        self.tunnel_over()
    }

    fn client_fin(&mut self) -> Option<Turn> {
        self.trio.session.half_closed = true;
        // Judged once, when FIN comes: the last request of a pipelined batch has nothing behind it, either.
        if !self.trio.exchange.is_flushing() && self.trio.session.fin_means_gone() {
            return Some(Turn::Failed(Failure::ClientGone));
        }
        self.after_fin()
    }

    /// Ends what can't go on without further octets of a client that sent FIN. What it sent before still counts.
    fn after_fin(&mut self) -> Option<Turn> {
        if !self.is_carried() {
            return None;
        }
        match self.trio.session.serving().map(|serving| &serving.request) {
            Some(Receiving::Raw) => self.end_client_half(),
            // The request will never be whole: all that came of it was understood.
            Some(Receiving::Body(_) | Receiving::BeforeRaw(_)) => Some(Turn::Failed(Failure::ClientGone)),
            Some(Receiving::Done) | None => None,
        }
    }

    /// The client's half of a tunnel is over.
    fn end_client_half(&mut self) -> Option<Turn> {
        if let Stage::Tunnel { client_done, .. } = &mut self.trio.exchange.stage {
            *client_done = true;
            self.link().end_raw();
        }
        self.tunnel_over()
    }

    /// Whether both halves of a tunnel are over and everything is written.
    pub(super) fn tunnel_over(&mut self) -> Option<Turn> {
        let Stage::Tunnel { client_done: true, upstream_done: true, .. } = self.trio.exchange.stage else {
            return None;
        };
        (self.trio.session.outbox.is_empty() && self.link().outbox.is_empty()).then_some(Turn::TunnelOver)
    }
}
