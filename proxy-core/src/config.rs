//! What the core is told to do. Every limit, with its unit, its default and where the default comes from.

use crate::http::{BadHead, normal_path};
use crate::ids::ClusterId;
use crate::timeouts::Timeouts;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Everything that decides what the core does, besides its inputs and its seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Which request goes where. The most specific host, then the longest path wins, never the order.
    pub routes: Vec<Route>,
    /// The named sets of endpoints.
    pub clusters: Vec<Cluster>,
    /// Limits on waiting that hold before a route is known: those of `client.*` and `drain`, and the head's share
    /// of `total`.
    pub timeouts: Timeouts,
    /// Limits on size and number.
    pub limits: Limits,
    /// Peers whose X-Forwarded-* and X-Request-Id fields are believed; those of others are replaced.
    pub trusted_proxies: Vec<IpNet>,
    /// Names of further fields that stand for the client: removed from what others than `trusted_proxies` send.
    pub client_fields: Vec<String>,
    /// Tells this process from other proxies of its kind, so that a request that comes back is known; 0: it is not.
    pub instance: u32,
    /// Whether replies that we write name the endpoint's address.
    pub explain_addresses: bool,
}

/// One place where clients come in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// Its name in logs.
    pub name: String,
    /// Its address.
    pub bind: SocketAddr,
}

/// Sends the requests that it matches to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The host without a port, in lower case; `*.example.com` for all below; `None` for any.
    pub host: Option<String>,
    /// A path prefix, matched at segment borders: `/api` takes `/api` and `/api/x`, not `/apix`.
    pub path: String,
    /// What is matched.
    pub paths: Paths,
    /// Where to.
    pub cluster: ClusterId,
    /// Its limits on waiting.
    pub timeouts: Timeouts,
    /// `total` is off and `stream.idle` on from the start.
    pub stream: bool,
    /// Longest request body, in octets; `None` for any.
    pub request_body_max: Option<u64>,
}

/// Which form of a request's path is matched. What goes on is always the client's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Paths {
    /// The normal one (RFC 3986 §6.2.2); a path without one is a 400.
    #[default]
    Normal,
    /// That which was sent, octet for octet.
    Raw,
}

/// A named set of endpoints that serve the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name in logs.
    pub name: String,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// How one is chosen.
    pub balance: Balance,
    /// Requests that may wait for a connection slot, per worker. 1,024 as in Envoy's `max_pending_requests`.
    pub max_queue: u32,
    /// How its servers are spoken with.
    pub dialect: Dialect,
}

/// How the servers of a cluster are spoken with, where HTTP leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dialect {
    /// A response that breaks a rule is a 502, even where its meaning is certain.
    pub strict: bool,
    /// Where we name ourselves.
    pub via: Via,
}

/// Where we name ourselves in Via (RFC 9110 §7.6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Via {
    /// In requests, where the RFC demands it, and in responses.
    #[default]
    Both,
    /// In responses alone: nginx does not compress for whom it takes for a proxy.
    Response,
    /// Nowhere.
    Off,
}

/// One address of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its address.
    pub addr: SocketAddr,
    /// Its share, relative to the others'. At least 1.
    pub weight: u32,
    /// Connections of the whole process to it; `None` for any number.
    pub max_connections: Option<u32>,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Balance {
    /// In turn, by weight, interleaved.
    #[default]
    RoundRobin,
}

/// Limits on size and number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Client connections of the whole process; `None` for any number. 1,000.
    pub client_connections: Option<u32>,
    /// Longest head, in octets, both sides; at most 65,535. 16 KiB, as in h11 and IIS.
    pub head_bytes: u32,
    /// Most field lines in a head, both sides; at most 255. 100, as in Apache.
    pub fields: u32,
    /// Longest request-target, in octets. 8,000, what RFC 9112 §3 recommends to support at least.
    pub target_bytes: u32,
    /// Octets that wait in us for a slow reader, each way per exchange, and the longest single read.
    pub buffer_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            client_connections: Some(1_000),
            head_bytes: 16 * 1024,
            fields: 100,
            target_bytes: 8_000,
            buffer_bytes: 32 * 1024,
        }
    }
}

impl Limits {
    /// Most octets that are held for one client connection and the upstream connection that serves it, all buffers
    /// together, the kernel's apart. Each way there may be a head or the rest of one, a read, and what is kept of them
    /// for the other side. [`Core::check`](crate::Core::check) asserts it.
    pub const fn connection_bytes_max(&self) -> u64 {
        4 * (self.head_bytes as u64 + self.buffer_bytes as u64)
    }
}

impl Config {
    /// One listener, one cluster, all defaults.
    pub fn simple(bind: SocketAddr, endpoints: &[SocketAddr]) -> Self {
        let endpoint = |addr: &SocketAddr| Endpoint { addr: *addr, weight: 1, max_connections: None };
        Self {
            listeners: alloc::vec![Listener { name: "main".into(), bind }],
            routes: alloc::vec![Route {
                host: None,
                path: "/".into(),
                paths: Paths::Normal,
                cluster: ClusterId(0),
                timeouts: Timeouts::default(),
                stream: false,
                request_body_max: None,
            }],
            clusters: alloc::vec![Cluster {
                name: "main".into(),
                endpoints: endpoints.iter().map(endpoint).collect(),
                balance: Balance::RoundRobin,
                max_queue: 1_024,
                dialect: Dialect::default(),
            }],
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            client_fields: Vec::new(),
            instance: 0,
            explain_addresses: true,
        }
    }

