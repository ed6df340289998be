//! A world around one core: peers with kernels that take part of what is written, permits that other workers
//! want, and time. It does to the core what a driver does, and asserts after each input what must hold.
//!
//! It has no opinion on timing, order or faults: those come from the script.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use proxy_core::{
    Action, Close, Config, ConnId, Core, Endpoint, Input, Instant, JournalWriter, NetError, Permit,
};

use crate::conversation;
use crate::script::{Script, Step, Who};

/// What a run leaves behind, to be compared with another run's.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// The state at the end.
    pub digest: u64,
    /// Every input.
    pub journal: Vec<u8>,
    /// Every action.
    pub actions: Vec<Action>,
}

/// Plays `script` to its end, then lets all faults stop and time pass until nothing is left. `trace` hears of
/// everything that goes in and comes out.
pub fn run(script: &Script, trace: fn(Instant, &dyn Debug)) -> Ran {
    let mut world = World::new(script.setting, trace);
    for step in &script.steps {
        world.step(step);
    }
    world.come_to_rest();
    for peer in &world.peers {
        match peer.who {
            Who::Client(_) => conversation::check_client(&peer.given, &peer.taken, peer.ended_cleanly),
            Who::Server(_) => conversation::check_server(&peer.taken),
        }
    }
    let digest = world.core.digest();
    world.journal.digest(digest);
    Ran { digest, journal: world.journal.take(), actions: world.actions }
}

struct World {
    core: Core,
    now: Instant,
    /// All that ever were, in order.
    peers: Vec<Peer>,
    live: BTreeMap<ConnId, usize>,
    /// Connections that ended, for late news of them.
    dead: Vec<ConnId>,
    permits: BTreeMap<Permit, Units>,
    /// What actions ask for, done once all of them are drained.
    todo: VecDeque<Todo>,
    journal: JournalWriter,
    inputs: u64,
    actions: Vec<Action>,
    trace: fn(Instant, &dyn Debug),
}

/// The other end of a connection, and the kernels between.
struct Peer {
    who: Who,
    conn: ConnId,
    /// Which endpoint it leads to.
    endpoint: Option<u32>,
    is_connecting: bool,
    /// Said, but not delivered yet.
    said: VecDeque<u8>,
    /// FIN follows what was said.
    fin: bool,
    fin_given: bool,
    /// How much more it takes.
    window: usize,
    is_blocked: bool,
    /// Handed to the core.
    given: Vec<u8>,
    /// Piped, and to be written next.
    pipe: Vec<u8>,
    /// Taken from the core.
    taken: Vec<u8>,
    /// We sent FIN.
    shut: bool,
    /// We sent FIN, or closed gracefully: what was taken must be whole.
    ended_cleanly: bool,
}

/// A process-wide limit.
struct Units {
    total: u32,
    ours: u32,
    others: u32,
    /// We asked for so many that were not free.
    owed: u32,
}

enum Todo {
    Update(ConnId),
    Answer(Input),
}

const UNLIMITED: usize = usize::MAX;

/// More would only make each run slower.
const CLIENTS_MAX: usize = 6;

