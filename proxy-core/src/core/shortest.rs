//! The shortest of the limits on waiting: what a deadline cannot come before.

use crate::config::Config;
use crate::ids::RouteId;
use crate::time::Instant;
use crate::timeouts::{Runs, Timeouts, Timer};
use alloc::vec::Vec;

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
        let of = |runs, timeouts: &Timeouts| {
            let running = Timer::ALL.iter().filter(|limit| [runs, Runs::Throughout].contains(&limit.runs));
            let shortest = running.filter_map(|limit| limit.of(timeouts)).min();
            shortest.map_or(u64::MAX, |limit| Instant::ZERO.after(limit).as_nanos())
        };
        let routes = config.routes.iter();
        Self {
            unrouted: of(Runs::Unrouted, &config.timeouts),
            routed: routes.map(|route| of(Runs::Carried, &route.timeouts)).collect(),
        }
    }

    pub(super) fn of(&self, route: Option<RouteId>) -> u64 {
        route.and_then(|route| self.routed.get(route.index())).copied().unwrap_or(self.unrouted)
    }
}
