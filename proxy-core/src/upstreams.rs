//! Lease and release: which endpoint serves a request, over which connection, and who waits for one.
//!
//! Knows nothing of HTTP or of sessions: it deals in endpoints, connection ids and exchange ids.

mod balance;
mod cluster;
mod endpoint;
mod pending;
mod permits;
mod pool;

pub use endpoint::Standing;
pub(crate) use permits::Freed;

use crate::ids::{ClusterId, EndpointId, ExchangeId};
use crate::input::ConnId;
use crate::plan::{EndpointName, Plan};
use crate::record::Reason;
use crate::time::Instant;
use alloc::sync::Arc;
use alloc::vec::Vec;
use cluster::Cluster;
use endpoint::Endpoint;

/// All clusters and their endpoints.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Upstreams {
    clusters: Vec<Cluster>,
    endpoints: Vec<Endpoint>,
}

/// Which connections will do for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Demand {
    Any,
    /// A pooled one just proved stale; its siblings may be, too.
    Fresh,
}

/// Where a request can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leased {
    /// On this idle connection.
    Idle { endpoint: EndpointId, conn: ConnId },
    /// On a new connection.
    Fresh { endpoint: EndpointId },
    /// This idle connection, which will not do, holds a permit that a new one could have: it must go, then ask again.
    Evict { conn: ConnId },
    /// A permit for this endpoint must be asked for first; the request waits.
    Ask { endpoint: EndpointId },
    /// All permits were asked for; the request waits.
    Wait,
    /// There is no endpoint left to try.
    Nowhere,
}

