//! What a driver has to remember between two operations: how far each connection is, and what is put off.

use super::driver::{News, Place};
use crate::input::{ConnId, Input, NetError};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The state of a [`Driver`](super::Driver) besides its core and its sockets.
#[derive(Debug, Default)]
pub struct Turn {
    /// The time of this turn, the same for all that happens in it.
    pub(super) now: Instant,
    /// The time of day that the core was told last.
    pub(super) unix_seconds: Option<u64>,
    /// By [`ConnId::index`].
    flows: Vec<Option<Flow>>,
    /// Clients with news, and listeners: they wait until those requests that are under way have got on.
    pub(super) waiting: VecDeque<Place>,
    /// Accepted connections whose news nobody would notice yet, and until when that may be so.
    pub(super) unwatched: VecDeque<(Instant, ConnId)>,
    /// What the actions of the last input leave to do; empty between two inputs from outside.
    pub(super) todo: VecDeque<Todo>,
    pub(super) batch: Batch,
    pub(super) is_drained: bool,
    /// Memory for the next news.
    pub(super) spare: News,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) struct Flow {
    conn: ConnId,
    /// We accepted it.
    pub(super) is_client: bool,
    /// It does not stand yet; nothing else matters until it does.
    is_connecting: bool,
    pub(super) reads: Reads,
    pub(super) writes: Writes,
}

/// The state of a connection's read side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// It was read from until there was no more and has news when there is, or is about to be read from.
    Watched,
    /// Reading stopped because the core wanted nothing, and only the core can start it again.
    Paused,
    /// The peer's FIN was handed in.
    Ended,
}

/// The state of a connection's write side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// Nothing is in the way.
    Open,
    /// The last write found the kernel full.
    Blocked,
    /// Our FIN was sent.
    Shut,
    /// A write failed: no more of them, only what the peer sent before is still read.
    Broken,
}

/// Something that ends in an input, and therefore waits until all actions of the one before are done.
#[derive(Debug)]
pub(super) enum Todo {
    /// Write what the core has for a connection, having looked at what its peer did.
    Write { conn: ConnId, was_blocked: bool },
    /// Hand in what the peer of a broken connection sent before, then its end.
    Bury(ConnId, NetError),
    /// Tell the core.
    Answer(Input),
}

/// Connections that the core wants something new of, put off for a while.
///
/// A request runs through more code than the processor's nearest cache holds, most of it the kernel's. So as much as
/// possible of one kind is done in a row: requests are read and thought about, then all that came of them is sent.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) updates: VecDeque<ConnId>,
    /// Octets that were taken in meanwhile.
    pub(super) octets: usize,
}

impl Turn {
    /// Whether the core is drained.
    pub const fn is_drained(&self) -> bool {
        self.is_drained
    }

    pub(super) fn insert(&mut self, flow: Flow) {
        let index = flow.conn.index();
        if self.flows.len() <= index {
            self.flows.resize_with(index + 1, || None);
        }
        if let Some(place) = self.flows.get_mut(index) {
            *place = Some(flow);
        }
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Flow> {
        self.flows.get_mut(conn.index())?.take_if(|flow| flow.conn == conn)
    }

    /// A connection that stands.
    pub(super) fn open(&mut self, conn: ConnId) -> Option<&mut Flow> {
        let flow = self.flows.get_mut(conn.index())?.as_mut()?;
        (flow.conn == conn && !flow.is_connecting).then_some(flow)
    }

    pub(super) fn is_connecting(&self, conn: ConnId) -> bool {
        let flow = self.flows.get(conn.index()).and_then(Option::as_ref);
        flow.is_some_and(|flow| flow.conn == conn && flow.is_connecting)
    }

    /// Which connection is at a place.
    pub(super) fn conn_at(&self, index: u32) -> Option<ConnId> {
        self.flows.get(index as usize)?.as_ref().map(|flow| flow.conn)
    }

    /// Whether a client's connection is at a place.
    pub(super) fn is_client(&self, index: u32) -> bool {
        self.flows.get(index as usize).and_then(Option::as_ref).is_some_and(|flow| flow.is_client)
    }
}

impl Flow {
    /// Of an upstream, once the driver says that it stands. It is looked at right away.
    pub(super) const fn connected(conn: ConnId) -> Self {
        Self { conn, is_client: false, is_connecting: false, reads: Reads::Watched, writes: Writes::Open }
    }

    pub(super) const fn connecting(conn: ConnId) -> Self {
        Self { is_connecting: true, ..Self::connected(conn) }
    }

    /// Of a client, who is looked at right away.
    pub(super) const fn accepted(conn: ConnId) -> Self {
        Self { is_client: true, ..Self::connected(conn) }
    }
}

impl Batch {
    /// Nothing is put off for longer: what was read is still in the cache when it is sent.
    pub(super) fn is_full(&self) -> bool {
        self.updates.len() >= BATCH_MAX || self.octets >= BATCH_OCTETS_MAX
    }
}

/// Connections for which something is put off at a time.
const BATCH_MAX: usize = 32;

/// Octets taken in while something is put off: what fits into a processor's nearest cache.
const BATCH_OCTETS_MAX: usize = 32 * 1024;