impl World {
    fn new(setting: u8, trace: fn(Instant, &dyn Debug)) -> Self {
        let config = config(setting);
        let core = Core::new(config.clone(), 7).expect("every setting is valid");
        let mut permits = BTreeMap::new();
        if let Some(total) = config.limits.client_connections {
            permits.insert(Permit::Client, Units { total, ours: 0, others: 0, owed: 0 });
        }
        for (index, (_, endpoint)) in (0u32..).zip(config.endpoints()) {
            if let Some(total) = endpoint.connections_max {
                permits.insert(Permit::Endpoint(index), Units { total, ours: 0, others: 0, owed: 0 });
            }
        }
        Self {
            core,
            now: Instant::ZERO,
            peers: Vec::new(),
            live: BTreeMap::new(),
            dead: Vec::new(),
            permits,
            todo: VecDeque::new(),
            journal: JournalWriter::new(&config, 7),
            inputs: 0,
            actions: Vec::new(),
            trace,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Connect => self.accept(),
            Step::Say(who, octets) => {
                if let Some(peer) = self.speaker(*who) {
                    self.peers[peer].said.extend(octets);
                }
            }
            Step::Deliver(who, amount) => {
                if let Some(peer) = self.peer(*who) {
                    self.deliver(peer, *amount);
                }
            }
            Step::Finish(who) => {
                if let Some(peer) = self.speaker(*who) {
                    self.peers[peer].fin = true;
                }
            }
            Step::Reset(who) => {
                if let Some(peer) = self.peer(*who).filter(|peer| !self.peers[*peer].is_connecting) {
                    self.fail(peer);
                }
            }
            Step::Take(who, amount) => {
                if let Some(peer) = self.peer(*who) {
                    let window = &mut self.peers[peer].window;
                    *window = amount.map_or(UNLIMITED, |more| window.saturating_add(more));
                    self.writable(peer);
                }
            }
            Step::Stall(who) => {
                if let Some(peer) = self.peer(*who) {
                    self.peers[peer].window = 0;
                }
            }
            Step::Established(place) => {
                if let Some(peer) = self.connecting(*place) {
                    self.establish(peer);
                }
            }
            Step::Unreachable(place) => {
                if let Some(peer) = self.connecting(*place) {
                    let conn = self.bury(peer);
                    self.feed(Input::ConnectFailed { conn, error: ERRORS[place % ERRORS.len()] });
                }
            }
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(*milliseconds)),
            Step::Oversleep(milliseconds) => self.now = self.now.after(Duration::from_millis(*milliseconds)),
            Step::Tick => self.tick(),
            Step::Compete(place) => self.compete(*place),
            Step::Yield(place) => self.give_back(*place),
            Step::Want(place) => {
                if let Some(permit) = self.permit(*place) {
                    self.feed(Input::Wanted { permit });
                }
            }
            Step::Drain => self.feed(Input::Drain),
            Step::Stale(place) => self.bring_late_news(*place),
        }
    }

    fn accept(&mut self) {
        let number = self.count(|who| matches!(who, Who::Client(_)));
        if number >= CLIENTS_MAX {
            return;
        }
        let conn = self.core.vacant();
        self.add(conn, Who::Client(number), None, false);
        self.feed(Input::Accepted { conn, listener: 0, peer: address(40_000) });
    }

    fn add(&mut self, conn: ConnId, who: Who, endpoint: Option<u32>, is_connecting: bool) {
        let replaced = self.live.insert(conn, self.peers.len());
        assert_eq!(replaced, None, "{conn:?} is in use");
        assert!(!self.dead.contains(&conn), "{conn:?} was used before");
        self.peers.push(Peer {
            who,
            conn,
            endpoint,
            is_connecting,
            said: VecDeque::new(),
            fin: false,
            fin_given: false,
            window: UNLIMITED,
            is_blocked: false,
            given: Vec::new(),
            pipe: Vec::new(),
            taken: Vec::new(),
            shut: false,
            ended_cleanly: false,
        });
    }

    /// Hands an input in, drains every action, and does what they ask for.
    fn feed(&mut self, input: Input) {
        self.hand_in(input);
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Answer(input) => self.hand_in(input),
                Todo::Update(conn) => {
                    if let Some(peer) = self.live.get(&conn) {
                        self.update(*peer);
                    }
                }
            }
        }
        self.assert_laws();
    }

    fn hand_in(&mut self, input: Input) {
        (self.trace)(self.now, &input);
        self.journal.input(self.now, &input);
        self.core.handle(self.now, input);
        self.core.check();
        self.inputs += 1;
        if self.inputs.is_multiple_of(16) {
            self.journal.digest(self.core.digest());
        }
        while let Some(action) = self.core.poll_action() {
            (self.trace)(self.now, &action);
            self.carry_out(&action);
            self.actions.push(action);
        }
    }

    fn carry_out(&mut self, action: &Action) {
        match *action {
            Action::Connect { conn, peer } => {
                let index = self.core.config().endpoints().position(|(_, endpoint)| endpoint.addr == peer);
                let endpoint = index.and_then(|index| u32::try_from(index).ok());
                assert!(endpoint.is_some(), "{peer} is nobody's address");
                let number = self.count(|who| matches!(who, Who::Server(_)));
                self.add(conn, Who::Server(number), endpoint, true);
            }
            Action::Update { conn } => {
                assert!(self.live.contains_key(&conn), "an update of {conn:?}, which is dead");
                self.todo.push_back(Todo::Update(conn));
            }
            Action::Close { conn, how } => {
                let peer = *self.live.get(&conn).expect("what is closed lives");
                self.peers[peer].ended_cleanly |= how == Close::Graceful;
                self.bury(peer);
            }
            Action::Acquire(permit) => {
                let answer = self.acquire(permit);
                self.todo.push_back(Todo::Answer(answer));
            }
            Action::Release(permit) => {
                let units = self.permits.get_mut(&permit).expect("what is released is limited");
                assert!(units.ours > 0, "{permit:?} was not ours to release");
                units.ours -= 1;
                self.serve_debts(permit);
            }
            Action::Listen(_) | Action::Record(_) | Action::Drained => {}
        }
    }

    fn update(&mut self, peer: usize) {
        if !self.peers[peer].is_blocked {
            self.write(peer);
        }
        let conn = self.peers[peer].conn;
        if self.core.interest(conn).is_some_and(|interest| interest.shutdown) {
            self.peers[peer].shut = true;
            self.peers[peer].ended_cleanly = true;
        }
    }

    /// The kernel takes what the window allows.
    fn write(&mut self, peer: usize) {
        let Peer { conn, is_connecting, .. } = self.peers[peer];
        if is_connecting || !self.live.contains_key(&conn) {
            return;
        }
        let mut offered = self.core.egress(conn).collect::<Vec<_>>().concat();
        if !self.peers[peer].pipe.is_empty() {
            assert!(offered.is_empty(), "{conn:?} wants to write before what was piped");
            offered.clone_from(&self.peers[peer].pipe);
        }
        let interest = self.core.interest(conn).expect("a live connection has an interest");
        assert_eq!(interest.write, !offered.is_empty(), "interest and egress of {conn:?} disagree");
        if offered.is_empty() {
            return;
        }
        let peer = &mut self.peers[peer];
        assert!(!peer.shut, "octets after FIN to {conn:?}");
        let n = offered.len().min(peer.window);
        peer.pipe.drain(..n.min(peer.pipe.len()));
        peer.taken.extend_from_slice(&offered[..n]);
        peer.window = if peer.window == UNLIMITED { UNLIMITED } else { peer.window - n };
        peer.is_blocked = n < offered.len();
        let n = u32::try_from(n).expect("a buffer is small");
        self.hand_in(Input::Wrote { conn, n });
    }

    /// There is room again.
    fn writable(&mut self, peer: usize) {
        if self.peers[peer].is_blocked && self.peers[peer].window > 0 {
            self.peers[peer].is_blocked = false;
            self.todo.push_back(Todo::Update(self.peers[peer].conn));
            self.settle();
        }
    }

    /// Does what is left to do, without an input of its own.
    fn settle(&mut self) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Answer(input) => self.feed(input),
                Todo::Update(conn) => {
                    if let Some(peer) = self.live.get(&conn) {
                        self.update(*peer);
                    }
                }
            }
        }
        self.assert_laws();
    }

    /// Hands in what was said, as far as it is read, and FIN behind it.
    fn deliver(&mut self, peer: usize, amount: Option<usize>) {
        let mut left = amount.unwrap_or(UNLIMITED);
        while left > 0 {
            let Peer { conn, is_connecting, .. } = self.peers[peer];
            let Some(interest) = self.core.interest(conn).filter(|_| !is_connecting) else { return };
            let at = &mut self.peers[peer];
            let n = at.said.len().min(interest.read).min(left);
            // Either way is right: here, the octets decide.
            if let Some(to) = interest.pipe.filter(|_| n % 2 == 1) {
                let bytes: Vec<u8> = at.said.drain(..n).collect();
                at.given.extend_from_slice(&bytes);
                left -= n;
                let to = self.live[&to];
                assert!(self.peers[to].pipe.is_empty() && !self.peers[to].is_connecting, "piped behind others");
                self.peers[to].pipe = bytes;
                self.feed(Input::Piped { conn, n: u32::try_from(n).expect("a buffer is small") });
            } else if n > 0 {
                let bytes: Vec<u8> = at.said.drain(..n).collect();
                at.given.extend_from_slice(&bytes);
                left -= n;
                self.feed(Input::Data { conn, bytes: Bytes::from(bytes) });
            } else if at.fin && !at.fin_given && at.said.is_empty() && interest.read > 0 {
                at.fin_given = true;
                return self.feed(Input::Eof { conn });
            } else {
                return;
            }
        }
    }

    fn fail(&mut self, peer: usize) {
        let conn = self.bury(peer);
        self.feed(Input::Failed { conn, error: NetError::Reset });
    }

    fn establish(&mut self, peer: usize) {
        self.peers[peer].is_connecting = false;
        self.feed(Input::Connected { conn: self.peers[peer].conn });
    }

    fn bury(&mut self, peer: usize) -> ConnId {
        let conn = self.peers[peer].conn;
        self.live.remove(&conn);
        self.dead.push(conn);
        conn
    }

    /// Lets time pass, with a tick at each deadline.
    fn pass(&mut self, by: Duration) {
        let until = self.now.after(by);
        while let Some(deadline) = self.core.next_deadline().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.tick();
        }
        self.now = self.now.max(until);
    }

    fn tick(&mut self) {
        self.hand_in(Input::Tick);
        let due = self.core.next_deadline().filter(|deadline| deadline.at <= self.now);
        assert_eq!(due, None, "due after a tick at {:?}", self.now);
        self.settle();
    }

    fn compete(&mut self, place: usize) {
        if let Some(permit) = self.permit(place)
            && let Some(units) = self.permits.get_mut(&permit)
            && units.ours + units.others < units.total
        {
            units.others += 1;
        }
    }

    fn give_back(&mut self, place: usize) {
        if let Some(permit) = self.permit(place) {
            if let Some(units) = self.permits.get_mut(&permit) {
                units.others = units.others.saturating_sub(1);
            }
            self.serve_debts(permit);
            self.settle();
        }
    }

    fn acquire(&mut self, permit: Permit) -> Input {
        let units = self.permits.get_mut(&permit).expect("what is asked for is limited");
        if units.ours + units.others < units.total {
            units.ours += 1;
            Input::Granted { permit }
        } else {
            units.owed += 1;
            Input::Denied { permit }
        }
    }

    fn serve_debts(&mut self, permit: Permit) {
        if let Some(units) = self.permits.get_mut(&permit)
            && units.owed > 0
            && units.ours + units.others < units.total
        {
            units.owed -= 1;
            units.ours += 1;
            self.todo.push_back(Todo::Answer(Input::Granted { permit }));
        }
    }

    /// News of a connection that ended must change nothing.
    fn bring_late_news(&mut self, place: usize) {
        let Some(conn) = self.dead.get(place % self.dead.len().max(1)).copied() else { return };
        assert_eq!(self.core.interest(conn), None);
        assert_eq!(self.core.egress(conn).count(), 0);
        self.tick();
        let (digest, actions) = (self.core.digest(), self.actions.len());
        for input in [
            Input::Connected { conn },
            Input::ConnectFailed { conn, error: NetError::Refused },
            Input::Data { conn, bytes: Bytes::from_static(b"GET / HTTP/1.1\r\n") },
            Input::Wrote { conn, n: 1 },
            Input::Eof { conn },
            Input::Failed { conn, error: NetError::Reset },
        ] {
            self.feed(input);
        }
        assert_eq!((self.core.digest(), self.actions.len()), (digest, actions), "late news had an effect");
    }

    /// Faults stop: everyone reads, connects stand, permits come back. Time does the rest.
    fn come_to_rest(&mut self) {
        let began = self.now;
        for units in self.permits.values_mut() {
            units.others = 0;
        }
        for permit in self.permits.keys().copied().collect::<Vec<_>>() {
            self.serve_debts(permit);
        }
        self.settle();
        loop {
            self.let_go();
            if self.core.connections() == 0 {
                break;
            }
            let deadline = self.core.next_deadline().expect("what lives has a deadline");
            self.now = self.now.max(deadline.at);
            assert!(self.now.since(began) < REST_MAX, "not at rest: {:?}", self.core);
            self.tick();
        }
        assert_eq!(self.core.buffered(), 0);
        for (permit, units) in &self.permits {
            assert_eq!((units.ours, units.owed), (0, 0), "{permit:?} is kept or waited for by nobody");
        }
    }

    /// Whatever can happen without time passing, happens.
    fn let_go(&mut self) {
        let mut inputs = None;
        while inputs != Some(self.inputs) {
            inputs = Some(self.inputs);
            for peer in 0..self.peers.len() {
                if !self.live.contains_key(&self.peers[peer].conn) {
                    continue;
                }
                self.peers[peer].window = UNLIMITED;
                if self.peers[peer].is_connecting {
                    self.establish(peer);
                }
                self.writable(peer);
                self.deliver(peer, None);
            }
        }
    }

    fn assert_laws(&self) {
        assert_eq!(self.core.connections(), self.live.len(), "the core and the world count differently");
        for (permit, units) in &self.permits {
            assert!(units.ours + units.others <= units.total, "{permit:?} is over its limit");
            let Permit::Endpoint(endpoint) = permit else { continue };
            let used =
                self.live.values().filter(|peer| self.peers[**peer].endpoint == Some(*endpoint)).count();
            assert!(
                used <= units.ours as usize,
                "{used} connections on {} permits of {permit:?}",
                units.ours
            );
        }
        for (conn, peer) in &self.live {
            let interest = self.core.interest(*conn).expect("what lives has an interest");
            assert!(!interest.shutdown || !interest.write, "FIN before the last octet");
            assert!(!self.peers[*peer].shut || interest.shutdown, "FIN was taken back");
        }
    }

    fn peer(&self, who: Who) -> Option<usize> {
        let is_meant = |peer: &Peer| match (who, peer.who) {
            (Who::Client(a), Who::Client(b)) => a % CLIENTS_MAX == b,
            (Who::Server(a), Who::Server(b)) => a == b,
            _ => false,
        };
        let place = self.peers.iter().position(is_meant)?;
        self.live.contains_key(&self.peers[place].conn).then_some(place)
    }

    /// Someone who has not sent FIN.
    fn speaker(&self, who: Who) -> Option<usize> {
        self.peer(who).filter(|peer| !self.peers[*peer].fin)
    }

    fn connecting(&self, place: usize) -> Option<usize> {
        let mut all: Vec<_> =
            self.live.values().copied().filter(|peer| self.peers[*peer].is_connecting).collect();
        all.sort_unstable();
        all.get(place % all.len().max(1)).copied()
    }

    fn permit(&self, place: usize) -> Option<Permit> {
        self.permits.keys().nth(place % self.permits.len().max(1)).copied()
    }

    fn count(&self, is_meant: impl Fn(Who) -> bool) -> usize {
        self.peers.iter().filter(|peer| is_meant(peer.who)).count()
    }
}