impl Upstreams {
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        let mut endpoints = Vec::new();
        let mut clusters = Vec::new();
        let mut said = plan.endpoints();
        for (_, cluster) in plan.clusters() {
            let first = count(&endpoints);
            endpoints.extend(
                said.by_ref()
                    .take(cluster.endpoints.len())
                    .map(|(name, endpoint)| Endpoint::new(Arc::clone(name), endpoint)),
            );
            clusters.push(Cluster::new(cluster, first..count(&endpoints), seed));
        }
        Self { clusters, endpoints }
    }

    pub(crate) fn name(&self, endpoint: EndpointId) -> &Arc<EndpointName> {
        &self.endpoints[endpoint.index()].name
    }

    pub(crate) fn fallback_host(&self, cluster: ClusterId) -> &str {
        &self.cluster(cluster).fallback_host
    }

    pub(crate) fn cluster_of(&self, endpoint: EndpointId) -> ClusterId {
        self.endpoints[endpoint.index()].name.cluster.id
    }

    /// The cluster of an endpoint that may not exist.
    pub(crate) fn find_cluster(&self, endpoint: EndpointId) -> Option<ClusterId> {
        self.endpoints.get(endpoint.index()).map(|endpoint| endpoint.name.cluster.id)
    }

    /// Finds a connection for a request of `cluster` that meets its `demand`. Not to an endpoint for which `tried` holds.
    pub(crate) fn lease(
        &mut self,
        cluster: ClusterId,
        demand: Demand,
        tried: impl Fn(EndpointId) -> bool,
    ) -> Leased {
        let Cluster { members, balancer, has_limit, .. } = &mut self.clusters[cluster.index()];
        let first = members.start;
        let endpoints = &mut self.endpoints[members.start as usize..members.end as usize];
        // A permit came for who waits now; the turn was taken when it was asked for.
        let mut granted = members.clone().map(EndpointId).zip(endpoints.iter_mut());
        if *has_limit
            && let Some((at, endpoint)) =
                granted.find(|(at, endpoint)| endpoint.permits.has_spare() && !tried(*at))
        {
            return endpoint.lease(at, demand);
        }
        let id = |at| EndpointId(first + at);
        let may_serve =
            |at| !tried(id(at)) && endpoints.get(at as usize).is_some_and(|endpoint| endpoint.may_serve());
        if let Some(at) = balancer.choose(may_serve)
            && let Some(chosen) = endpoints.get_mut(at as usize)
        {
            return chosen.lease(id(at), demand);
        }
        if self.has_endpoint(cluster, |endpoint| !tried(endpoint)) { Leased::Wait } else { Leased::Nowhere }
    }

    /// Whether a cluster has an endpoint that is `wanted`.
    pub(crate) fn has_endpoint(&self, cluster: ClusterId, wanted: impl Fn(EndpointId) -> bool) -> bool {
        self.cluster(cluster).members.clone().map(EndpointId).any(wanted)
    }

    /// A request to an endpoint ended so.
    pub(crate) fn report(&mut self, endpoint: EndpointId, result: Reason, now: Instant) {
        self.endpoints[endpoint.index()].report(result, now);
    }

    /// How each endpoint did last, in the order of the configuration.
    pub(crate) fn standings(&self) -> impl Iterator<Item = Standing> {
        self.endpoints.iter().map(Endpoint::standing)
    }

    /// Puts a clean connection into the pool, unless another worker waits for its permit.
    pub(crate) fn park(&mut self, endpoint: EndpointId, conn: ConnId) -> bool {
        let endpoint = &mut self.endpoints[endpoint.index()];
        if endpoint.permits.is_wanted() {
            return false;
        }
        endpoint.pool.put(conn);
        true
    }

    /// A connection is gone, from the pool if it is `parked`: its permit came free.
    #[must_use]
    pub(crate) fn release(&mut self, endpoint: EndpointId, parked: Option<ConnId>) -> Freed {
        let endpoint = &mut self.endpoints[endpoint.index()];
        if let Some(conn) = parked {
            endpoint.pool.remove(conn);
        }
        endpoint.permits.freed()
    }

    /// A permit was granted: it is spare. Returns whose requests may need it; `None` if nobody can have asked for it.
    pub(crate) fn granted(&mut self, endpoint: EndpointId) -> Option<ClusterId> {
        let endpoint = self.endpoints.get_mut(endpoint.index())?;
        endpoint.permits.granted().then_some(endpoint.name.cluster.id)
    }

    /// Another worker waits for a permit of this endpoint. Returns the idle connection that should go.
    pub(crate) fn wanted(&mut self, endpoint: EndpointId) -> Option<ConnId> {
        let endpoint = self.endpoints.get_mut(endpoint.index())?;
        endpoint.permits.want();
        endpoint.pool.oldest()
    }

    /// A permit that the first in the queue has no use for, once per call.
    pub(crate) fn take_surplus(&mut self, cluster: ClusterId) -> Option<EndpointId> {
        let mut members = self.cluster(cluster).members.clone().map(EndpointId);
        members.find(|endpoint| self.endpoints[endpoint.index()].permits.give_back())
    }

    /// Whether a permit is kept that no connection needs: only while an input is handled.
    pub(crate) fn has_surplus(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.permits.has_spare())
    }

    pub(crate) fn enqueue(&mut self, cluster: ClusterId, exchange: ExchangeId) {
        self.clusters[cluster.index()].pending.push(exchange);
    }

    pub(crate) fn next_pending(&self, cluster: ClusterId) -> Option<ExchangeId> {
        self.cluster(cluster).pending.first()
    }

    pub(crate) fn dequeue(&mut self, cluster: ClusterId, exchange: ExchangeId) {
        self.clusters[cluster.index()].pending.remove(exchange);
    }

    pub(crate) fn queued(&self, cluster: ClusterId) -> usize {
        self.clusters.get(cluster.index()).map_or(0, |cluster| cluster.pending.len())
    }

    /// The last exchange of a queue that is over its limit.
    pub(crate) fn overflowing(&self, cluster: ClusterId) -> Option<ExchangeId> {
        self.cluster(cluster).pending.overflowing()
    }

    /// All idle connections, endpoint after endpoint.
    pub(crate) fn idle(&self) -> impl Iterator<Item = ConnId> {
        self.endpoints.iter().flat_map(|endpoint| endpoint.pool.iter())
    }

    /// All waiting exchanges, cluster after cluster.
    pub(crate) fn pending(&self) -> impl Iterator<Item = ExchangeId> {
        self.clusters.iter().flat_map(|cluster| cluster.pending.iter())
    }

    fn cluster(&self, cluster: ClusterId) -> &Cluster {
        &self.clusters[cluster.index()]
    }
}

fn count(endpoints: &[Endpoint]) -> u32 {
    u32::try_from(endpoints.len()).unwrap_or(u32::MAX)
}
