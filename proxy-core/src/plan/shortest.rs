//! The shortest of the limits on waiting: what a deadline cannot come before.

use crate::time::Instant;
use crate::timeouts::{Runs, Timeouts, Timer};

/// The shortest of the limits that may end for a request as long as it `runs` so, however it goes on, in nanoseconds.
pub(super) fn of(runs: Runs, timeouts: &Timeouts) -> u64 {
    let running = Timer::ALL.iter().filter(|limit| [runs, Runs::Throughout].contains(&limit.runs));
    let shortest = running.filter_map(|limit| limit.of(timeouts)).min();
    shortest.map_or(u64::MAX, |limit| Instant::ZERO.after(limit).as_nanos())
}
