//! A configuration made ready to work by: looked up quickly, named once, and shared. It never changes; a new
//! configuration is a new plan, and what began under the old one ends under it.

mod names;
mod rules;
mod shortest;

pub use names::{ClusterName, EndpointName, ListenerName};
pub use rules::{Matched, Rules};

use crate::config::{self, Config, ConfigError};
use crate::digest::Digest;
use crate::http::BadHead;
use crate::ids::{ListenerId, RouteId};
use crate::route::Router;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use names::Names;

/// What a core works by. Cheap to share within a worker; another worker makes its own of the same configuration, so that
/// no two wait for each other to count who holds it.
#[derive(Debug)]
pub struct Plan {
    generation: u32,
    config: Arc<Config>,
    names: Names,
    router: Router,
    routes: Vec<Arc<Rules>>,
    unrouted: Arc<Rules>,
    /// Of the configuration and all before it: the rest follows from them.
    digest: u64,
}

impl Plan {
    /// The first plan of a process.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::make(config, 0, &Names::default(), Digest::default())
    }

    /// The plan that takes the place of this one. What both name is the same thing and keeps its id: a listener by its name
    /// and address, a cluster by its name, an endpoint by its cluster's name and its address.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn following(&self, config: Config) -> Result<Self, ConfigError> {
        let mut digest = Digest::default();
        self.hash(&mut digest);
        Self::make(config, self.generation + 1, &self.names, digest)
    }

    fn make(config: Config, generation: u32, known: &Names, mut digest: Digest) -> Result<Self, ConfigError> {
        config.validate()?;
        config.hash(&mut digest);
        let names = Names::of(&config, known);
        let config = Arc::new(config);
        let unrouted = Rules::unrouted(&config, generation);
        let rules = |(id, route): (RouteId, &config::Route)| {
            let cluster = &names.clusters[route.cluster.index()];
            Arc::new(Rules::routed(&unrouted, id, route, cluster))
        };
        let routes = (0..).map(RouteId).zip(&config.routes).map(rules).collect();
        Ok(Self {
            generation,
            router: Router::new(&config.routes),
            routes,
            unrouted: Arc::new(unrouted),
            names,
            config,
            digest: digest.finish(),
        })
    }

    /// How many configurations came before its own.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The listener of this id, if there is one.
    pub fn listener(&self, id: ListenerId) -> Option<&Arc<ListenerName>> {
        self.listeners().find(|listener| listener.id == id)
    }

    /// All listeners, in the order of `Config::listeners`.
    pub fn listeners(&self) -> impl ExactSizeIterator<Item = &Arc<ListenerName>> {
        self.names.listeners.iter()
    }

    /// All clusters with what is said of them, in the order of `Config::clusters`.
    pub fn clusters(&self) -> impl ExactSizeIterator<Item = (&Arc<ClusterName>, &config::Cluster)> {
        self.names.clusters.iter().zip(&self.config.clusters)
    }

    /// All endpoints with what is said of them, cluster after cluster.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Arc<EndpointName>, &config::Endpoint)> {
        let said = self.config.clusters.iter().flat_map(|cluster| &cluster.endpoints);
        self.names.endpoints.iter().zip(said)
    }

    /// What holds for the requests of a route, or for those that have none.
    pub fn rules(&self, route: Option<RouteId>) -> &Arc<Rules> {
        route.and_then(|route| self.routes.get(route.index())).unwrap_or(&self.unrouted)
    }

    /// What holds for a request for `host` (no port) and `path`; `None`: it has no route.
    ///
    /// # Errors
    /// The path has no normal form, and no route takes it raw.
    pub(crate) fn find(&self, host: &[u8], path: &[u8]) -> Result<Option<&Arc<Rules>>, BadHead> {
        let route = self.router.route(&self.config.routes, host, path)?;
        Ok(route.map(|route| &self.routes[route.index()]))
    }

    /// What holds while no route is known.
    pub(crate) const fn unrouted(&self) -> &Arc<Rules> {
        &self.unrouted
    }
}

impl Hash for Plan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { generation, digest, config: _, names: _, router: _, routes: _, unrouted: _ } = self;
        (generation, digest).hash(state);
    }
}

/// Has `held` be `wanted`. That it mostly is already is quicker to see than to count anew who holds it.
pub(crate) fn share<T>(held: &mut Arc<T>, wanted: &Arc<T>) {
    if !Arc::ptr_eq(held, wanted) {
        *held = Arc::clone(wanted);
    }
}

#[cfg(test)]
mod tests;
