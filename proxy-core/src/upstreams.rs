//! Lease and release: which endpoint serves a request, over which connection, and who waits for one.
//!
//! Knows nothing of HTTP or of sessions: it deals in endpoints, connection ids and exchange ids.

mod balance;

use crate::config::Config;
use crate::ids::{ClusterId, EndpointId, ExchangeId};
use crate::input::ConnId;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use balance::Turn;
use core::net::SocketAddr;
use core::ops::Range;

/// All clusters and their endpoints.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Upstreams {
    clusters: Vec<Cluster>,
    endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Hash)]
struct Cluster {
    /// Its endpoints' places in `Upstreams::endpoints`.
    members: Range<u32>,
    /// Exchanges that wait for a connection slot, in order.
    pending: VecDeque<ExchangeId>,
    max_queue: u32,
    /// Whether one of its endpoints has a limit on connections.
    has_limit: bool,
    /// What an HTTP/1.0 request without a Host is given as one.
    fallback_host: String,
}

#[derive(Clone, Debug, Hash)]
struct Endpoint {
    addr: SocketAddr,
    cluster: ClusterId,
    turn: Turn,
    /// Idle connections; the one used last is used first, so that the others can expire.
    idle: Vec<ConnId>,
    permits: Permits,
}

/// Our share of a process-wide limit on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Permits {
    Unlimited,
    Limited {
        /// Granted and not in use.
        spare: u32,
        /// A request for one is not granted yet.
        asked: bool,
        /// Another worker waits for one.
        wanted: bool,
    },
}

/// Where a request can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leased {
    /// On this idle connection.
    Idle { endpoint: EndpointId, conn: ConnId },
    /// On a new connection.
    Fresh { endpoint: EndpointId },
    /// A permit for this endpoint must be asked for first; the request waits.
    Ask { endpoint: EndpointId },
    /// All permits were asked for; the request waits.
    Wait,
    /// There is no endpoint left to try.
    Nowhere,
}

/// What becomes of a permit that came free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freed {
    /// There is none.
    Unlimited,
    /// It is spare: for a request that waits here, or surplus.
    Spare,
    /// It goes back to the process.
    Release,
}

impl Upstreams {
    pub(crate) fn new(config: &Config, seed: u64) -> Self {
        let mut endpoints = Vec::new();
        let mut clusters = Vec::new();
        for (id, cluster) in (0u32..).zip(&config.clusters) {
            let first = count(&endpoints);
            endpoints.extend(cluster.endpoints.iter().map(|endpoint| Endpoint {
                addr: endpoint.addr,
                cluster: ClusterId(id),
                turn: Turn::new(endpoint.weight),
                idle: Vec::new(),
                permits: match endpoint.max_connections {
                    None => Permits::Unlimited,
                    Some(_) => Permits::Limited { spare: 0, asked: false, wanted: false },
                },
            }));
            let members = first..count(&endpoints);
            if let Some(start) = seed.checked_rem(u64::from(members.end - members.start)) {
                // Workers start at different endpoints, or all their first requests would meet at one.
                for _ in 0..start {
                    let members = &mut endpoints[members.start as usize..];
                    balance::next(members, |_, _| true, |endpoint| &mut endpoint.turn);
                }
            }
            clusters.push(Cluster {
                members,
                pending: VecDeque::new(),
                max_queue: cluster.max_queue,
                has_limit: cluster.endpoints.iter().any(|endpoint| endpoint.max_connections.is_some()),
                fallback_host: cluster
                    .endpoints
                    .first()
                    .map_or_else(String::new, |first| first.addr.to_string()),
            });
        }
        Self { clusters, endpoints }
    }

    pub(crate) fn addr(&self, endpoint: EndpointId) -> SocketAddr {
        self.endpoints[endpoint.index()].addr
    }

    pub(crate) fn fallback_host(&self, cluster: ClusterId) -> &str {
        &self.clusters[cluster.index()].fallback_host
    }

    pub(crate) fn cluster_of(&self, endpoint: EndpointId) -> ClusterId {
        self.endpoints[endpoint.index()].cluster
    }

    /// The cluster of an endpoint that may not exist.
    pub(crate) fn find_cluster(&self, endpoint: EndpointId) -> Option<ClusterId> {
        self.endpoints.get(endpoint.index()).map(|endpoint| endpoint.cluster)
    }

    /// Finds a connection for a request of `cluster`. Not to an endpoint for which `tried` holds; with `fresh`, not an
    /// idle one.
    pub(crate) fn lease(
        &mut self,
        cluster: ClusterId,
        fresh: bool,
        tried: impl Fn(EndpointId) -> bool,
    ) -> Leased {
        let Cluster { members, has_limit, .. } = &self.clusters[cluster.index()];
        let (members, has_limit) = (members.clone(), *has_limit);
        let first = members.start;
        let endpoints = &mut self.endpoints[members.start as usize..members.end as usize];
        // A permit came for who waits now; the turn was taken when it was asked for.
        let mut granted = (first..).map(EndpointId).zip(endpoints.iter_mut());
        if has_limit
            && let Some((at, endpoint)) = granted.find(|(at, endpoint)| endpoint.has_spare() && !tried(*at))
        {
            return endpoint.take(at, fresh);
        }
        let id = |at: u32| EndpointId(first + at);
        let may_serve = |at, endpoint: &Endpoint| !tried(id(at)) && endpoint.may_serve(fresh);
        if let Some((at, chosen)) = balance::next(endpoints, may_serve, |endpoint| &mut endpoint.turn) {
            return chosen.take(id(at), fresh);
        }
        if members.map(EndpointId).any(|endpoint| !tried(endpoint)) { Leased::Wait } else { Leased::Nowhere }
    }

