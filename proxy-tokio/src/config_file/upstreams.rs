//! The `[upstream.NAME]` tables and what `to` says: the clusters and which of them is meant.

use super::address::{Use, addresses, looks_like_address};
use super::diagnostic::{Complaint, Place};
use super::scalar::{self, boolean, count_between, count_limit};
use super::section::{Context, Section, nearest};
use super::tree::{Entry, Node, Value};
use proxy_core::{Balance, Cluster, ClusterId, Dialect, Endpoint, Via};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// `max_queue` if nothing is said, as in Envoy.
const MAX_QUEUE: u32 = 1_024;

/// The clusters read so far.
#[derive(Default)]
pub(super) struct Upstreams {
    pub(super) clusters: Vec<Cluster>,
    /// Those that have a name. `None`: it is there, but broken, and that has been said.
    named: BTreeMap<String, Option<ClusterId>>,
}

impl Upstreams {
    pub(super) fn read(context: &Context<'_>, root: &mut Section<'_>) -> Self {
        let mut upstreams = Self::default();
        for (name, entry) in root.named_tables("upstream") {
            let cluster = upstream(context, &name, entry);
            let id = cluster.map(|cluster| upstreams.add(cluster));
            upstreams.named.insert(name, id);
        }
        upstreams
    }

    /// The cluster that a `to` means: an upstream's name, an address, or several. `name` is for one that has no other.
    pub(super) fn to(&mut self, context: &Context<'_>, node: &Node, name: &str) -> Option<ClusterId> {
        match &node.value {
            Value::Text(text) if !looks_like_address(text) => match self.named.get(text) {
                Some(id) => *id,
                None => {
                    context.complain(node.place, self.no_such(text));
                    None
                }
            },
            _ => {
                let endpoints = servers(context, node, None)?;
                let name = self.free_name(name);
                Some(self.add(Cluster {
                    name,
                    endpoints,
                    balance: Balance::default(),
                    max_queue: MAX_QUEUE,
                    dialect: Dialect::default(),
                }))
            }
        }
    }

    fn add(&mut self, cluster: Cluster) -> ClusterId {
        let id = ClusterId::at(self.clusters.len());
        self.clusters.push(cluster);
        id
    }

    fn no_such(&self, text: &str) -> Complaint {
        let complaint = |label: String| Complaint::new(format!("there is no upstream `{text}`"), label);
        if let Some(near) = nearest(text, self.named.keys().map(String::as_str)) {
            return complaint(format!("did you mean `{near}`?"));
        }
        complaint(String::new())
            .help(format!("define [upstream.{text}], or write an address as \"host:port\""))
    }

    /// A name of our own must not be taken for one of the user's.
    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.clusters.iter().any(|cluster| cluster.name == name);
        let numbered = (2u32..).map(|n| format!("{wanted}-{n}"));
        [wanted.to_owned()].into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

fn upstream(context: &Context<'_>, name: &str, entry: Entry) -> Option<Cluster> {
    check_name(context, "an upstream", name, entry.key);
    let mut section = context.section(entry.node, format!("upstream.{name}"))?;
    section.not_yet(&["health", "retry", "tls"]);
    let max_connections = section.read("max_connections", count_limit).flatten();
    let max_queue = section.read("max_queue", count_between(0, u32::MAX));
    let balance = section.read("balance", balance).unwrap_or_default();
    let strict = section.read("strict", boolean).unwrap_or_default();
    let via = section.read("via", via).unwrap_or_default();
    let servers_node = section.take("servers");
    section.finish();
    let Some(node) = servers_node else {
        let complaint = Complaint::new(format!("upstream `{name}` has no servers"), "")
            .help("add servers = [\"host:port\", …]");
        context.complain(entry.key, complaint);
        return None;
    };
    let endpoints = servers(context, &node, max_connections)?;
    Some(Cluster {
        name: name.into(),
        endpoints,
        balance,
        max_queue: max_queue.unwrap_or(MAX_QUEUE),
        dialect: Dialect { strict, via },
    })
}

/// Names stand in logs and metrics, between slashes and quotes.
pub(super) fn check_name(context: &Context<'_>, what: &str, name: &str, place: Place) {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_plain) {
        let complaint = Complaint::new(
            format!("{name:?} can't be the name of {what}"),
            "letters, digits, `-`, `_` and `.` only",
        );
        context.complain(place, complaint);
    }
}

