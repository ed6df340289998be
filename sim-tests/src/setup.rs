//! The proxy as the script sets it up: its configuration, and who has which address.

use crate::model::limits::{limit, limit_on};
use crate::model::routes;
use crate::script::{self, Script, cyclic};
use crate::time::Nanos;
use proxy_core::{
    Balance, Cluster, ClusterId, Config, Dialect, Endpoint, Listener, ListenerId, Paths, Route, Timeouts,
    Timer,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The proxy's configuration.
pub(crate) fn config(script: &Script) -> Config {
    let addr = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut config = Config::simple(addr(8_080), &[]);
    config.listeners = (0..listeners(script))
        .map(|at| Listener { name: format!("listener {at}"), bind: addr(8_080 + u16::from(at)) })
        .collect();
    config.clusters = (0..clusters(script)).map(|at| cluster(script, at)).collect();
    config.routes =
        routes::all(script).iter().enumerate().map(|(at, plan)| route(script, at, plan)).collect();
    config.timeouts = timeouts(script, |key| limit(script, key));
    let limits = &script.limits;
    if limits.clients > 0 {
        config.limits.client_connections = Some(limits.clients.into());
    }
    if limits.buffer_kib > 0 {
        config.limits.buffer_bytes = (u32::from(limits.buffer_kib) * 1_024).max(4_096);
    }
    let sizes = script.head_sizes();
    config.limits.head_bytes = u32::try_from(sizes.head).unwrap_or(u32::MAX);
    config.limits.target_bytes = u32::try_from(sizes.target).unwrap_or(u32::MAX);
    config.limits.fields = u32::try_from(sizes.fields).unwrap_or(u32::MAX);
    for network in ["192.0.2.128/25", "2001:db8::80/121"] {
        if let Ok(network) = network.parse() {
            config.trusted_proxies.push(network);
        }
    }
    config.explain_addresses = !script.hides_addresses;
    config
}

fn cluster(script: &Script, at: u8) -> Cluster {
    let limits = &script.limits;
    let endpoint = |place: usize| Endpoint {
        addr: endpoint_addr(place),
        weight: cyclic(&script.endpoints, place).map_or(1, |endpoint| endpoint.weight.into()).max(1),
        max_connections: (limits.connections > 0).then_some(limits.connections.into()),
    };
    Cluster {
        name: format!("cluster {at}"),
        endpoints: endpoints_of(script, at).map(endpoint).collect(),
        balance: Balance::RoundRobin,
        max_queue: if limits.queue > 0 { limits.queue.into() } else { 1_024 },
        dialect: Dialect::default(),
    }
}

fn route(script: &Script, at: usize, plan: &script::Route) -> Route {
    Route {
        host: plan.host().map(str::to_owned),
        path: plan.path().to_owned(),
        paths: Paths::Normal,
        cluster: ClusterId(u32::from(plan.cluster % clusters(script))),
        timeouts: timeouts(script, |key| limit_on(script, at, key)),
        stream: plan.stream,
        request_body_max: body_max(plan),
    }
}

/// Longest request body of a route. Those of the catalogue are all shorter.
pub(crate) fn body_max(plan: &script::Route) -> Option<u64> {
    (plan.body_max > 0).then_some(u64::from(plan.body_max).max(16))
}

fn timeouts(script: &Script, limit: impl Fn(&str) -> Option<Nanos>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.client.body_rate_min = body_rate(script);
    for setting in Timer::ALL.iter().filter_map(|limit| limit.setting) {
        *(setting.field)(&mut timeouts) = limit(setting.key).map(Duration::from_nanos);
    }
    timeouts
}

/// Least mean rate of a request body, in octets per second; 0 is none.
pub(crate) const fn body_rate(script: &Script) -> u32 {
    match script.limits.body_rate {
        0 => 500,
        u8::MAX => 0,
        tens => tens as u32 * 10,
    }
}

/// How many listeners there are.
pub(crate) fn listeners(script: &Script) -> u8 {
    script.listeners.clamp(1, 4)
}

/// How many clusters there are.
pub(crate) fn clusters(script: &Script) -> u8 {
    script.clusters.clamp(1, 4)
}

/// The endpoints of a cluster, by their places in the script. A script without any has one.
fn endpoints_of(script: &Script, cluster: u8) -> impl Iterator<Item = usize> {
    let home = move |place| cyclic(&script.endpoints, place).unwrap_or_default().cluster % clusters(script);
    (0..script.endpoints.len().max(1)).filter(move |place| home(*place) == cluster)
}

/// All endpoints in the order in which the proxy counts them, by their places in the script.
pub(crate) fn endpoints(script: &Script) -> Vec<usize> {
    (0..clusters(script)).flat_map(|cluster| endpoints_of(script, cluster)).collect()
}

/// The cluster that a request goes to.
pub(crate) fn cluster_of(script: &Script, id: u32) -> Option<u8> {
    let place = routes::place_of(script, id)?;
    Some(routes::all(script).get(place)?.cluster % clusters(script))
}

/// The first endpoint of the cluster that a request goes to.
pub(crate) fn first_endpoint_of(script: &Script, id: u32) -> Option<SocketAddr> {
    endpoints_of(script, cluster_of(script, id)?).next().map(endpoint_addr)
}

/// The address of a client.
pub(crate) fn client_addr(script: &Script, index: usize) -> SocketAddr {
    let port = u16::try_from(FIRST_CLIENT + index).unwrap_or(u16::MAX);
    let v6 = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
    let address = match script.client(index).from % 5 {
        0 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        1 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200)),
        2 => IpAddr::V6(v6(1)),
        3 => IpAddr::V6(v6(0x85)),
        _ => IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()),
    };
    SocketAddr::new(address, port)
}

/// Where a client comes in.
pub(crate) fn listener_of(script: &Script, index: usize) -> ListenerId {
    ListenerId::at(usize::from(script.client(index).listener % listeners(script)))
}

/// Whether the proxy believes what a client says of those before it.
pub(crate) fn is_trusted(script: &Script, index: usize) -> bool {
    matches!(script.client(index).from % 5, 1 | 3)
}

/// Which client has this address.
pub(crate) fn client_at(addr: SocketAddr) -> usize {
    usize::from(addr.port()).saturating_sub(FIRST_CLIENT)
}

/// The address of an endpoint.
pub(crate) fn endpoint_addr(index: usize) -> SocketAddr {
    let port = u16::try_from(FIRST_ENDPOINT + index).unwrap_or(u16::MAX);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), port)
}

/// Which endpoint has this address.
pub(crate) fn endpoint_at(addr: SocketAddr) -> usize {
    usize::from(addr.port()).saturating_sub(FIRST_ENDPOINT)
}

const FIRST_CLIENT: usize = 40_000;
const FIRST_ENDPOINT: usize = 9_000;
