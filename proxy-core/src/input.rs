//! What can happen to the core: facts, in the past tense. The only way to change it.

use crate::ids::{EndpointId, ListenerId};
use crate::slab::Key;
use bytes::Bytes;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Names one connection, on either side. A stale id (of a connection that ended) is ignored everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub(crate) Key);

impl ConnId {
    /// A small number that no other *live* connection has: fit for indexing the driver's own table.
    pub const fn index(self) -> usize {
        self.0.index as usize
    }

    /// Tells apart the connections that used one index after another.
    pub const fn generation(self) -> u32 {
        self.0.generation
    }
}

/// Where an exchange meets its client: on which connection, and on which of its streams.
///
/// Stream 0 is the connection itself (RFC 9113 §5.1.1), and in HTTP/1 the only exchange at a time that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId {
    pub(crate) conn: ConnId,
    pub(crate) number: u32,
}

impl StreamId {
    /// The connection itself, and the exchange of an HTTP/1 connection.
    pub(crate) const fn whole(conn: ConnId) -> Self {
        Self { conn, number: 0 }
    }
}

/// One thing that happened. An ordered journal of these, with their times, replays a worker exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A client connected. `conn` must come from [`Core::vacant`](crate::Core::vacant).
    Accepted {
        /// The id that the core offered.
        conn: ConnId,
        /// Where.
        listener: ListenerId,
        /// The client's address.
        peer: SocketAddr,
    },
    /// The connection asked for by `Action::Connect` stands.
    Connected {
        /// The connection.
        conn: ConnId,
    },
    /// It could not be made. The id is dead.
    ConnectFailed {
        /// The connection.
        conn: ConnId,
        /// Why.
        error: NetError,
    },
    /// Octets arrived: at most as many as `Interest::read` allowed.
    Data {
        /// The connection.
        conn: ConnId,
        /// The octets, never empty.
        bytes: Bytes,
    },
    /// The peer will send no more (FIN). What it sent before has been handed in.
    Eof {
        /// The connection.
        conn: ConnId,
    },
    /// The kernel took the first `n` octets of `Core::egress`. Fewer than were offered, 0 included, means that
    /// it would take no more just now.
    Wrote {
        /// The connection.
        conn: ConnId,
        /// How many octets.
        n: u32,
    },
    /// The connection died (RST or another error on reading or writing). The id is dead.
    Failed {
        /// The connection.
        conn: ConnId,
        /// Why.
        error: NetError,
    },
    /// A unit of a process-wide limit is ours: at once after `Action::Acquire`, or later.
    Granted {
        /// Which limit.
        permit: Permit,
    },
    /// None is free; `Granted` follows as soon as one is, in the order of asking.
    Denied {
        /// Which limit.
        permit: Permit,
    },
    /// Another worker waits for a unit: an idle connection that holds one should go.
    Wanted {
        /// Which limit.
        permit: Permit,
    },
    /// Stop taking work and finish what runs, within `timeouts.drain`.
    Drain,
    /// Time passed. The only input that fires timers.
    Tick,
    /// Octets left the connection for a pipe: at most as many as might be read, and at least one. The
    /// connection that they are for is to be written them next; what it took of them is told by `Wrote`.
    Piped {
        /// Where they came from.
        conn: ConnId,
        /// How many.
        n: u32,
    },
    /// The time of day moved on: at the beginning, and when its second changes, if anything else happens then.
    Clock {
        /// Seconds since the beginning of 1970, UTC.
        unix_seconds: u64,
    },
}

/// What went wrong with a connection, as far as it changes what we do or say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NetError {
    /// ECONNREFUSED.
    Refused,
    /// No route, network or host unreachable.
    Unreachable,
    /// ECONNRESET, ECONNABORTED, EPIPE.
    Reset,
    /// The kernel gave up waiting (ETIMEDOUT).
    TimedOut,
    /// Out of descriptors, ports or memory: ours, not the peer's fault.
    Exhausted,
    /// Anything else.
    Other,
}

/// A limit that counts for the whole process, not for one worker. The driver keeps the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permit {
    /// `limits.client_connections`.
    Client,
    /// `max_connections` of an endpoint.
    Endpoint(EndpointId),
}
