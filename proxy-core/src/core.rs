//! The one door in and the one door out: the connection table, and which machine hears of what.
//!
//! The transitions stand in the submodules, one per concern; this file only hands inputs to them and, when they are
//! done, settles what changed: clocks, alarms and updates.

mod active;
mod admission;
mod check;
mod deadlines;
mod downstream;
mod drain;
mod ending;
mod expiry;
mod failing;
mod interest;
mod leasing;
mod piping;
mod settle;
mod table;
mod upstream;
mod view;

use crate::action::{Action, Close, Interest};
use crate::config::{Config, ConfigError};
use crate::digest::Digest;
use crate::exchange::verdict::Failure;
use crate::forward::HttpDate;
use crate::ids::{ClusterId, EndpointId};
use crate::input::{ConnId, Input, NetError, Permit, StreamId};
use crate::outbox::Slices;
use crate::plan::Plan;
use crate::record::Outcome;
use crate::rng::Rng;
use crate::spare::Spare;
use crate::time::{Alarm, Instant};
use crate::timers::Timers;
use crate::upstreams::{Freed, Standing, Upstreams};
use admission::Admission;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::hash::{Hash, Hasher};
use drain::Draining;
use table::{Door, Side, Table};
use view::Judged;

/// Every decision of one worker.
#[derive(Clone, Debug)]
pub struct Core {
    plan: Arc<Plan>,
    table: Table,
    upstreams: Upstreams,
    admission: Admission,
    draining: Draining,
    timers: Timers,
    rng: Rng,
    now: Instant,
    /// The time of day, once it is known.
    date: Option<HttpDate>,
    actions: VecDeque<Action>,
    spare: Spare,
    /// Clusters in which the current input freed something that a queued request may wait for.
    to_serve: Vec<ClusterId>,
}

