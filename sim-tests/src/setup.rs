//! The proxy as the script sets it up: its configuration, and who has which address.

use crate::catalogue::HeadSizes;
use crate::script::Script;
use proxy_core::{Config, Limits};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The proxy's configuration.
pub(crate) fn config(script: &Script) -> Config {
    let endpoints = (0..script.endpoints.len().max(1)).map(endpoint_addr).collect::<Vec<_>>();
    let bind = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);
    let mut config = Config::simple(bind, &endpoints);
    let limits = &script.limits;
    if limits.clients > 0 {
        config.limits.client_connections = Some(limits.clients.into());
    }
    if limits.buffer_kib > 0 {
        config.limits.buffer_bytes = (u32::from(limits.buffer_kib) * 1_024).max(4_096);
    }
    let sizes = head_sizes(script);
    config.limits.head_bytes = u32::try_from(sizes.head).unwrap_or(u32::MAX);
    config.limits.target_bytes = u32::try_from(sizes.target).unwrap_or(u32::MAX);
    config.limits.fields = u32::try_from(sizes.fields).unwrap_or(u32::MAX);
    config.timeouts.drain = Some(Duration::from_secs(script.drain_seconds()));
    for cluster in &mut config.clusters {
        if limits.queue > 0 {
            cluster.queue_max = limits.queue.into();
        }
        if limits.connections > 0 {
            cluster
                .endpoints
                .iter_mut()
                .for_each(|endpoint| endpoint.connections_max = Some(limits.connections.into()));
        }
    }
    if limits.head_seconds > 0 {
        let head = Some(Duration::from_secs(limits.head_seconds.into()));
        config.routes.iter_mut().for_each(|route| route.timeouts.head = head);
    }
    for network in ["192.0.2.128/25", "2001:db8::80/121"] {
        if let Ok(network) = network.parse() {
            config.trusted_proxies.push(network);
        }
    }
    config
}

/// How long heads may be.
pub(crate) fn head_sizes(script: &Script) -> HeadSizes {
    let defaults = Limits::default();
    let fields = defaults.fields as usize;
    match script.limits.head_bytes {
        0 => HeadSizes { head: defaults.head_bytes as usize, target: defaults.target_bytes as usize, fields },
        head => HeadSizes { head: usize::from(head).max(1_024), target: 512, fields },
    }
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
