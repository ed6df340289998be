//! How a request comes to a connection: the choice, the queue, the next try.

use super::interest::buffer;
use super::{Core, Side};
use crate::action::{Action, Close};
use crate::config::Config;
use crate::exchange::verdict::{Failure, may_replay};
use crate::exchange::{Exchange, Stage};
use crate::forward::{RequestContext, Scheme, request_id};
use crate::http::RequestHead;
use crate::ids::{ClusterId, EndpointId, ExchangeId};
use crate::input::{ConnId, NetError, Permit};
use crate::link::{Link, Request};
use crate::outbox::Outbox;
use crate::record::AttemptResult;
use crate::upstreams::{Leased, Upstreams};
use alloc::boxed::Box;

/// Whether a pooled connection will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    /// A pooled one just proved stale; its siblings may be, too.
    Fresh,
}

impl Core {
    /// Finds a connection for a new request, whose session was touched, behind those that wait already.
    pub(super) fn place(&mut self, cluster: ClusterId, id: ExchangeId, head: &RequestHead) {
        if self.upstreams.next_pending(cluster).is_some() {
            self.enqueue(cluster, id, Some(head));
            self.to_serve.push(cluster);
        } else {
            self.try_lease(cluster, id, Kind::Any, Some(head), Failure::NoEndpoint);
        }
    }

    /// Tries to give `id` a connection. Returns false when it has to wait. `head`: what is to be sent, if it was not
    /// written yet. `otherwise`: why it fails when there is no endpoint left. Its session must be settled.
    fn try_lease(
        &mut self,
        cluster: ClusterId,
        id: ExchangeId,
        kind: Kind,
        head: Option<&RequestHead>,
        otherwise: Failure,
    ) -> bool {
        let Some(exchange) = self.exchanges.get(id.0) else { return true };
        let leased =
            self.upstreams.lease(cluster, kind == Kind::Fresh, |endpoint| exchange.has_failed_at(endpoint));
        match leased {
            Leased::Idle { endpoint, conn } => self.use_idle(id, head, endpoint, conn),
            Leased::Fresh { endpoint } => self.connect(id, head, endpoint),
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
            Leased::Nowhere => self.fail(id, otherwise),
        }
        true
    }

    #[cold]
    fn enqueue(&mut self, cluster: ClusterId, id: ExchangeId, head: Option<&RequestHead>) {
        let now = self.now;
        let written = head.and_then(|head| self.write_request(id, head));
        let Some(exchange) = self.exchange_mut(id) else { return };
        if let Some(request) = written {
            exchange.request = Some(Box::new(request));
        }
        if !exchange.is_enqueued {
            exchange.is_enqueued = true;
            exchange.stage = Stage::Queued { since: now };
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
            if !self.try_lease(cluster, id, Kind::Any, None, Failure::NoEndpoint) {
                break;
            }
            self.leave_queue(cluster, id);
            if let Some(session) = self.exchange(id).map(|exchange| exchange.session) {
                self.touch(session);
                self.advance_client(session);
            }
        }
        self.shed(cluster);
        while let Some(endpoint) = self.upstreams.take_surplus(cluster) {
            self.actions.push_back(Action::Release(Permit::Endpoint(endpoint)));
        }
    }

    pub(super) fn leave_queue(&mut self, cluster: ClusterId, id: ExchangeId) {
        self.upstreams.dequeue(cluster, id);
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.is_enqueued = false;
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

    /// Closes a connection of the pool.
    pub(super) fn drop_idle(&mut self, conn: ConnId) {
        if let Some(endpoint) = self.link(conn).map(|link| link.endpoint) {
            self.upstreams.unpark(endpoint, conn);
            self.close(conn, Close::Graceful);
        }
    }

    fn use_idle(&mut self, id: ExchangeId, head: Option<&RequestHead>, endpoint: EndpointId, conn: ConnId) {
        let (now, kept_max) = (self.now, self.limits.head_bytes + buffer(&self.config));
        let Some(exchange) = self.exchanges.get_mut(id.0) else { return };
        let Some(Side::Upstream(link)) = self.conns.get_mut(conn.0).map(|entry| &mut entry.side) else {
            return;
        };
        match (head, exchange.request.take()) {
            (Some(head), _) => {
                self.spare.lend(&mut link.outbox);
                let id_text = request_id(exchange.outcome.id);
                let context = context(&self.config, &self.upstreams, exchange, &id_text);
                link.ask(id, head, &context);
            }
            (None, Some(request)) => link.carry(*request),
            (None, None) => return,
        }
        // Once octets of it left us, any other is never sent again.
        if exchange.method.is_idempotent() {
            link.outbox.retain(kept_max);
        }
        exchange.begin_attempt(endpoint, true, now);
        exchange.outcome.marks.connected = Some(now);
        exchange.stage = Stage::Awaiting { link: conn };
    }

    #[cold]
    fn connect(&mut self, id: ExchangeId, head: Option<&RequestHead>, endpoint: EndpointId) {
        let Some(request) = self.take_request(id, head) else { return };
        let now = self.now;
        let link = self.insert(Side::Upstream(Box::new(Link::connecting(endpoint, request))));
        self.actions.push_back(Action::Connect { conn: link, peer: self.upstreams.addr(endpoint) });
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.begin_attempt(endpoint, false, now);
            exchange.stage = Stage::Connecting { link, since: now };
        }
    }

