//! What `proxy-tokio`'s worker does to a core, call for call, over sockets that are always ready.

pub(crate) mod meter;
pub(crate) mod scenario;

use bytes::Bytes;
use proxy_core::{Action, ConnId, Core, Input, Instant, Interest, ListenerId, Permit};
use scenario::Scenario;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Clients at a time. They act in turn, each up to the point where it waits for the others.
pub(crate) const CLIENTS: usize = 64;

/// Between two turns of the worker.
const TURN: Duration = Duration::from_micros(50);

/// A core with its clients and upstreams.
pub(crate) struct Driver {
    scenario: Scenario,
    core: Core,
    now: Instant,
    clients: Vec<ConnId>,
    /// Connections to upstreams that are being made.
    connecting: Vec<ConnId>,
    /// Connections on which a whole request came.
    asked: Vec<ConnId>,
    updates: VecDeque<ConnId>,
    grants: VecDeque<Permit>,
    /// Requests that are over.
    pub(crate) recorded: usize,
    /// Octets that clients were sent.
    pub(crate) delivered: usize,
}

impl Driver {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut driver = Self {
            core: Core::new(scenario.config(), 0).expect("the configuration is valid"),
            scenario,
            now: Instant::ZERO,
            clients: Vec::new(),
            connecting: Vec::new(),
            asked: Vec::new(),
            updates: VecDeque::new(),
            grants: VecDeque::new(),
            recorded: 0,
            delivered: 0,
        };
        if !driver.scenario.is_new_connection {
            driver.accept_all();
        }
        driver
    }

    /// Lets every client make one round of requests, and every upstream answer.
    pub(crate) fn round(&mut self) {
        if self.scenario.is_new_connection {
            self.clients.clear();
            self.accept_all();
        }
        for at in 0..self.clients.len() {
            let request = self.scenario.request.clone();
            self.visit(self.clients[at], request);
        }
        self.turn();
        while !self.connecting.is_empty() || !self.asked.is_empty() {
            for conn in std::mem::take(&mut self.connecting) {
                self.feed(Input::Connected { conn });
            }
            for conn in std::mem::take(&mut self.asked) {
                let response = self.scenario.response.clone();
                self.visit(conn, response);
            }
            self.turn();
        }
    }

    fn accept_all(&mut self) {
        for at in 0..CLIENTS {
            let conn = self.core.vacant();
            let port = 40_000 + u16::try_from(at).expect("few clients");
            let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 17), port));
            self.clients.push(conn);
            self.feed(Input::Accepted { conn, listener: ListenerId(0), peer });
        }
    }

    /// Reads what is there: as less came than was allowed, there is nothing else.
    fn visit(&mut self, conn: ConnId, bytes: Bytes) {
        let allowed = meter::interest(&self.core, conn).map_or(0, |interest| interest.read);
        assert!(allowed >= bytes.len(), "{conn:?} may read only {allowed} octets");
        self.feed(Input::Data { conn, bytes });
    }

    /// What ends a turn of the worker: timers, and when to be woken next.
    fn turn(&mut self) {
        if meter::next_deadline(&self.core).is_some_and(|deadline| deadline.at <= self.now) {
            self.feed(Input::Tick);
        }
        meter::next_deadline(&self.core);
        self.now = self.now.after(TURN);
    }

    fn feed(&mut self, input: Input) {
        meter::handle(&mut self.core, self.now, input);
        loop {
            while let Some(action) = meter::poll_action(&mut self.core) {
                self.carry_out(action);
            }
            if let Some(permit) = self.grants.pop_front() {
                meter::handle(&mut self.core, self.now, Input::Granted { permit });
            } else if let Some(conn) = self.updates.pop_front() {
                self.update(conn);
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { conn, .. } => self.connecting.push(conn),
            Action::Update { conn } => self.updates.push_back(conn),
            Action::Acquire(permit) => self.grants.push_back(permit),
            Action::Record(outcome) => {
                assert_eq!(outcome.status, Some(200), "{outcome:?}");
                self.recorded += 1;
                meter::recycle(&mut self.core, outcome);
            }
            Action::Close { .. } | Action::Release(_) | Action::Listen(_) | Action::Drained => {}
        }
    }

    /// The kernel takes everything at once.
    fn update(&mut self, conn: ConnId) {
        let Some(Interest { write: true, .. }) = meter::interest(&self.core, conn) else { return };
        let octets = meter::egress(&self.core, conn);
        if self.clients.contains(&conn) {
            self.delivered += octets;
        } else {
            self.asked.push(conn);
        }
        let n = u32::try_from(octets).expect("little is written at once");
        meter::handle(&mut self.core, self.now, Input::Wrote { conn, n });
    }
}
