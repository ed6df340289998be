//! The table of live connections, by `ConnId::index`. Holds sockets; never reads or writes one.

use crate::ready::{Bell, Inbox, Token};
use proxy_core::ConnId;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

/// A connection that is being opened.
pub(crate) type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>>>>;

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Slots<S> {
    slots: Vec<Slot<S>>,
    inbox: Arc<Inbox>,
}

/// A place for one connection after another. Its waker serves them all: one woken for a predecessor looks in vain.
#[derive(Debug)]
struct Slot<S> {
    bell: Arc<Bell>,
    waker: Waker,
    occupant: Option<(ConnId, Occupant<S>)>,
}

/// What is in a slot.
pub(crate) enum Occupant<S> {
    /// A connection that is being opened.
    Connecting(Connecting<S>),
    /// One that stands.
    Open(Open<S>),
}

/// A standing connection.
#[derive(Debug)]
pub(crate) struct Open<S> {
    pub(crate) stream: S,
    /// We accepted it.
    pub(crate) is_client: bool,
    /// The read side has been polled and will ring, or is on the list to be polled. Otherwise reading stopped because
    /// the core wanted nothing, and only the core can start it again.
    pub(crate) watched: bool,
    /// The last write found the kernel full; the bell rings when there is room.
    pub(crate) blocked: bool,
    /// The peer's FIN was handed in.
    pub(crate) ended: bool,
    /// Our FIN was sent.
    pub(crate) shut: bool,
    /// A write failed: no more of them, only what the peer sent before is still read.
    pub(crate) broken: bool,
}

impl<S> Open<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            is_client: false,
            watched: false,
            blocked: false,
            ended: false,
            shut: false,
            broken: false,
        }
    }
}

impl<S> Slots<S> {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { slots: Vec::new(), inbox }
    }

    pub(crate) fn insert_connecting(&mut self, conn: ConnId, connecting: Connecting<S>) {
        self.insert(conn, Occupant::Connecting(connecting));
    }

    /// Takes in a connection whose opening is done.
    pub(crate) fn insert_connected(&mut self, conn: ConnId, stream: S) {
        self.remove(conn);
        self.insert(conn, Occupant::Open(Open::new(stream)));
    }

    /// Takes in a client's connection, which is looked at right away.
    pub(crate) fn insert_accepted(&mut self, conn: ConnId, stream: S) {
        let open = Open { is_client: true, watched: true, ..Open::new(stream) };
        self.insert(conn, Occupant::Open(open));
    }

    fn insert(&mut self, conn: ConnId, occupant: Occupant<S>) {
        while self.slots.len() <= conn.index() {
            // `ConnId` counts in `u32`: the cast loses nothing.
            let bell =
                Bell::new(Token::Slot(u32::try_from(self.slots.len()).unwrap_or(u32::MAX)), &self.inbox);
            let waker = Waker::from(Arc::clone(&bell));
            self.slots.push(Slot { bell, waker, occupant: None });
        }
        if let Some(slot) = self.slots.get_mut(conn.index()) {
            debug_assert!(slot.occupant.is_none(), "the core gave out an index that is in use");
            slot.occupant = Some((conn, occupant));
        }
    }

    /// Empties the connection's slot.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Occupant<S>> {
        let slot = self.slots.get_mut(conn.index())?;
        slot.occupant.take_if(|(occupant, _)| *occupant == conn).map(|(_, occupant)| occupant)
    }

    /// Whether a client's connection is in a slot.
    pub(crate) fn is_client(&self, index: u32) -> bool {
        let occupant = self.slots.get(index as usize).and_then(|slot| slot.occupant.as_ref());
        matches!(occupant, Some((_, Occupant::Open(Open { is_client: true, .. }))))
    }

    /// Notes that the worker looks at a slot, and answers who is in it.
    pub(crate) fn answer(&self, index: u32) -> Option<ConnId> {
        let slot = self.slots.get(index as usize)?;
        slot.bell.answer();
        slot.occupant.as_ref().map(|(conn, _)| *conn)
    }

    /// The slot's token, unless it waits on a list already.
    pub(crate) fn queue(&self, conn: ConnId) -> Option<Token> {
        let slot = self.slots.get(conn.index())?;
        slot.bell.queue().then(|| slot.bell.token())
    }

    pub(crate) fn connecting(&mut self, conn: ConnId) -> Option<(&mut Connecting<S>, &Waker)> {
        match self.get(conn)? {
            (Occupant::Connecting(connecting), _, waker) => Some((connecting, waker)),
            (Occupant::Open(_), ..) => None,
        }
    }

    pub(crate) fn open(&mut self, conn: ConnId) -> Option<(&mut Open<S>, &Bell, &Waker)> {
        match self.get(conn)? {
            (Occupant::Open(open), bell, waker) => Some((open, bell, waker)),
            (Occupant::Connecting(_), ..) => None,
        }
    }

    fn get(&mut self, conn: ConnId) -> Option<(&mut Occupant<S>, &Bell, &Waker)> {
        let Slot { bell, waker, occupant } = self.slots.get_mut(conn.index())?;
        match occupant {
            Some((id, occupant)) if *id == conn => Some((occupant, bell, waker)),
            Some(_) | None => None,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Occupant<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(_) => f.write_str("Connecting"),
            Self::Open(open) => open.fmt(f),
        }
    }
}