fn balance(value: &Value) -> Result<Balance, Complaint> {
    match scalar::text(value)? {
        "round_robin" => Ok(Balance::RoundRobin),
        planned @ ("least_requests" | "p2c" | "hash") => {
            Err(Complaint::new(format!("balance = {planned:?} is not supported yet"), "use \"round_robin\""))
        }
        other => Err(Complaint::new(format!("unknown balance {other:?}"), "use \"round_robin\"")),
    }
}

fn via(value: &Value) -> Result<Via, Complaint> {
    match scalar::text(value)? {
        "both" => Ok(Via::Both),
        "response" => Ok(Via::Response),
        "off" => Ok(Via::Off),
        other => {
            Err(Complaint::new(format!("unknown via {other:?}"), "use \"both\", \"response\" or \"off\""))
        }
    }
}

/// Reads one server or an array of them; `None` after a complaint.
fn servers(context: &Context<'_>, node: &Node, max_connections: Option<u32>) -> Option<Vec<Endpoint>> {
    let nodes = match &node.value {
        Value::Array(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() {
        context.complain(node.place, Complaint::new("there is no server in it", "at least one is needed"));
    }
    let mut endpoints = Vec::new();
    let mut places: BTreeMap<SocketAddr, Place> = BTreeMap::new();
    for node in nodes {
        let server = server(context, node, max_connections);
        for endpoint in server {
            match places.get(&endpoint.addr) {
                None => {
                    places.insert(endpoint.addr, node.place);
                    endpoints.push(endpoint);
                }
                Some(first) => {
                    let complaint = Complaint::new(format!("{} is in it twice", endpoint.addr), "again here")
                        .help("for a larger share write { addr = \"…\", weight = 2 }");
                    context.complain_of_both(node.place, complaint, (*first, "first here"));
                }
            }
        }
    }
    Some(endpoints).filter(|endpoints| !endpoints.is_empty())
}

/// One server: an address, or a table with one. A name that stands for several addresses is as many endpoints.
fn server(context: &Context<'_>, node: &Node, max_connections: Option<u32>) -> Vec<Endpoint> {
    let endpoint = |addr, weight, max_connections| Endpoint { addr, weight, max_connections };
    let Value::Table(_) = &node.value else {
        if let Value::Text(text) = &node.value
            && !looks_like_address(text)
            && text.parse::<u16>().is_err()
        {
            let complaint = Complaint::new(format!("{text:?} is not an address"), "host:port is needed here");
            context.complain(node.place, complaint);
            return Vec::new();
        }
        let found = addresses(context, node, Use::Connect);
        return found.into_iter().map(|addr| endpoint(addr, 1, max_connections)).collect();
    };
    let Some(mut section) = context.section(node.clone(), "server") else { return Vec::new() };
    let weight = section.read("weight", count_between(1, WEIGHT_MAX)).unwrap_or(1);
    let own_max = section.read("max_connections", count_limit);
    let addr = section.take("addr");
    section.not_yet(&["tls", "backup"]);
    section.finish();
    let Some(addr) = addr else {
        context.complain(node.place, Complaint::new("this server has no `addr`", ""));
        return Vec::new();
    };
    let found = addresses(context, &addr, Use::Connect);
    found.into_iter().map(|addr| endpoint(addr, weight, own_max.unwrap_or(max_connections))).collect()
}

/// Largest weight, as in HAProxy.
const WEIGHT_MAX: u32 = 256;
