//! The shortest of the limits on waiting: what a deadline cannot come before.

use crate::config::{Config, Route, Timeouts};
use crate::ids::RouteId;
use crate::time::Instant;
use alloc::vec::Vec;
use core::time::Duration;

/// The shortest of the limits that may end for a session, however it goes on, in nanoseconds. Worked out once.
#[derive(Clone, Debug)]
pub(super) struct Shortest {
    /// For one whose request has no route.
    unrouted: u64,
    /// By route, for one whose request is on a connection that stands.
    routed: Vec<u64>,
}

impl Shortest {
    pub(super) fn new(config: &Config) -> Self {
        let of = |limits: &[Option<Duration>]| {
            let shortest = limits.iter().flatten().min();
            shortest.map_or(u64::MAX, |limit| Instant::ZERO.after(*limit).as_nanos())
        };
        let client = &config.timeouts.client;
        Self {
            unrouted: of(&[client.head, client.keepalive, client.write, config.timeouts.total]),
            routed: config
                .routes
                .iter()
                .map(|Route { timeouts, .. }| {
                    let Timeouts { client, write, read, head, total, stream_idle, .. } = timeouts;
                    of(&[client.body, client.write, *write, *read, *head, *total, *stream_idle])
                })
                .collect(),
        }
    }

    pub(super) fn of(&self, route: Option<RouteId>) -> u64 {
        route.and_then(|route| self.routed.get(route.index())).copied().unwrap_or(self.unrouted)
    }
}
