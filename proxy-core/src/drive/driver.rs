//! What a driver is able to do: operations on sockets that do not block, and news of them.

use super::Turn;
use crate::action::{Action, Close, Interest, Listen};
use crate::core::Core;
use crate::ids::ListenerId;
use crate::input::{ConnId, Input, NetError, Permit};
use crate::record::Outcome;
use crate::time::{Alarm, Instant};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;
use core::task::Poll;

/// Someone who holds the sockets of a core. [`turn`](super::turn) calls all of this in the right order.
pub trait Driver {
    /// The core that is driven.
    fn core(&mut self) -> &mut Core;

    /// What was decided so far.
    fn turn(&mut self) -> &mut Turn;

    /// Moves out whatever has news since the last time.
    fn news(&mut self, into: &mut News);

    /// Whether a connection has news that nobody has looked at yet.
    fn has_news(&mut self, conn: ConnId) -> bool;

    /// This place is looked at now: what happens from here on is news again.
    fn answer(&mut self, _place: Place) {}

    /// Has the connection among the next news, whether or not anything happens.
    fn look_again(&mut self, conn: ConnId);

    /// The same for a listener.
    fn ring(&mut self, listener: ListenerId);

    /// How many listeners there are.
    fn listeners(&mut self) -> usize;

    /// Takes the next client of a listener, and knows it as `conn` from now on. `None`: there is none, or none is
    /// wanted; the listener has news when that changes.
    fn accept(&mut self, conn: ConnId, listener: ListenerId) -> Option<SocketAddr>;

    /// Whether there will be news of an accepted connection.
    fn is_watched(&mut self, _conn: ConnId) -> bool {
        true
    }

    /// Sees to it that there will be news of an accepted connection.
    ///
    /// # Errors
    /// It is impossible; the connection is closed.
    fn watch(&mut self, _conn: ConnId) -> Result<(), NetError> {
        Ok(())
    }

    /// Begins to open a connection. It has news when it stands or could not be made.
    fn connect(&mut self, conn: ConnId, peer: SocketAddr);

    /// Whether a connection stands now, or could not be made.
    fn finish_connecting(&mut self, conn: ConnId) -> Poll<Result<(), NetError>>;

    /// Reads at most `max` octets, into a pipe for the connection `pipe` if that is named and one can be had.
    fn read(&mut self, conn: ConnId, max: usize, pipe: Option<ConnId>) -> Read;

    /// Reads at most `max` octets of a connection that can't be written to any more. What is remembered of its news tells
    /// nothing now: the kernel is asked whatever they were.
    fn read_rest(&mut self, conn: ConnId, max: usize) -> Read {
        self.read(conn, max, None)
    }

    /// Writes what is in the connection's pipe; if there is nothing, what [`Core::egress`] lends.
    fn write(&mut self, conn: ConnId) -> Wrote;

    /// Sends FIN.
    fn shut(&mut self, conn: ConnId) -> Then;

    /// Ends a connection, also one that does not stand yet.
    fn close(&mut self, conn: ConnId, how: Close);

    /// A connection turned out to be dead.
    fn lost(&mut self, conn: ConnId);

    /// Accepts clients, or leaves them where they are, or closes the listeners.
    fn listen(&mut self, listen: Listen);

    /// Takes a unit of a process-wide limit; false: none is free, and `Input::Granted` comes by [`News::mail`] when one
    /// is.
    fn acquire(&mut self, permit: Permit) -> bool;

    /// Gives a unit back.
    fn release(&mut self, permit: Permit);

    /// An exchange is over. [`Core::recycle`] takes the memory back.
    fn record(&mut self, outcome: Box<Outcome>);

    /// The time of day in seconds since the beginning of 1970, UTC; `None`: it is not known.
    fn unix_seconds(&mut self) -> Option<u64> {
        None
    }

    /// Every input passes here: for a driver that keeps a journal.
    fn handle(&mut self, now: Instant, input: Input) {
        self.core().handle(now, input);
    }

    /// Every action passes here, and `None` after the last one of each input.
    fn poll_action(&mut self) -> Option<Action> {
        self.core().poll_action()
    }

    /// What the core wants of a connection.
    fn interest(&mut self, conn: ConnId) -> Option<Interest> {
        self.core().interest(conn)
    }

    /// When the core wants to be told the time.
    fn next_deadline(&mut self) -> Option<Alarm> {
        self.core().next_deadline()
    }
}

/// What happened, in order.
#[derive(Debug, Default)]
pub struct News {
    /// Where: each is looked at.
    pub places: Vec<Place>,
    /// What happened elsewhere in the process.
    pub mail: Vec<Input>,
}

/// Where something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the connection that has this [`ConnId::index`].
    Conn(u32),
    /// At this listener.
    Listener(ListenerId),
}

/// What one read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// Octets, at least one.
    Data {
        /// The octets.
        bytes: Bytes,
        /// Another read would be in vain: the connection has news when there is more.
        is_all: bool,
    },
    /// So many octets went into a pipe, at least one.
    Piped(usize),
    /// The peer's FIN.
    Eof,
    /// The connection is dead.
    Failed(NetError),
    /// Nothing is there; the connection has news when something is.
    Pending,
}

/// What writing came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrote {
    /// How many octets the kernel took.
    pub octets: usize,
    /// Why it took no more.
    pub then: Then,
}

/// Why writing stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// There was no more to write.
    Done,
    /// The kernel is full; the connection has news when it is not.
    Blocked,
    /// No more can be written.
    Failed(NetError),
}

impl Place {
    /// Where a connection is.
    pub const fn of(conn: ConnId) -> Self {
        Self::Conn(conn.0.index)
    }
}
