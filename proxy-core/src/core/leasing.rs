//! How a request comes to a connection: the choice, the queue, the next try.

use super::Core;
use super::interest::buffer;
use super::table::Trio;
use crate::action::{Action, Close};
use crate::config::Via;
use crate::exchange::verdict::Failure;
use crate::exchange::{Exchange, Held, Stage};
use crate::forward::{RequestContext, Scheme, request_id};
use crate::http::{HeadKind, RequestHead};
use crate::ids::{ClusterId, EndpointId, ExchangeId};
use crate::input::{ConnId, Permit};
use crate::link::{Link, Request};
use crate::outbox::Outbox;
use crate::upstreams::{Demand, Leased, Upstreams};
use alloc::boxed::Box;
use core::mem;

impl Core {
    /// Finds a connection for a new request, whose session was touched, behind those that wait already.
    pub(super) fn place(&mut self, cluster: ClusterId, id: ExchangeId, head: &RequestHead) {
        if self.upstreams.next_pending(cluster).is_some() {
            self.enqueue(cluster, id, Some(head));
            self.to_serve.push(cluster);
        } else {
            self.try_lease(cluster, id, Some(head));
        }
    }

    /// Tries to give `id` a connection. Returns false when it has to wait. `head`: what is to be sent, if it was not
    /// written yet. Its session must be settled.
    pub(super) fn try_lease(
        &mut self,
        cluster: ClusterId,
        id: ExchangeId,
        head: Option<&RequestHead>,
    ) -> bool {
        let exchange = self.table.exchange(id);
        let demand = exchange.demand();
        match self.upstreams.lease(cluster, demand, |endpoint| exchange.has_failed_at(endpoint)) {
            Leased::Idle { endpoint, conn } => self.use_idle(id, head, endpoint, conn),
            Leased::Fresh { endpoint } => self.connect(id, head, endpoint),
            Leased::Evict { conn } => {
                // What its permit is worth is known when it is gone: another worker may have a claim to it.
                self.drop_idle(conn);
                return self.try_lease(cluster, id, head);
            }
            Leased::Ask { endpoint } => {
                self.actions.push_back(Action::Acquire(Permit::Endpoint(endpoint)));
                self.enqueue(cluster, id, head);
                return false;
            }
            Leased::Wait => {
                self.enqueue(cluster, id, head);
                self.shed(cluster);
                return false;
            }
            Leased::Nowhere => self.fail(id, Failure::NoEndpoint),
        }
        true
    }

    #[cold]
    fn enqueue(&mut self, cluster: ClusterId, id: ExchangeId, head: Option<&RequestHead>) {
        let exchange = self.table.touch_exchange(id);
        if let Some(head) = head {
            exchange.held = Some(Held::Head(Box::new(head.detached())));
        }
        if !exchange.is_enqueued {
            exchange.is_enqueued = true;
            self.upstreams.enqueue(cluster, id);
        }
    }

    /// Refuses what is over the queue's limit, the latest first.
    fn shed(&mut self, cluster: ClusterId) {
        while let Some(id) = self.upstreams.overflowing(cluster) {
            self.fail(id, Failure::QueueFull);
        }
    }

    /// Gives connections to those who wait, in order, as long as there are any.
    pub(super) fn serve_queue(&mut self, cluster: ClusterId) {
        while let Some(id) = self.upstreams.next_pending(cluster) {
            let session = self.table.exchange(id).client.conn;
            if !self.try_lease(cluster, id, None) {
                break;
            }
            self.advance_client(session);
        }
        self.shed(cluster);
        while let Some(endpoint) = self.upstreams.take_surplus(cluster) {
            self.actions.push_back(Action::Release(Permit::Endpoint(endpoint)));
        }
    }

    pub(super) fn on_endpoint_granted(&mut self, endpoint: EndpointId) {
        if let Some(cluster) = self.upstreams.granted(endpoint) {
            self.to_serve.push(cluster);
        }
    }

    pub(super) fn on_endpoint_denied(&mut self, endpoint: EndpointId) {
        if let Some(cluster) = self.upstreams.find_cluster(endpoint) {
            self.to_serve.push(cluster);
        }
    }

    pub(super) fn on_endpoint_wanted(&mut self, endpoint: EndpointId) {
        if let Some(conn) = self.upstreams.wanted(endpoint) {
            self.drop_idle(conn);
        }
    }

    /// Takes an exchange that ends out of the queue; who is behind it may have its turn.
    pub(super) fn leave_queue(&mut self, id: ExchangeId) {
        let exchange = self.table.touch_exchange(id);
        if dequeue(&mut self.upstreams, exchange, id) {
            self.to_serve.push(exchange.cluster());
        }
    }

