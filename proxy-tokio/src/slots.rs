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
    Open(S),
}

impl<S> Slots<S> {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { slots: Vec::new(), inbox }
    }

    pub(crate) fn insert(&mut self, conn: ConnId, occupant: Occupant<S>) {
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

    /// Whether the slot of a connection waits to be looked at.
    pub(crate) fn has_news(&self, conn: ConnId) -> bool {
        self.slots.get(conn.index()).is_some_and(|slot| slot.bell.is_queued())
    }

    /// Notes that the worker looks at a slot.
    pub(crate) fn answer(&self, index: u32) {
        if let Some(slot) = self.slots.get(index as usize) {
            slot.bell.answer();
        }
    }

    /// The slot's token, unless it waits on a list already.
    pub(crate) fn queue(&self, conn: ConnId) -> Option<Token> {
        let slot = self.slots.get(conn.index())?;
        slot.bell.queue().then(|| slot.bell.token())
    }

    pub(crate) fn connecting(&mut self, conn: ConnId) -> Option<(&mut Connecting<S>, &Waker)> {
        match self.get(conn)? {
            (Occupant::Connecting(connecting), waker) => Some((connecting, waker)),
            (Occupant::Open(_), _) => None,
        }
    }

    pub(crate) fn open(&mut self, conn: ConnId) -> Option<(&mut S, &Waker)> {
        match self.get(conn)? {
            (Occupant::Open(stream), waker) => Some((stream, waker)),
            (Occupant::Connecting(_), _) => None,
        }
    }

    fn get(&mut self, conn: ConnId) -> Option<(&mut Occupant<S>, &Waker)> {
        let Slot { waker, occupant, .. } = self.slots.get_mut(conn.index())?;
        match occupant {
            Some((id, occupant)) if *id == conn => Some((occupant, waker)),
            Some(_) | None => None,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Occupant<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(_) => f.write_str("Connecting"),
            Self::Open(stream) => stream.fmt(f),
        }
    }
}
