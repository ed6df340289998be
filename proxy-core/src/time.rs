//! Time as the core sees it: a number handed in by whoever drives it. Nothing here reads a clock.

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

/// Why the core wants to be woken: a time and the limit that ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// When; a `Tick` at or after this fires it.
    pub at: Instant,
    /// Which limit it is.
    pub timer: Timer,
}

/// Every limit on waiting, by its name in the configuration (`timeouts.…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// `client.head`: a request head, from its first octet.
    ClientHead,
    /// `client.body`: the next request body octet, or the minimum rate.
    ClientBody,
    /// `client.write`: octets wait for the client and none is accepted.
    ClientWrite,
    /// `client.keepalive`: an idle client connection.
    ClientKeepAlive,
    /// How long a connection that we close is read from so that the last reply survives (RFC 9112 §9.6).
    Linger,
    /// `queue`: waiting for a connection slot of an upstream.
    Queue,
    /// `connect`: one attempt to connect.
    Connect,
    /// `write`: octets wait for the upstream and none is accepted.
    UpstreamWrite,
    /// `read`: the upstream owes octets and sends none.
    UpstreamRead,
    /// `head`: the response head, from the end of the request.
    UpstreamHead,
    /// `total`: the whole exchange, from the request's first octet.
    Total,
    /// `stream.idle`: a tunnel or stream in which nothing moves.
    StreamIdle,
    /// `upstream.keepalive`: an idle pooled connection.
    UpstreamKeepAlive,
    /// `drain`: everything ends at this point of a shutdown.
    Drain,
}