    /// Closes a connection of the pool.
    pub(super) fn drop_idle(&mut self, conn: ConnId) {
        self.close(conn, Close::Graceful);
    }

    fn use_idle(&mut self, id: ExchangeId, head: Option<&RequestHead>, endpoint: EndpointId, conn: ConnId) {
        let now = self.now;
        let exchange = self.table.touch_exchange(id);
        exchange.begin_attempt(self.upstreams.name(endpoint), true, now);
        exchange.marks.connected = Some(now);
        exchange.stage = Stage::Awaiting { link: conn };
        dequeue(&mut self.upstreams, exchange, id);
        let Trio { exchange, link, .. } = self.table.settled_trio(id);
        let (link, _) = link.expect("a pooled connection lives");
        match head {
            Some(head) => {
                self.spare.lend(&mut link.outbox);
                let id_text = request_id(exchange.request_id);
                link.ask(id, head, &context(&self.upstreams, exchange, &id_text), reading(exchange));
            }
            None => match exchange.held.take().expect(HELD) {
                Held::Head(head) => {
                    self.spare.lend(&mut link.outbox);
                    let id_text = request_id(exchange.request_id);
                    link.ask(id, &head, &context(&self.upstreams, exchange, &id_text), reading(exchange));
                }
                Held::Written(request) => link.carry(*request),
            },
        }
        // Once octets of it left us, any other is never sent again.
        if exchange.method.is_idempotent() {
            link.outbox.retain(exchange.rules.head_limits.head_bytes + buffer(&exchange.rules));
        }
    }

    #[cold]
    fn connect(&mut self, id: ExchangeId, head: Option<&RequestHead>, endpoint: EndpointId) {
        let request = match head {
            Some(head) => self.write_request(id, head),
            None => match self.table.touch_exchange(id).held.take().expect(HELD) {
                Held::Head(head) => self.write_request(id, &head),
                Held::Written(request) => *request,
            },
        };
        let now = self.now;
        let link = self.table.insert_link(Link::connecting(endpoint, request));
        self.actions.push_back(Action::Connect { conn: link, peer: self.upstreams.name(endpoint).addr });
        let exchange = self.table.touch_exchange(id);
        exchange.begin_attempt(self.upstreams.name(endpoint), false, now);
        exchange.stage = Stage::Connecting { link, since: now };
        dequeue(&mut self.upstreams, exchange, id);
    }

    /// `head` as it is written for an upstream.
    fn write_request(&mut self, id: ExchangeId, head: &RequestHead) -> Request {
        let mut outbox = Outbox::default();
        self.spare.lend(&mut outbox);
        let exchange = self.table.exchange(id);
        let id_text = request_id(exchange.request_id);
        Request::new(id, head, &context(&self.upstreams, exchange, &id_text), reading(exchange), outbox)
    }

    pub(super) fn on_connected(&mut self, conn: ConnId, id: ExchangeId) {
        let mut active = self.active(id);
        active.link().connected();
        active.trio.exchange.stage = Stage::Awaiting { link: conn };
        active.trio.exchange.marks.connected = Some(active.now);
    }

    /// Takes an exchange off the connection that carries it, which ends: in this way, or by itself.
    pub(super) fn detach(&mut self, id: ExchangeId, how: Option<Close>) {
        let since = self.now;
        let exchange = self.table.touch_exchange(id);
        let Some(conn) = exchange.link() else { return };
        exchange.stage = Stage::Queued { since, demand: Demand::Any };
        match how {
            Some(how) => self.close(conn, how),
            None => self.bury(conn),
        }
    }
}

const HELD: &str = "a request that waits is held";

/// Takes an exchange out of its cluster's queue, and returns whether it stood there.
fn dequeue(upstreams: &mut Upstreams, exchange: &mut Exchange, id: ExchangeId) -> bool {
    let was_enqueued = mem::take(&mut exchange.is_enqueued);
    if was_enqueued {
        upstreams.dequeue(exchange.cluster(), id);
    }
    was_enqueued
}

/// What a request's own octets do not say.
fn context<'a>(upstreams: &'a Upstreams, exchange: &'a Exchange, id: &'a [u8]) -> RequestContext<'a> {
    let rules = &exchange.rules;
    let peer = exchange.origin.peer.ip();
    RequestContext {
        peer,
        scheme: Scheme::Http,
        peer_is_trusted: rules.config.trusts(peer),
        fallback_host: upstreams.fallback_host(exchange.cluster()),
        request_id: Some(id),
        via: (rules.dialect.via == Via::Both).then_some(&rules.mark),
        client_fields: &rules.config.client_fields,
    }
}

/// How the answers of the server are read.
fn reading(exchange: &Exchange) -> HeadKind {
    HeadKind::response(exchange.rules.dialect.strict)
}
