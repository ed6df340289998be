//! What is known by name in logs and limits, and the ids that stay with it from one configuration to the next.

use crate::config::Config;
use crate::ids::{ClusterId, EndpointId, ListenerId};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// A listener. The same one, as long as its name and its address stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenerName {
    /// What inputs and actions call it.
    pub id: ListenerId,
    /// What logs call it.
    pub name: String,
    /// Its address.
    pub bind: SocketAddr,
}

/// A cluster. The same one, as long as its name stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterName {
    /// What the core calls it.
    pub id: ClusterId,
    /// What logs call it.
    pub name: String,
}

/// An endpoint. The same one, as long as its cluster's name and its address stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointName {
    /// What permits call it.
    pub id: EndpointId,
    /// Whose it is.
    pub cluster: Arc<ClusterName>,
    /// Its address.
    pub addr: SocketAddr,
    /// Its address as text: what logs call it.
    pub text: String,
}

/// All that a configuration names, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) listeners: Vec<Arc<ListenerName>>,
    pub(super) clusters: Vec<Arc<ClusterName>>,
    /// Cluster after cluster.
    pub(super) endpoints: Vec<Arc<EndpointName>>,
    /// Ids that were never given. None is given twice: a connection, a permit or an outcome may outlive what it names.
    unused: Unused,
}

#[derive(Clone, Copy, Debug, Default)]
struct Unused {
    listener: u32,
    cluster: u32,
    endpoint: u32,
}

impl Names {
    /// What `config` names; what `known` has is the same thing.
    pub(super) fn of(config: &Config, known: &Self) -> Self {
        let mut names = Self { unused: known.unused, ..Self::default() };
        for listener in &config.listeners {
            let name = known.listener(&listener.name, listener.bind);
            let name = name.unwrap_or_else(|| {
                let id = ListenerId(next(&mut names.unused.listener));
                Arc::new(ListenerName { id, name: listener.name.clone(), bind: listener.bind })
            });
            names.listeners.push(name);
        }
        let known_endpoints: BTreeMap<_, _> =
            known.endpoints.iter().map(|endpoint| ((endpoint.cluster.id, endpoint.addr), endpoint)).collect();
        for cluster in &config.clusters {
            let name = known.cluster(&cluster.name).unwrap_or_else(|| {
                let id = ClusterId(next(&mut names.unused.cluster));
                Arc::new(ClusterName { id, name: cluster.name.clone() })
            });
            for endpoint in &cluster.endpoints {
                let known = known_endpoints.get(&(name.id, endpoint.addr));
                names.endpoints.push(known.map_or_else(
                    || {
                        let (id, addr) = (EndpointId(next(&mut names.unused.endpoint)), endpoint.addr);
                        Arc::new(EndpointName {
                            id,
                            cluster: Arc::clone(&name),
                            addr,
                            text: addr.to_string(),
                        })
                    },
                    |known| Arc::clone(known),
                ));
            }
            names.clusters.push(name);
        }
        names
    }

    fn listener(&self, name: &str, bind: SocketAddr) -> Option<Arc<ListenerName>> {
        self.listeners.iter().find(|known| known.name == name && known.bind == bind).cloned()
    }

    fn cluster(&self, name: &str) -> Option<Arc<ClusterName>> {
        self.clusters.iter().find(|known| known.name == name).cloned()
    }
}

fn next(unused: &mut u32) -> u32 {
    let id = *unused;
    *unused = id.checked_add(1).expect("fewer than 2^32 of a kind");
    id
}
