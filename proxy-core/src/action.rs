//! What the core asks for: imperatives for whoever holds the sockets.

use crate::input::{ConnId, Permit};
use crate::record::Outcome;
use alloc::boxed::Box;
use core::net::SocketAddr;

/// One thing to do, now and in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a connection. Answered by `Input::Connected` or `Input::ConnectFailed`.
    Connect {
        /// The id under which it will be known.
        conn: ConnId,
        /// Where to.
        peer: SocketAddr,
    },
    /// What the core wants of this connection may have changed: ask `Core::interest` again, and write what `Core::egress`
    /// offers before time moves on; other connections may be read from first. At most one is queued per connection.
    Update {
        /// The connection.
        conn: ConnId,
    },
    /// The connection is over; its id is dead.
    Close {
        /// The connection.
        conn: ConnId,
        /// In which way.
        how: Close,
    },
    /// Whether to accept clients.
    Listen(Listen),
    /// Ask for a unit of a process-wide limit. Answered by `Input::Granted` or `Input::Denied`, at once.
    Acquire(Permit),
    /// Give a unit back.
    Release(Permit),
    /// One exchange is over: log it, count it.
    Record(Box<Outcome>),
    /// A drain is complete: nothing is left to do.
    Drained,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Close {
    /// Close the socket. All octets were written before.
    Graceful,
    /// Reset it (RST, `SO_LINGER` 0): the only honest end of a truncated message.
    Abort,
}

/// Whether clients are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listen {
    /// Accept.
    Accept,
    /// Leave them in the kernel's queue: `limits.client_connections` is reached.
    Pause,
    /// Close the listeners: we drain.
    Stop,
}

/// What the core wants of a connection just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interest {
    /// Octets that may be read and handed in. Zero *is* backpressure: leave them in the kernel.
    pub read: usize,
    /// `Core::egress` has octets.
    pub write: bool,
    /// Everything is written and nothing will follow: send FIN, once, and go on reading.
    pub shutdown: bool,
    /// Instead of being read, so many octets may be moved to this connection unseen, through a pipe of the kernel's, as
    /// `splice(2)` does. Told by `Input::Piped`. A driver that has no pipes reads.
    pub pipe: Option<ConnId>,
}