impl Core {
    /// Makes a worker's core. `seed` varies request ids and where balancing starts.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let plan = Plan::new(config)?;
        Ok(Self {
            table: Table::new(),
            upstreams: Upstreams::new(&plan, seed),
            admission: Admission::default(),
            draining: Draining::default(),
            timers: Timers::default(),
            rng: Rng::new(seed),
            now: Instant::ZERO,
            date: None,
            actions: VecDeque::new(),
            spare: Spare::default(),
            to_serve: Vec::new(),
            plan: Arc::new(plan),
        })
    }

    /// The id that the next `Input::Accepted` must carry.
    pub fn vacant(&self) -> ConnId {
        self.table.vacant()
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
            Input::Connected { conn } => {
                if let Some(Door::Connecting(id)) = self.table.door(conn) {
                    self.on_connected(conn, id);
                }
            }
            Input::ConnectFailed { conn, error } => {
                if let Some(Door::Connecting(id)) = self.table.door(conn) {
                    self.attempt_failed(id, Failure::Connect(error), None);
                }
            }
            Input::Data { conn, bytes } => self.on_data(conn, bytes),
            Input::Eof { conn } => self.on_eof(conn),
            Input::Wrote { conn, n } => self.on_wrote(conn, n as usize),
            Input::Piped { conn, n } => self.on_piped(conn, n as usize),
            Input::Failed { conn, error } => self.on_failed(conn, error),
            Input::Granted { permit: Permit::Client } => self.on_client_granted(),
            Input::Denied { permit: Permit::Client } => self.on_client_denied(),
            Input::Wanted { permit: Permit::Client } => {}
            Input::Granted { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_granted(endpoint),
            Input::Denied { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_denied(endpoint),
            Input::Wanted { permit: Permit::Endpoint(endpoint) } => self.on_endpoint_wanted(endpoint),
            Input::Drain => self.on_drain(),
            Input::Tick => self.on_tick(),
            Input::Clock { unix_seconds } => self.date = Some(HttpDate::at(unix_seconds)),
        }
    }

    fn on_data(&mut self, conn: ConnId, bytes: Bytes) {
        match self.table.door(conn) {
            Some(Door::Client) => self.on_client_data(conn, bytes),
            Some(Door::Request(id)) => self.on_request_data(conn, id, bytes),
            Some(Door::Response(id)) => self.on_response_data(conn, id, bytes),
            // Nobody asked: whatever it is, it must not become the answer to a later request.
            Some(Door::Pooled) => self.drop_idle(conn),
            Some(Door::Connecting(_)) | None => {}
        }
    }

    fn on_eof(&mut self, conn: ConnId) {
        match self.table.door(conn) {
            Some(Door::Client) => self.on_client_eof(conn),
            Some(Door::Request(id)) => self.on_request_eof(id),
            Some(Door::Response(id)) => self.on_response_eof(id),
            Some(Door::Pooled) => self.drop_idle(conn),
            Some(Door::Connecting(_)) | None => {}
        }
    }

    fn on_wrote(&mut self, conn: ConnId, n: usize) {
        match self.table.door(conn) {
            Some(Door::Client) => self.on_client_took(conn, n),
            Some(Door::Request(id)) => self.on_answer_taken(id, n),
            Some(Door::Response(id)) => self.on_request_taken(id, n),
            // Nothing is offered to be written there.
            Some(Door::Connecting(_) | Door::Pooled) | None => {}
        }
    }

    fn on_failed(&mut self, conn: ConnId, error: NetError) {
        match self.table.door(conn) {
            Some(Door::Client) => self.on_client_failed(conn),
            Some(Door::Request(id)) => self.on_request_failed(conn, id),
            Some(Door::Connecting(id)) => self.attempt_failed(id, Failure::Connect(error), None),
            Some(Door::Response(id)) => self.attempt_failed(id, Failure::UpstreamReset, None),
            Some(Door::Pooled) => self.bury(conn),
            None => {}
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
                let Some(entry) = self.table.get_mut(conn) else { continue };
                entry.note.is_update_queued = false;
            }
            return Some(action);
        }
        None
    }

    /// What is wanted of a connection; `None` when it is dead.
    pub fn interest(&self, conn: ConnId) -> Option<Interest> {
        self.table.get(conn).map(|entry| entry.note.interest)
    }

    /// The octets to write to a connection, in order, borrowed. Empty when it is dead, and while octets that were piped
    /// are to be written first.
    #[inline]
    pub fn egress(&self, conn: ConnId) -> impl Iterator<Item = &[u8]> {
        match self.table.get(conn).map(|entry| &entry.side) {
            Some(Side::Downstream(session)) => session.outbox.slices(),
            Some(Side::Upstream(link)) if !link.is_connecting() => link.outbox.slices(),
            Some(Side::Upstream(_)) | None => Slices::default(),
        }
    }

    /// When the next `Input::Tick` is due, and for which limit; `None`: not before another input. It may come before
    /// the limit runs out, never after.
    pub fn next_deadline(&self) -> Option<Alarm> {
        let first = self.timers.first().map(|(at, stream)| {
            let timer = self.deadline_of(stream.conn).map(|deadline| deadline.timer);
            Alarm { at, timer }
        });
        first.into_iter().chain(self.drain_deadline().map(Alarm::from)).min()
    }

    /// Takes back an outcome that was recorded, for its memory. Changes nothing else; it may as well be dropped.
    pub fn recycle(&mut self, outcome: Box<Outcome>) {
        self.spare.recycle(outcome);
    }

    /// What it works by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        self.plan.config()
    }

    /// Connections that live, both sides.
    pub fn connections(&self) -> usize {
        self.table.len()
    }

    /// Octets that are held for all connections, waiting to be understood or written.
    pub fn buffered(&self) -> usize {
        self.table.conns().map(|(_, conn)| conn.side.buffered()).sum()
    }

    /// Octets that are held for one connection: not understood yet, not written yet, or kept to be sent again.
    pub fn held(&self, conn: ConnId) -> usize {
        self.table.get(conn).map_or(0, |entry| entry.side.buffered())
    }

    /// How many requests wait for a connection to a cluster.
    pub fn queued(&self, cluster: ClusterId) -> usize {
        self.upstreams.queued(cluster)
    }

    /// How each endpoint did last, in [`Config::endpoints`] order.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.upstreams.standings()
    }

    /// A digest of the whole state between two inputs: equal journals give equal digests, in every process.
    pub fn digest(&self) -> u64 {
        // All fields by name: a new one can't be forgotten.
        let Self {
            plan,
            table,
            upstreams,
            admission,
            draining,
            timers,
            rng,
            now,
            date,
            to_serve,
            // Taken before the next input, as the contract says.
            actions: _,
            // Memory, of which nothing depends on what is in it.
            spare: _,
        } = self;
        let mut digest = Digest::default();
        (plan, table, upstreams, admission, draining).hash(&mut digest);
        (timers, rng, now, date, to_serve).hash(&mut digest);
        digest.finish()
    }

    /// What a connection is judged by, if it lives.
    fn judge(&self, conn: ConnId) -> Option<Judged<'_>> {
        self.table.judge(self.plan.unrouted(), conn)
    }

    /// Ends a connection.
    fn close(&mut self, conn: ConnId, how: Close) {
        if self.table.get(conn).is_some() {
            self.actions.push_back(Action::Close { conn, how });
            self.bury(conn);
        }
    }

    /// Forgets a connection whose socket is gone already.
    fn bury(&mut self, conn: ConnId) {
        let Some(mut entry) = self.table.remove(conn) else { return };
        self.spare.collect(entry.side.outbox_mut());
        self.timers.disarm(StreamId::whole(conn), entry.note.armed);
        match &entry.side {
            Side::Downstream(session) if session.has_permit => {
                self.actions.push_back(Action::Release(Permit::Client));
            }
            Side::Downstream(_) => {}
            Side::Upstream(link) => {
                let parked = link.is_idle().then_some(conn);
                self.release_link(link.endpoint, parked);
            }
        }
    }

    /// A connection to `endpoint` is gone, from the pool if it was `parked`: its permit is free for others.
    fn release_link(&mut self, endpoint: EndpointId, parked: Option<ConnId>) {
        match self.upstreams.release(endpoint, parked) {
            Freed::Unlimited => return,
            Freed::Spare => {}
            Freed::Release => self.actions.push_back(Action::Release(Permit::Endpoint(endpoint))),
        }
        self.to_serve.push(self.upstreams.cluster_of(endpoint));
    }
}
