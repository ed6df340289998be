//! Time as the core sees it: a number handed in by whoever drives it. Nothing here reads a clock.

use crate::timeouts::Timer;
use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment in nanoseconds since the worker's epoch. There is no `now()`: time is an argument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Instant(
    // One more than that: `Option<Instant>`, of which there are many, is no larger.
    NonZeroU64,
);

impl Instant {
    /// The worker's epoch.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The moment `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The moment `by` later; stops at the end of time (584 years) instead of wrapping.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        self.after_nanos(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment `nanos` nanoseconds later, or the end of time.
    #[must_use]
    pub(crate) const fn after_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// How long `self` comes after `earlier`; zero when it does not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// The same, in nanoseconds.
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
    }
}

impl From<u64> for Instant {
    fn from(nanos: u64) -> Self {
        Self::from_nanos(nanos)
    }
}

impl From<Instant> for u64 {
    fn from(at: Instant) -> Self {
        at.as_nanos()
    }
}

/// When the core wants to be woken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alarm {
    /// A `Tick` is due at this time.
    pub at: Instant,
    /// The limit that ends next, then or later; `None`: the one for which this was set does not end any more.
    pub timer: Option<Timer>,
}

impl From<Deadline> for Alarm {
    fn from(Deadline { at, timer }: Deadline) -> Self {
        Self { at, timer: Some(timer) }
    }
}

/// A time and the limit that ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Deadline {
    /// A `Tick` at or after this fires it.
    pub(crate) at: Instant,
    pub(crate) timer: Timer,
}
