//! What holds for a request: the limits of its route, or those for all while no route is known.

use super::names::ClusterName;
use super::shortest;
use crate::config::{Config, Dialect, Limits, Route};
use crate::forward::via_mark;
use crate::http::HeadLimits;
use crate::ids::{ClusterId, RouteId};
use crate::timeouts::{Runs, Timeouts};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::hash::{Hash, Hasher};

/// What holds for the requests of one route, or for those that have none. A request keeps those under which it began.
#[derive(Debug)]
pub struct Rules {
    /// How many configurations came before the one that they are of.
    pub generation: u32,
    /// The route and where it leads; `None` for requests without a route.
    pub matched: Option<Matched>,
    /// Limits on waiting.
    pub timeouts: Timeouts,
    /// Limits on size and number.
    pub limits: Limits,
    /// `total` is off and `stream.idle` on from the start.
    pub stream: bool,
    /// Longest request body, in octets; `None` for any.
    pub request_body_max: Option<u64>,
    /// What holds for all requests alike.
    pub(crate) config: Arc<Config>,
    pub(crate) head_limits: HeadLimits,
    /// How the servers are spoken with.
    pub(crate) dialect: Dialect,
    /// What follows our name in the Via of requests.
    pub(crate) mark: String,
    /// No deadline of a request comes sooner after its first octet than this, in nanoseconds.
    pub(crate) shortest: u64,
}

/// The route that a request takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matched {
    /// Its place in the configuration.
    pub route: RouteId,
    /// Its host and path, as logs write them.
    pub name: String,
    /// Where it leads.
    pub cluster: Arc<ClusterName>,
}

impl Rules {
    /// Those for requests without a route.
    pub(super) fn unrouted(config: &Arc<Config>, generation: u32) -> Self {
        Self {
            generation,
            matched: None,
            timeouts: config.timeouts.clone(),
            limits: config.limits.clone(),
            stream: false,
            request_body_max: None,
            config: Arc::clone(config),
            head_limits: head_limits(&config.limits),
            dialect: Dialect::default(),
            mark: via_mark(config.instance),
            shortest: shortest::of(Runs::Unrouted, &config.timeouts),
        }
    }

    /// Those for the requests of a route.
    pub(super) fn routed(unrouted: &Self, id: RouteId, route: &Route, cluster: &Arc<ClusterName>) -> Self {
        let name = format!("{}{}", route.host.as_deref().unwrap_or("*"), route.path);
        Self {
            generation: unrouted.generation,
            matched: Some(Matched { route: id, name, cluster: Arc::clone(cluster) }),
            timeouts: route.timeouts.clone(),
            limits: unrouted.limits.clone(),
            stream: route.stream,
            request_body_max: route.request_body_max,
            config: Arc::clone(&unrouted.config),
            head_limits: unrouted.head_limits,
            dialect: unrouted.config.clusters[route.cluster.index()].dialect,
            mark: unrouted.mark.clone(),
            shortest: shortest::of(Runs::Carried, &route.timeouts),
        }
    }

    /// The cluster that serves these requests.
    pub(crate) fn cluster(&self) -> ClusterId {
        self.matched.as_ref().expect("a request that is served has a route").cluster.id
    }

    /// Which route they are of.
    pub fn route(&self) -> Option<RouteId> {
        self.matched.as_ref().map(|matched| matched.route)
    }
}

fn head_limits(limits: &Limits) -> HeadLimits {
    HeadLimits {
        head_bytes: limits.head_bytes as usize,
        fields: limits.fields as usize,
        target_bytes: limits.target_bytes as usize,
    }
}

/// Rules are told apart by where they stand: what they say follows from the configuration of their generation.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation && self.matched == other.matched
    }
}

impl Eq for Rules {}

impl Hash for Rules {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            generation,
            matched,
            timeouts: _,
            limits: _,
            stream: _,
            request_body_max: _,
            config: _,
            head_limits: _,
            dialect: _,
            mark: _,
            shortest: _,
        } = self;
        (generation, matched).hash(state);
    }
}
