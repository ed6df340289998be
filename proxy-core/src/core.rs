//! The one door in and the one door out: the connection table, and which machine hears of what.
//!
//! The transitions stand in the submodules, one per concern; this file only hands inputs to them and, when they are
//! done, settles what changed: clocks, alarms and updates.

mod check;
mod client;
mod deadlines;
mod drain;
mod ending;
mod expiry;
mod interest;
mod leasing;
mod piping;
mod server;
mod settle;
mod view;

use crate::action::{Action, Close, Interest};
use crate::config::{Config, ConfigError};
use crate::digest::Digest;
use crate::exchange::Exchange;
use crate::http::HeadLimits;
use crate::ids::{ClusterId, EndpointId, ExchangeId};
use crate::input::{ConnId, Input, Permit};
use crate::link::Link;
use crate::outbox::{Outbox, Slices};
use crate::record::Outcome;
use crate::rng::Rng;
use crate::route::Router;
use crate::session::Session;
use crate::slab::Slab;
use crate::spare::Spare;
use crate::time::{Deadline, Instant, Timer};
use crate::timers::Timers;
use crate::upstreams::{Freed, Upstreams};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use client::Admission;
use core::hash::{Hash, Hasher};
use deadlines::Shortest;
use drain::Draining;
use settle::Told;

/// Every decision of one worker.
#[derive(Clone, Debug)]
pub struct Core {
    config: Config,
    shortest: Shortest,
    limits: HeadLimits,
    router: Router,
    conns: Slab<Conn>,
    /// How many of them are downstream.
    sessions: usize,
    exchanges: Slab<Exchange>,
    upstreams: Upstreams,
    admission: Admission,
    draining: Draining,
    timers: Timers,
    rng: Rng,
    now: Instant,
    actions: VecDeque<Action>,
    spare: Spare,
    /// Connections that the current input changed.
    touched: Vec<ConnId>,
    /// Clusters in which the current input freed something that a queued request may wait for.
    to_serve: Vec<ClusterId>,
}

/// A place in the connection table.
#[derive(Clone, Debug)]
struct Conn {
    side: Side,
    /// When its alarm is set, if it is.
    armed: Option<Instant>,
    is_touched: bool,
    told: Told,
}

/// Which side of us a connection is on.
#[derive(Clone, Debug, Hash)]
enum Side {
    Downstream(Box<Session>),
    Upstream(Box<Link>),
}