    /// The request's octets: `head` written for the upstream, or what was written before.
    fn take_request(&mut self, id: ExchangeId, head: Option<&RequestHead>) -> Option<Request> {
        match head {
            Some(head) => self.write_request(id, head),
            None => self.exchange_mut(id)?.request.take().map(|request| *request),
        }
    }

    fn write_request(&mut self, id: ExchangeId, head: &RequestHead) -> Option<Request> {
        let mut outbox = Outbox::default();
        self.spare.lend(&mut outbox);
        let exchange = self.exchange(id)?;
        let id_text = request_id(exchange.outcome.id);
        let context = context(&self.config, &self.upstreams, exchange, &id_text);
        Some(Request::new(id, head, &context, outbox))
    }

    pub(super) fn on_connected(&mut self, conn: ConnId) {
        let now = self.now;
        let Some(link) = self.link_mut(conn).filter(|link| link.is_connecting()) else { return };
        link.connected();
        let Some(id) = link.exchange() else { return };
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.stage = Stage::Awaiting { link: conn };
            exchange.outcome.marks.connected = Some(now);
            let session = exchange.session;
            self.touch(session);
        }
    }

    pub(super) fn on_connect_failed(&mut self, conn: ConnId, error: NetError) {
        if !self.link(conn).is_some_and(Link::is_connecting) {
            return;
        }
        if let Some(Side::Upstream(mut link)) = self.bury(conn) {
            self.move_on(&mut link, error, Failure::Connect(error));
        }
    }

    /// `timeouts.connect` ran out.
    pub(super) fn on_connect_timeout(&mut self, conn: ConnId) {
        self.actions.push_back(Action::Close { conn, how: Close::Abort });
        if let Some(Side::Upstream(mut link)) = self.bury(conn) {
            self.move_on(&mut link, NetError::TimedOut, Failure::Connect(NetError::TimedOut));
        }
    }

    /// A connection could not be made: nothing of the request left us, so the next endpoint may have it, whatever the
    /// method. Each is tried once.
    fn move_on(&mut self, link: &mut Link, error: NetError, failure: Failure) {
        let Some(id) = link.exchange() else { return };
        let request = link.take_request();
        self.try_again(id, request, Kind::Any, AttemptResult::ConnectFailed(error), failure);
    }

    /// A reused connection ended before a single octet of response. Takes its request to a fresh one if that is safe;
    /// returns false if not.
    pub(super) fn replay_stale(&mut self, link: &mut Link) -> bool {
        let Some(id) = link.exchange() else { return false };
        let Some(exchange) = self.exchange(id) else { return false };
        let replayable = may_replay(
            exchange.method.is_idempotent(),
            link.outbox.is_untouched(),
            link.outbox.is_complete(),
        );
        if !link.reused || link.has_answered() || !replayable {
            return false;
        }
        let request = link.take_request();
        self.try_again(id, request, Kind::Fresh, AttemptResult::Stale, Failure::UpstreamClosedEarly);
        true
    }

    fn try_again(
        &mut self,
        id: ExchangeId,
        request: Option<Request>,
        kind: Kind,
        result: AttemptResult,
        otherwise: Failure,
    ) {
        let now = self.now;
        let Some(exchange) = self.exchange_mut(id) else { return };
        exchange.end_attempt(result, now);
        exchange.stage = Stage::Queued { since: now };
        exchange.outcome.marks.sent = None;
        exchange.request = request.map(Box::new);
        let (cluster, session) = (exchange.cluster, exchange.session);
        self.touch(session);
        if self.try_lease(cluster, id, kind, None, otherwise) {
            self.advance_client(session);
        }
    }
}

/// What a request's own octets do not say.
fn context<'a>(
    config: &Config,
    upstreams: &'a Upstreams,
    exchange: &Exchange,
    id: &'a [u8],
) -> RequestContext<'a> {
    let peer = exchange.outcome.peer.ip();
    RequestContext {
        peer,
        scheme: Scheme::Http,
        peer_is_trusted: config.trusted_proxies.iter().any(|net| net.contains(&peer)),
        fallback_host: upstreams.fallback_host(exchange.cluster),
        request_id: Some(id),
    }
}
