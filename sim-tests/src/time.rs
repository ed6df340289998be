//! Virtual time in nanoseconds, and the units that scripts are written in.

use std::time::Duration;

/// A moment, in nanoseconds since the world began.
pub(crate) type Nanos = u64;

/// One millisecond.
pub(crate) const MS: Nanos = 1_000_000;

/// One second.
pub(crate) const SECOND: Nanos = 1_000 * MS;

/// The earlier of two moments, if there is any.
pub(crate) fn earliest(a: Option<Nanos>, b: Option<Nanos>) -> Option<Nanos> {
    a.into_iter().chain(b).min()
}

/// Whether a limit fired when it was due.
pub(crate) fn within(waited: Nanos, limit: Nanos, slack: Nanos) -> bool {
    (limit..=limit + slack).contains(&waited)
}

/// A duration as a number.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