impl Core {
    /// Makes a worker's core. `seed` varies request ids and where balancing starts.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            shortest: Shortest::new(&config),
            limits: HeadLimits {
                head_bytes: config.limits.head_bytes as usize,
                fields: config.limits.fields as usize,
                target_bytes: config.limits.target_bytes as usize,
            },
            router: Router::new(&config.routes),
            conns: Slab::new(),
            sessions: 0,
            exchanges: Slab::new(),
            upstreams: Upstreams::new(&config, seed),
            admission: Admission::default(),
            draining: Draining::default(),
            timers: Timers::default(),
            rng: Rng::new(seed),
            now: Instant::ZERO,
            actions: VecDeque::new(),
            spare: Spare::default(),
            touched: Vec::new(),
            to_serve: Vec::new(),
            config,
        })
    }

    /// The id that the next `Input::Accepted` must carry.
    pub fn vacant(&self) -> ConnId {
        ConnId(self.conns.vacant())
    }

    /// Takes in what happened at `now`. Never fails; inputs about connections that ended are ignored, and a `now`
    /// before the last one counts as the last one.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        self.dispatch_input(input);
        self.settle();
    }

    fn dispatch_input(&mut self, input: Input) {
        match input {
            Input::Accepted { conn, listener, peer } => self.on_accepted(conn, listener, peer),
            Input::Connected { conn } => self.on_connected(conn),
            Input::ConnectFailed { conn, error } => self.on_connect_failed(conn, error),
            Input::Data { conn, bytes } => match self.side(conn) {
                Some(Side::Downstream(_)) => self.on_client_data(conn, bytes),
                Some(Side::Upstream(_)) => self.on_server_data(conn, bytes),
                None => {}
            },
            Input::Eof { conn } => match self.side(conn) {
                Some(Side::Downstream(_)) => self.on_client_eof(conn),
                Some(Side::Upstream(_)) => self.on_server_eof(conn),
                None => {}
            },
            Input::Wrote { conn, n } => match self.side(conn) {
                Some(Side::Downstream(_)) => self.on_client_took(conn, n as usize),
                Some(Side::Upstream(_)) => self.on_server_took(conn, n as usize),
                None => {}
            },
            Input::Failed { conn, error } => match self.side(conn) {
                Some(Side::Downstream(_)) => self.on_client_failed(conn),
                Some(Side::Upstream(_)) => self.on_server_failed(conn, error),
                None => {}
            },
            Input::Granted { permit: Permit::Client } => self.on_client_granted(),
            Input::Denied { permit: Permit::Client } => self.on_client_denied(),
            Input::Wanted { permit: Permit::Client } => {}
            Input::Granted { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_granted(endpoint),
            Input::Denied { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_denied(endpoint),
            Input::Wanted { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_wanted(endpoint),
            Input::Drain => self.on_drain(),
            Input::Tick => self.on_tick(),
            Input::Piped { conn, n } => match self.side(conn) {
                Some(Side::Downstream(_)) => self.on_client_piped(conn, n as usize),
                Some(Side::Upstream(_)) => self.on_server_piped(conn, n as usize),
                None => {}
            },
        }
    }

    /// The next thing to do. Drain after each `handle`.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() { None } else { self.next_action() }
    }

    fn next_action(&mut self) -> Option<Action> {
        while let Some(action) = self.actions.pop_front() {
            if let Action::Update { conn } = action {
                // The connection may have ended after the update was queued.
                let Some(entry) = self.conns.get_mut(conn.0) else { continue };
                entry.told.is_queued = false;
            }
            return Some(action);
        }
        None
    }

    /// What is wanted of a connection; `None` when it is dead.
    pub fn interest(&self, conn: ConnId) -> Option<Interest> {
        self.conns.get(conn.0).map(|entry| entry.told.interest)
    }

    /// The octets to write to a connection, in order, borrowed. Empty when it is dead, and while octets that were piped
    /// are to be written first.
    #[inline]
    pub fn egress(&self, conn: ConnId) -> impl Iterator<Item = &[u8]> {
        match self.side(conn) {
            Some(Side::Downstream(session)) => session.outbox.slices(),
            Some(Side::Upstream(link)) if !link.is_connecting() => link.outbox.slices(),
            Some(Side::Upstream(_)) | None => Slices::default(),
        }
    }

    /// When the next `Input::Tick` is due, and for which limit; `None`: not before another input. It may come before
    /// the limit runs out, never after.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let alarm = self.timers.first().and_then(|(at, conn)| {
            self.deadline_of(conn)
                .or(Some(Deadline { at, timer: Timer::ClientKeepAlive }))
                .map(|deadline| Deadline { at, ..deadline })
        });
        alarm.into_iter().chain(self.drain_deadline()).min()
    }

    /// Takes back an outcome that was recorded, for its memory. Changes nothing else; it may as well be dropped.
    pub fn recycle(&mut self, outcome: Box<Outcome>) {
        self.spare.recycle(outcome);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Connections that live, both sides.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Octets that are held for all connections, waiting to be understood or written.
    pub fn buffered(&self) -> usize {
        self.conns.iter().map(|(_, conn)| conn.side.buffered()).sum()
    }

    /// Octets that are held for one connection: not understood yet, not written yet, or kept to be sent again.
    pub fn held(&self, conn: ConnId) -> usize {
        self.side(conn).map_or(0, Side::buffered)
    }

    /// How many requests wait for a connection to a cluster.
    pub fn queued(&self, cluster: ClusterId) -> usize {
        self.upstreams.queued(cluster)
    }

    /// A digest of the whole state: equal journals give equal digests, in every process.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for (key, conn) in self.conns.iter() {
            (key, &conn.side, conn.armed).hash(&mut digest);
        }
        (&self.exchanges, &self.upstreams, &self.admission, &self.draining).hash(&mut digest);
        (&self.timers, &self.rng, self.now, self.vacant()).hash(&mut digest);
        digest.finish()
    }

    /// Notes that `conn` must be settled before this input is done. A connection that carries an exchange is settled with
    /// its session.
    fn touch(&mut self, conn: ConnId) {
        if let Some(entry) = self.conns.get_mut(conn.0) {
            entry.touch(conn, &mut self.touched);
        }
    }

    /// Finds a session in order to change it, and notes that it must be settled.
    fn touch_session(&mut self, conn: ConnId) -> Option<&mut Session> {
        let entry = self.conns.get_mut(conn.0)?;
        entry.touch(conn, &mut self.touched);
        match &mut entry.side {
            Side::Downstream(session) => Some(session),
            Side::Upstream(_) => None,
        }
    }

    fn insert(&mut self, side: Side) -> ConnId {
        if let Side::Downstream(_) = side {
            self.sessions += 1;
        }
        let conn = Conn { side, armed: None, is_touched: false, told: Told::default() };
        ConnId(self.conns.insert(conn))
    }

    /// Ends a connection.
    fn close(&mut self, conn: ConnId, how: Close) {
        if self.side(conn).is_some() {
            self.actions.push_back(Action::Close { conn, how });
            self.bury(conn);
        }
    }

    /// Forgets a connection whose socket is gone already.
    fn bury(&mut self, conn: ConnId) -> Option<Side> {
        let mut entry = self.conns.remove(conn.0)?;
        self.spare.collect(entry.side.outbox_mut());
        self.timers.disarm(conn, entry.armed);
        match &entry.side {
            Side::Downstream(session) => {
                self.sessions -= 1;
                if session.has_permit {
                    self.actions.push_back(Action::Release(Permit::Client));
                }
            }
            Side::Upstream(link) => self.free_link(link.endpoint),
        }
        Some(entry.side)
    }

    /// A connection to `endpoint` is gone: its permit is free for others.
    fn free_link(&mut self, endpoint: EndpointId) {
        match self.upstreams.freed(endpoint) {
            Freed::Unlimited => return,
            Freed::Spare => {}
            Freed::Release => self.actions.push_back(Action::Release(Permit::Endpoint(endpoint))),
        }
        self.to_serve.push(self.upstreams.cluster_of(endpoint));
    }

    fn side(&self, conn: ConnId) -> Option<&Side> {
        self.conns.get(conn.0).map(|entry| &entry.side)
    }

    fn session(&self, conn: ConnId) -> Option<&Session> {
        match self.side(conn)? {
            Side::Downstream(session) => Some(session),
            Side::Upstream(_) => None,
        }
    }

    fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        match &mut self.conns.get_mut(conn.0)?.side {
            Side::Downstream(session) => Some(session),
            Side::Upstream(_) => None,
        }
    }

    fn link(&self, conn: ConnId) -> Option<&Link> {
        match self.side(conn)? {
            Side::Upstream(link) => Some(link),
            Side::Downstream(_) => None,
        }
    }

    fn link_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        match &mut self.conns.get_mut(conn.0)?.side {
            Side::Upstream(link) => Some(link),
            Side::Downstream(_) => None,
        }
    }

    fn exchange(&self, id: ExchangeId) -> Option<&Exchange> {
        self.exchanges.get(id.0)
    }

    fn exchange_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.exchanges.get_mut(id.0)
    }
}

impl Conn {
    fn touch(&mut self, conn: ConnId, touched: &mut Vec<ConnId>) {
        if !self.is_touched {
            self.is_touched = true;
            touched.push(conn);
        }
    }
}

impl Side {
    fn outbox(&self) -> &Outbox {
        match self {
            Self::Downstream(session) => &session.outbox,
            Self::Upstream(link) => &link.outbox,
        }
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        match self {
            Self::Downstream(session) => &mut session.outbox,
            Self::Upstream(link) => &mut link.outbox,
        }
    }

    fn buffered(&self) -> usize {
        match self {
            Self::Downstream(session) => session.inbox.len() + session.outbox.held(),
            Self::Upstream(link) => link.inbox.len() + link.outbox.held(),
        }
    }
}
