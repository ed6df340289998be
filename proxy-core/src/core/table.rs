//! The table of connections and exchanges, and the one way to change those that belong together.
//!
//! An id from outside may be dead: [`Table::door`] says what it leads to. Inside, whatever names a partner is right: a
//! missing one is a bug of ours, and an assertion.

use crate::action::Interest;
use crate::exchange::Exchange;
use crate::ids::ExchangeId;
use crate::input::ConnId;
use crate::link::{Link, LinkState};
use crate::outbox::Outbox;
use crate::session::Session;
use crate::slab::Slab;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// All that lives.
#[derive(Clone, Debug, Hash)]
pub(super) struct Table {
    conns: Slab<Conn>,
    exchanges: Slab<Box<Exchange>>,
    /// How many of the connections are downstream.
    sessions: usize,
    /// Connections that the current input changed.
    touched: Vec<ConnId>,
}

/// A place in the connection table.
#[derive(Clone, Debug, Hash)]
pub(super) struct Conn {
    pub(super) side: Side,
    pub(super) note: Note,
}

/// Which side of us a connection is on.
#[derive(Clone, Debug, Hash)]
pub(super) enum Side {
    Downstream(Box<Session>),
    Upstream(Box<Link>),
}

/// What is noted of a connection besides its state.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    /// When its alarm is set, if it is.
    pub(super) armed: Option<Instant>,
    /// It must be settled before the current input is done.
    is_touched: bool,
    /// The interest that the driver was last told of. What is wanted is never anything else between two inputs.
    pub(super) interest: Interest,
    /// An update is on its way to the driver.
    pub(super) is_update_queued: bool,
}

/// What an id from outside leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A client whose connection serves no request just now.
    Client,
    /// The client of an exchange.
    Request(ExchangeId),
    /// The connection that is being made for an exchange.
    Connecting(ExchangeId),
    /// The connection that carries an exchange.
    Response(ExchangeId),
    /// A pooled connection.
    Pooled,
}

/// An exchange and both its connections.
pub(super) struct Trio<'a> {
    pub(super) exchange: &'a mut Exchange,
    pub(super) session: &'a mut Session,
    pub(super) session_note: &'a mut Note,
    /// The connection that carries it, if one does.
    pub(super) link: Option<(&'a mut Link, &'a mut Note)>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { conns: Slab::new(), exchanges: Slab::new(), sessions: 0, touched: Vec::new() }
    }

    /// The id of the next connection.
    pub(super) fn vacant(&self) -> ConnId {
        ConnId(self.conns.vacant())
    }

    pub(super) fn door(&self, conn: ConnId) -> Option<Door> {
        Some(match &self.get(conn)?.side {
            Side::Downstream(session) => session.exchange().map_or(Door::Client, Door::Request),
            Side::Upstream(link) => match (&link.state, link.exchange()) {
                (LinkState::Connecting(_), Some(id)) => Door::Connecting(id),
                (LinkState::Leased(_), Some(id)) => Door::Response(id),
                (LinkState::Idle { .. }, _) | (_, None) => Door::Pooled,
            },
        })
    }

    pub(super) fn insert_session(&mut self, session: Session) -> ConnId {
        self.sessions += 1;
        self.insert(Side::Downstream(Box::new(session)))
    }

    pub(super) fn insert_link(&mut self, link: Link) -> ConnId {
        self.insert(Side::Upstream(Box::new(link)))
    }

    fn insert(&mut self, side: Side) -> ConnId {
        ConnId(self.conns.insert(Conn { side, note: Note::default() }))
    }

    pub(super) fn insert_exchange(&mut self, exchange: Box<Exchange>) -> ExchangeId {
        ExchangeId(self.exchanges.insert(exchange))
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Conn> {
        let removed = self.conns.remove(conn.0)?;
        if let Side::Downstream(_) = removed.side {
            self.sessions -= 1;
        }
        Some(removed)
    }

    /// Forgets an exchange.
    pub(super) fn remove_exchange(&mut self, id: ExchangeId) -> Box<Exchange> {
        self.exchanges.remove(id.0).expect(LIVES)
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Conn> {
        self.conns.get(conn.0)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(conn.0)
    }

    /// A client's connection, if it is one and lives.
    pub(super) fn session(&self, conn: ConnId) -> Option<&Session> {
        match &self.get(conn)?.side {
            Side::Downstream(session) => Some(session),
            Side::Upstream(_) => None,
        }
    }

    /// Lets go of what a client's last read brought if all of it is understood and more may come, and returns whether that
    /// is so.
    pub(super) fn rests(&mut self, conn: ConnId) -> bool {
        let Some(Conn { side: Side::Downstream(session), .. }) = self.get_mut(conn) else { return true };
        let rests = session.inbox.is_empty() && !session.half_closed;
        if rests {
            session.inbox.keep();
        }
        rests
    }

    /// A client's connection, in order to change it: it will be settled.
    pub(super) fn touch_session(&mut self, conn: ConnId) -> &mut Session {
        let entry = self.conns.get_mut(conn.0).expect(LIVES);
        entry.note.touch(conn, &mut self.touched);
        entry.side.session_mut()
    }

    /// An upstream connection that lives.
    pub(super) fn link(&self, conn: ConnId) -> &Link {
        match self.get(conn).map(|entry| &entry.side) {
            Some(Side::Upstream(link)) => link,
            Some(Side::Downstream(_)) | None => panic!("{conn:?} is no upstream connection"),
        }
    }

    pub(super) fn exchange(&self, id: ExchangeId) -> &Exchange {
        self.exchanges.get(id.0).expect(LIVES)
    }

    /// Notes that a connection must be settled before this input is done. One that carries an exchange is settled with
    /// its session.
    pub(super) fn touch(&mut self, conn: ConnId) {
        if let Some(entry) = self.conns.get_mut(conn.0) {
            entry.note.touch(conn, &mut self.touched);
        }
    }

    /// An exchange and both its connections, in order to change them: they will be settled.
    #[inline(always)]
    pub(super) fn touch_trio(&mut self, id: ExchangeId) -> Trio<'_> {
        let Self { conns, exchanges, touched, .. } = self;
        let exchange = exchanges.get_mut(id.0).expect(LIVES);
        let trio = Trio::of(conns, exchange);
        trio.session_note.touch(trio.exchange.client.conn, touched);
        trio
    }

    /// An exchange alone, in order to change it: its client will be settled.
    #[inline]
    pub(super) fn touch_exchange(&mut self, id: ExchangeId) -> &mut Exchange {
        let exchange = self.exchanges.get_mut(id.0).expect(LIVES);
        let client = self.conns.get_mut(exchange.client.conn.0).expect(LIVES);
        client.note.touch(exchange.client.conn, &mut self.touched);
        exchange
    }

    /// The same, when they are settled.
    #[inline(always)]
    pub(super) fn settled_trio(&mut self, id: ExchangeId) -> Trio<'_> {
        Trio::of(&mut self.conns, self.exchanges.get_mut(id.0).expect(LIVES))
    }

    /// The `at`th of the connections that the current input changed.
    pub(super) fn touched(&self, at: usize) -> Option<ConnId> {
        self.touched.get(at).copied()
    }

    /// A connection that is settled now, if it still lives.
    pub(super) fn settle(&mut self, conn: ConnId) -> Option<&mut Conn> {
        let entry = self.conns.get_mut(conn.0)?;
        entry.note.is_touched = false;
        Some(entry)
    }

    pub(super) fn clear_touched(&mut self) {
        self.touched.clear();
    }

    pub(super) fn conns(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.conns.iter().map(|(key, conn)| (ConnId(key), conn))
    }

    pub(super) fn exchanges(&self) -> impl Iterator<Item = (ExchangeId, &Exchange)> {
        self.exchanges.iter().map(|(key, exchange)| (ExchangeId(key), &**exchange))
    }

    pub(super) fn len(&self) -> usize {
        self.conns.len()
    }

    pub(super) const fn sessions(&self) -> usize {
        self.sessions
    }
}