    /// Puts a clean connection into the pool, unless another worker waits for its permit.
    pub(crate) fn park(&mut self, endpoint: EndpointId, conn: ConnId) -> bool {
        let endpoint = &mut self.endpoints[endpoint.index()];
        if matches!(endpoint.permits, Permits::Limited { wanted: true, .. }) {
            return false;
        }
        endpoint.idle.push(conn);
        true
    }

    /// Takes a connection that ended out of the pool, if it is there.
    pub(crate) fn unpark(&mut self, endpoint: EndpointId, conn: ConnId) {
        let idle = &mut self.endpoints[endpoint.index()].idle;
        if let Some(at) = idle.iter().rposition(|parked| *parked == conn) {
            idle.remove(at);
        }
    }

    /// A permit was granted: it is spare. Returns whose requests may need it; `None` if nobody can have asked for it.
    pub(crate) fn granted(&mut self, endpoint: EndpointId) -> Option<ClusterId> {
        let endpoint = self.endpoints.get_mut(endpoint.index())?;
        let Permits::Limited { spare, asked, .. } = &mut endpoint.permits else { return None };
        *asked = false;
        *spare += 1;
        Some(endpoint.cluster)
    }

    /// Another worker waits for a permit of this endpoint. Returns the idle connection that should go.
    pub(crate) fn wanted(&mut self, endpoint: EndpointId) -> Option<ConnId> {
        let endpoint = self.endpoints.get_mut(endpoint.index())?;
        let oldest = endpoint.idle.first().copied();
        if let Permits::Limited { wanted, .. } = &mut endpoint.permits {
            *wanted = oldest.is_none();
        }
        oldest
    }

    /// A connection to the endpoint is gone, and its permit with it.
    #[must_use]
    pub(crate) fn freed(&mut self, endpoint: EndpointId) -> Freed {
        match &mut self.endpoints[endpoint.index()].permits {
            Permits::Unlimited => Freed::Unlimited,
            Permits::Limited { wanted, .. } if *wanted => {
                *wanted = false;
                Freed::Release
            }
            Permits::Limited { spare, .. } => {
                *spare += 1;
                Freed::Spare
            }
        }
    }

    /// A permit that the first in the queue has no use for, once per call.
    pub(crate) fn take_surplus(&mut self, cluster: ClusterId) -> Option<EndpointId> {
        let mut members = self.clusters[cluster.index()].members.clone().map(EndpointId);
        members.find(|endpoint| match &mut self.endpoints[endpoint.index()].permits {
            Permits::Limited { spare, .. } if *spare > 0 => {
                *spare -= 1;
                true
            }
            Permits::Limited { .. } | Permits::Unlimited => false,
        })
    }

    /// Whether a permit is kept that no connection needs: only while an input is handled.
    pub(crate) fn has_surplus(&self) -> bool {
        self.endpoints.iter().any(Endpoint::has_spare)
    }

    pub(crate) fn enqueue(&mut self, cluster: ClusterId, exchange: ExchangeId) {
        self.clusters[cluster.index()].pending.push_back(exchange);
    }

    pub(crate) fn next_pending(&self, cluster: ClusterId) -> Option<ExchangeId> {
        self.clusters[cluster.index()].pending.front().copied()
    }

    pub(crate) fn dequeue(&mut self, cluster: ClusterId, exchange: ExchangeId) {
        self.clusters[cluster.index()].pending.retain(|pending| *pending != exchange);
    }

    pub(crate) fn queued(&self, cluster: ClusterId) -> usize {
        self.clusters.get(cluster.index()).map_or(0, |cluster| cluster.pending.len())
    }

    /// The last exchange of a queue that is over its limit.
    pub(crate) fn overflowing(&self, cluster: ClusterId) -> Option<ExchangeId> {
        let cluster = &self.clusters[cluster.index()];
        if cluster.pending.len() > cluster.max_queue as usize {
            cluster.pending.back().copied()
        } else {
            None
        }
    }

    /// All idle connections, endpoint after endpoint.
    pub(crate) fn idle(&self) -> impl Iterator<Item = ConnId> {
        self.endpoints.iter().flat_map(|endpoint| endpoint.idle.iter().copied())
    }

    /// All waiting exchanges, cluster after cluster.
    pub(crate) fn pending(&self) -> impl Iterator<Item = ExchangeId> {
        self.clusters.iter().flat_map(|cluster| cluster.pending.iter().copied())
    }
}

impl Endpoint {
    /// Whether a request can have a connection, now or once a permit that was not asked for yet is granted. None is
    /// spare.
    fn may_serve(&self, fresh: bool) -> bool {
        let may_connect = match self.permits {
            Permits::Unlimited => true,
            Permits::Limited { asked, .. } => !asked,
        };
        may_connect || (!fresh && !self.idle.is_empty())
    }

    const fn has_spare(&self) -> bool {
        matches!(self.permits, Permits::Limited { spare: 1.., .. })
    }

    /// An idle connection; or else a new one, for which a spare permit is used up; or else a request for one.
    fn take(&mut self, endpoint: EndpointId, fresh: bool) -> Leased {
        if let Some(conn) = if fresh { None } else { self.idle.pop() } {
            return Leased::Idle { endpoint, conn };
        }
        match &mut self.permits {
            Permits::Unlimited => Leased::Fresh { endpoint },
            Permits::Limited { spare, .. } if *spare > 0 => {
                *spare -= 1;
                Leased::Fresh { endpoint }
            }
            Permits::Limited { asked, .. } => {
                *asked = true;
                Leased::Ask { endpoint }
            }
        }
    }
}

fn count(endpoints: &[Endpoint]) -> u32 {
    u32::try_from(endpoints.len()).unwrap_or(u32::MAX)
}