    /// All endpoints, cluster after cluster: the order in which the first [`Plan`](crate::Plan) numbers them.
    pub fn endpoints(&self) -> impl Iterator<Item = (ClusterId, &Endpoint)> {
        (0u32..)
            .zip(&self.clusters)
            .flat_map(|(id, cluster)| cluster.endpoints.iter().map(move |endpoint| (ClusterId(id), endpoint)))
    }

    /// Whether what a peer says of earlier hops is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// Finds the first thing that the core could not work with.
    ///
    /// # Errors
    /// Names the rule broken and the place in the lists of this struct.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (index, route) in self.routes.iter().enumerate() {
            if self.clusters.get(route.cluster.index()).is_none() {
                return Err(ConfigError::UnknownCluster { route: index });
            }
            if !route.path.starts_with('/') {
                return Err(ConfigError::PathWithoutSlash { route: index });
            }
            if route.paths == Paths::Normal
                && let Err(why) = normal_path(route.path.as_bytes())
            {
                return Err(ConfigError::BadPath { route: index, why });
            }
            let tie = |other: &Route| other.host == route.host && other.path == route.path;
            if let Some(other) = self.routes.iter().take(index).position(tie) {
                return Err(ConfigError::RouteTie { routes: [other, index] });
            }
        }
        for (index, listener) in self.listeners.iter().enumerate() {
            let same = |other: &Listener| other.name == listener.name && other.bind == listener.bind;
            if let Some(other) = self.listeners.iter().take(index).position(same) {
                return Err(ConfigError::ListenerTwice { listeners: [other, index] });
            }
        }
        for (index, cluster) in self.clusters.iter().enumerate() {
            if let Some(other) = self.clusters.iter().take(index).position(|other| other.name == cluster.name)
            {
                return Err(ConfigError::ClusterTwice { clusters: [other, index] });
            }
            let mut addrs: Vec<_> = cluster.endpoints.iter().map(|endpoint| endpoint.addr).collect();
            addrs.sort_unstable();
            if let Some([addr, _]) = addrs.array_windows().find(|[one, two]| one == two) {
                return Err(ConfigError::EndpointTwice { cluster: index, addr: *addr });
            }
            if cluster.endpoints.iter().any(|endpoint| endpoint.weight == 0) {
                return Err(ConfigError::ZeroWeight { cluster: index });
            }
            if cluster.endpoints.iter().any(|endpoint| endpoint.max_connections == Some(0)) {
                return Err(ConfigError::ZeroConnections { cluster: index });
            }
        }
        let limits = &self.limits;
        check_range("head_bytes", limits.head_bytes, 256, 65_535)?;
        check_range("fields", limits.fields, 1, 255)?;
        check_range("target_bytes", limits.target_bytes, 16, limits.head_bytes)?;
        check_range("buffer_bytes", limits.buffer_bytes, 4_096, 16 * 1024 * 1024)
    }
}

fn check_range(key: &'static str, value: u32, min: u32, max: u32) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, min, max }) }
}

/// Why a configuration can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A route names a cluster that isn't there.
    UnknownCluster {
        /// Its place in `routes`.
        route: usize,
    },
    /// A route's path doesn't start with `/`.
    PathWithoutSlash {
        /// Its place in `routes`.
        route: usize,
    },
    /// A route's path has no normal form.
    BadPath {
        /// Its place in `routes`.
        route: usize,
        /// Why.
        why: BadHead,
    },
    /// Two routes match the same requests.
    RouteTie {
        /// Their places in `routes`.
        routes: [usize; 2],
    },
    /// Two listeners have the same name and address: nothing tells them apart when the configuration changes.
    ListenerTwice {
        /// Their places in `listeners`.
        listeners: [usize; 2],
    },
    /// Two clusters have the same name.
    ClusterTwice {
        /// Their places in `clusters`.
        clusters: [usize; 2],
    },
    /// Two endpoints of a cluster have the same address.
    EndpointTwice {
        /// Its place in `clusters`.
        cluster: usize,
        /// The address.
        addr: SocketAddr,
    },
    /// An endpoint's weight is 0.
    ZeroWeight {
        /// Its place in `clusters`.
        cluster: usize,
    },
    /// An endpoint may have no connection.
    ZeroConnections {
        /// Its place in `clusters`.
        cluster: usize,
    },
    /// A limit is outside of what can work.
    OutOfRange {
        /// Its name in `limits`.
        key: &'static str,
        /// What it was.
        value: u32,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCluster { route } => write!(f, "route {route} names a cluster that does not exist"),
            Self::PathWithoutSlash { route } => write!(f, "the path of route {route} must start with '/'"),
            Self::BadPath { route, why } => write!(f, "the path of route {route} matches nothing: {why}"),
            Self::RouteTie { routes: [a, b] } => write!(f, "routes {a} and {b} match the same host and path"),
            Self::ListenerTwice { listeners: [a, b] } => write!(f, "listeners {a} and {b} are the same"),
            Self::ClusterTwice { clusters: [a, b] } => write!(f, "clusters {a} and {b} have the same name"),
            Self::EndpointTwice { cluster, addr } => write!(f, "cluster {cluster} has {addr} twice"),
            Self::ZeroWeight { cluster } => write!(f, "cluster {cluster} has an endpoint of weight 0"),
            Self::ZeroConnections { cluster } => {
                write!(f, "cluster {cluster} has an endpoint with no connections")
            }
            Self::OutOfRange { key, value, min, max } => {
                write!(f, "{key} = {value} is not between {min} and {max}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
