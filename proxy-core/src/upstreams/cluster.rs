//! A named set of endpoints that serve the same: who is next, and who waits.

use super::balance::Balancer;
use super::pending::Pending;
use crate::config;
use alloc::string::{String, ToString};
use core::ops::Range;

#[derive(Clone, Debug, Hash)]
pub(super) struct Cluster {
    /// Its endpoints' places in `Upstreams::endpoints`.
    pub(super) members: Range<u32>,
    pub(super) balancer: Balancer,
    /// Exchanges that wait for a connection.
    pub(super) pending: Pending,
    /// Whether one of its endpoints has a limit on connections.
    pub(super) has_limit: bool,
    /// What an HTTP/1.0 request without a Host is given as one.
    pub(super) fallback_host: String,
}

impl Cluster {
    pub(super) fn new(config: &config::Cluster, members: Range<u32>, seed: u64) -> Self {
        let endpoints = &config.endpoints;
        Self {
            members,
            balancer: Balancer::new(config.balance, endpoints.iter().map(|endpoint| endpoint.weight), seed),
            pending: Pending::new(config.max_queue),
            has_limit: endpoints.iter().any(|endpoint| endpoint.max_connections.is_some()),
            fallback_host: endpoints.first().map_or_else(String::new, |first| first.addr.to_string()),
        }
    }
}
