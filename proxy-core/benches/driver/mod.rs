//! A core in the hands of [`drive`], as in a real worker, over sockets that are always ready.

pub(crate) mod meter;
pub(crate) mod scenario;

use bytes::Bytes;
use proxy_core::drive::{self, News, Place, Read, Then, Turn, Wrote};
use proxy_core::{
    Action, Alarm, Close, ConnId, Core, Input, Instant, Interest, Listen, ListenerId, NetError, Outcome,
    Permit,
};
use scenario::Scenario;
use std::collections::BTreeMap;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

/// Clients at a time. They act in turn, each up to the point where it waits for the others.
pub(crate) const CLIENTS: usize = 64;

/// Between two turns of the worker.
const TURN: Duration = Duration::from_micros(50);

/// A core with its clients and upstreams.
pub(crate) struct Driver {
    scenario: Scenario,
    core: Core,
    turn: Turn,
    now: Instant,
    clients: Vec<ConnId>,
    /// What came on a connection and was not read yet.
    unread: BTreeMap<ConnId, Bytes>,
    /// Connections to upstreams that were made.
    made: Vec<ConnId>,
    /// Connections on which a whole request came.
    asked: Vec<ConnId>,
    /// How many clients stand at the door.
    at_door: usize,
    news: Vec<Place>,
    /// Requests that are over.
    pub(crate) recorded: usize,
    /// Octets that clients were sent.
    pub(crate) delivered: usize,
}

impl Driver {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut driver = Self {
            core: Core::new(scenario.config(), 0).expect("the configuration is valid"),
            turn: Turn::default(),
            scenario,
            now: Instant::ZERO,
            clients: Vec::new(),
            unread: BTreeMap::new(),
            made: Vec::new(),
            asked: Vec::new(),
            at_door: 0,
            news: Vec::new(),
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
            self.says(self.clients[at], self.scenario.request.clone());
        }
        self.turns();
        while !self.made.is_empty() || !self.asked.is_empty() {
            self.news.extend(self.made.iter().map(|conn| Place::of(*conn)));
            for conn in mem::take(&mut self.asked) {
                self.says(conn, self.scenario.response.clone());
            }
            self.turns();
        }
    }

    fn accept_all(&mut self) {
        self.at_door = CLIENTS;
        self.news.push(Place::Listener(ListenerId(0)));
        self.turns();
    }

    fn says(&mut self, conn: ConnId, octets: Bytes) {
        self.unread.insert(conn, octets);
        self.news.push(Place::of(conn));
    }

    /// Until everybody was looked at.
    fn turns(&mut self) {
        loop {
            let rest = drive::turn(self, self.now);
            self.now = self.now.after(TURN);
            if self.news.is_empty() && rest != drive::Rest::None {
                return;
            }
        }
    }
}

impl drive::Driver for Driver {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn handle(&mut self, now: Instant, input: Input) {
        meter::handle(&mut self.core, now, input);
    }

    fn poll_action(&mut self) -> Option<Action> {
        meter::poll_action(&mut self.core)
    }

    fn interest(&mut self, conn: ConnId) -> Option<Interest> {
        meter::interest(&self.core, conn)
    }

    fn next_deadline(&mut self) -> Option<Alarm> {
        meter::next_deadline(&self.core)
    }

    fn news(&mut self, into: &mut News) {
        into.places.append(&mut self.news);
    }

    fn has_news(&mut self, _: ConnId) -> bool {
        false
    }

    fn look_again(&mut self, conn: ConnId) {
        self.news.push(Place::of(conn));
    }

    fn ring(&mut self, listener: ListenerId) {
        self.news.push(Place::Listener(listener));
    }

    fn listeners(&mut self) -> usize {
        1
    }

    fn accept(&mut self, conn: ConnId, _: ListenerId) -> Option<SocketAddr> {
        self.at_door = self.at_door.checked_sub(1)?;
        self.clients.push(conn);
        let port = 40_000 + u16::try_from(self.at_door).expect("few clients");
        Some(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 17), port)))
    }

    fn connect(&mut self, conn: ConnId, _: SocketAddr) {
        self.made.push(conn);
    }

    fn finish_connecting(&mut self, conn: ConnId) -> Poll<Result<(), NetError>> {
        self.made.retain(|made| *made != conn);
        Poll::Ready(Ok(()))
    }

    /// As less comes than is allowed, there is nothing else.
    fn read(&mut self, conn: ConnId, max: usize, _: Option<ConnId>) -> Read {
        let Some(bytes) = self.unread.remove(&conn) else { return Read::Pending };
        assert!(max >= bytes.len(), "{conn:?} may read only {max} octets");
        Read::Data { bytes, is_all: true }
    }

    /// The kernel takes everything at once.
    fn write(&mut self, conn: ConnId) -> Wrote {
        let octets = meter::egress(&self.core, conn);
        if self.clients.contains(&conn) {
            self.delivered += octets;
        } else {
            self.asked.push(conn);
        }
        Wrote { octets, then: Then::Done }
    }

    fn shut(&mut self, _: ConnId) -> Then {
        Then::Done
    }

    fn close(&mut self, _: ConnId, _: Close) {}

    fn lost(&mut self, _: ConnId) {}

    fn listen(&mut self, _: Listen) {}

    fn acquire(&mut self, _: Permit) -> bool {
        true
    }

    fn release(&mut self, _: Permit) {}

    fn record(&mut self, outcome: Box<Outcome>) {
        assert_eq!(outcome.status, Some(200), "{outcome:?}");
        self.recorded += 1;
        meter::recycle(&mut self.core, outcome);
    }
}
