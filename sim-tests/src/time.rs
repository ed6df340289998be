//! Virtual time in nanoseconds, and the units that scripts are written in.

/// A moment, in nanoseconds since the world began.
pub(crate) type Nanos = u64;

/// One millisecond.
pub(crate) const MS: Nanos = 1_000_000;

/// One second.
pub(crate) const SECOND: Nanos = 1_000 * MS;