/// Past every limit on waiting there is.
const REST_MAX: Duration = Duration::from_secs(3_600);

const ERRORS: [NetError; 6] = [
    NetError::Refused,
    NetError::Unreachable,
    NetError::Reset,
    NetError::TimedOut,
    NetError::Exhausted,
    NetError::Other,
];

/// One bit for each: two endpoints, few clients, few upstream connections, small buffers, streams.
fn config(setting: u8) -> Config {
    let endpoints = [address(9_001), address(9_002)];
    let mut config = Config::simple(address(8_080), &endpoints[..1 + usize::from(setting & 1)]);
    config.limits.client_connections = (setting & 2 != 0).then_some(2);
    if setting & 4 != 0 {
        config.clusters[0].queue_max = 2;
        let limit = |endpoint: &mut Endpoint| endpoint.connections_max = Some(1);
        config.clusters[0].endpoints.iter_mut().for_each(limit);
    }
    if setting & 8 != 0 {
        config.limits.head_bytes = 512;
        config.limits.target_bytes = 64;
        config.limits.fields = 8;
        config.limits.buffer_bytes = 4_096;
        config.routes[0].request_body_max = Some(5_000);
    }
    config.routes[0].stream = setting & 16 != 0;
    config.trusted_proxies.clear();
    config
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