impl<'a> Trio<'a> {
    #[inline(always)]
    fn of(conns: &'a mut Slab<Conn>, exchange: &'a mut Exchange) -> Self {
        let carrier = exchange.link();
        let (client, server) = conns.get_pair_mut(exchange.client.conn.0, carrier.map(|link| link.0));
        let Some(Conn { side: Side::Downstream(session), note: session_note }) = client else {
            panic!("an exchange has a client");
        };
        let link = match server {
            Some(Conn { side: Side::Upstream(link), note }) => Some((&mut **link, note)),
            Some(_) | None => None,
        };
        assert_eq!(link.is_some(), carrier.is_some(), "the connection that carries an exchange lives");
        Self { exchange, session, session_note, link }
    }
}

impl Hash for Note {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // What is touched is settled before the input is done; an update is an action, and none is left before the next.
        let Self { armed, is_touched: _, interest, is_update_queued: _ } = self;
        (armed, interest).hash(state);
    }
}

impl Note {
    fn touch(&mut self, conn: ConnId, touched: &mut Vec<ConnId>) {
        if !self.is_touched {
            self.is_touched = true;
            touched.push(conn);
        }
    }
}

impl Side {
    fn session_mut(&mut self) -> &mut Session {
        match self {
            Self::Downstream(session) => session,
            Self::Upstream(_) => panic!("an upstream connection is no session"),
        }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        match self {
            Self::Downstream(session) => &session.outbox,
            Self::Upstream(link) => &link.outbox,
        }
    }

    pub(super) fn outbox_mut(&mut self) -> &mut Outbox {
        match self {
            Self::Downstream(session) => &mut session.outbox,
            Self::Upstream(link) => &mut link.outbox,
        }
    }

    /// Octets that are held for it.
    pub(super) fn buffered(&self) -> usize {
        match self {
            Self::Downstream(session) => session.inbox.len() + session.outbox.held(),
            Self::Upstream(link) => link.inbox.len() + link.outbox.held(),
        }
    }
}

const LIVES: &str = "what a partner names lives";
