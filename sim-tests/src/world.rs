//! The world: virtual time, and who does something next. Everybody else only knows what was handed to them.

mod aftermath;
mod contract;
mod driver;
mod flows;
mod stamp;
mod trace;

use crate::agenda::{Agenda, Event};
use crate::client::Client;
use crate::kernel::{End, News, Wire};
use crate::laws::Facts;
use crate::ledger::Ledger;
use crate::lent::Lender;
use crate::model::limits::{are_off, head_share, may_last};
use crate::origin::Server;
use crate::permits::Permits;
use crate::script::{Connect, Script, cyclic};
use crate::setup::config;
use crate::stamps::Clocks;
use crate::time::{MS, Nanos, SECOND, earliest};
use proxy_core::drive::{self, Turn};
use proxy_core::{
    Alarm, ClusterId, ConnId, Core, EndpointId, Input, Instant, JournalWriter, Listen, NetError, Permit,
};
use std::collections::{BTreeMap, VecDeque};

use aftermath::Aftermath;
use driver::{Handled, Socket};
use trace::Trace;

/// Who is at the other end of a wire than the proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Client(usize),
    Origin(usize),
}

/// A place in each of the script's cyclic lists.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) connects: usize,
    pub(crate) late_news: usize,
    wires: usize,
    order: usize,
    late: usize,
}

/// One run.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) now: Nanos,
    pub(crate) core: Core,
    pub(crate) journal: Option<JournalWriter>,
    pub(crate) trace: Option<Trace>,
    pub(crate) sessions: u64,
    pub(crate) inputs: u64,
    pub(crate) wires: Vec<Wire>,
    pub(crate) peers: Vec<Peer>,
    /// When the peer of each wire looks at it next.
    peer_wakes_at: Vec<Option<Nanos>>,
    /// The proxy's end of each wire, while it has one.
    pub(crate) ends: Vec<Option<ConnId>>,
    clients: Vec<Option<Client>>,
    pub(crate) origins: Vec<Option<Server>>,
    /// Which origin had something of each client's last.
    pub(crate) carriers: Vec<usize>,
    pub(crate) sockets: Vec<Option<Socket>>,
    pub(crate) open_sockets: usize,
    pub(crate) open_clients: usize,
    /// The last one that was seen of each connection's place.
    pub(crate) generations: Vec<Option<u32>>,
    /// What the proxy decided so far besides its core.
    pub(crate) turn: Turn,
    /// What the proxy has not looked at yet.
    pub(crate) news: drive::News,
    /// The proxy will look at its news together with what else happens now.
    pub(crate) turn_is_due: bool,
    pub(crate) alarm_rings: bool,
    /// The input whose actions are not all done yet.
    pub(crate) handled: Option<Handled>,
    pub(crate) backlog: VecDeque<usize>,
    pub(crate) listen: Listen,
    pub(crate) permits: Permits,
    pub(crate) facts: Facts,
    pub(crate) clocks: Clocks,
    pub(crate) ledger: Ledger,
    pub(crate) cursors: Cursors,
    /// Very short reads and writes left: they cost time and show little that is new.
    pub(crate) tiny: u32,
    pub(crate) lender: Lender,
    pub(crate) drained: bool,
    /// How many connections the proxy began.
    pub(crate) connects: usize,
    /// Something is so wrong that it would go on for ever.
    pub(crate) is_hopeless: bool,
    pub(crate) aftermath: Aftermath,
    /// How each request of the storm ended.
    pub(crate) summary: BTreeMap<u32, String>,
    events: Agenda,
    /// What the core said last.
    pub(crate) deadline: Option<Alarm>,
    alarm: Option<Nanos>,
    stalled_until: Nanos,
    /// Accepting failed for want of descriptors: it is tried again then.
    pub(crate) rests_until: Nanos,
    /// What is still going to be said of connections that are dead, and when.
    pub(crate) late_news: VecDeque<(Nanos, Input)>,
    slack: Nanos,
    /// By how much a limit may be over when it is set: the `total` of a route, which counts what its head took.
    pub(crate) grace: Nanos,
}

impl World {
    /// A world in which nothing has happened yet. `script` is tamed.
    pub(crate) fn new(script: Script) -> Self {
        let config = config(&script);
        let late = script.late_ticks.iter().max().copied().unwrap_or(0);
        let stalls = script.stalls.iter().map(|(_, length)| Nanos::from(*length)).sum::<Nanos>();
        let permits = Permits::new(&config);
        #[allow(clippy::expect_used, reason = "every script is valid by construction")]
        let core = Core::new(config, script.seed).expect("the configuration is valid");
        let mut world = Self {
            now: 0,
            core,
            journal: None,
            trace: None,
            sessions: 0,
            inputs: 0,
            wires: Vec::new(),
            peers: Vec::new(),
            peer_wakes_at: Vec::new(),
            ends: Vec::new(),
            clients: (0..script.people()).map(|_| None).collect(),
            origins: Vec::new(),
            carriers: Vec::new(),
            sockets: Vec::new(),
            open_sockets: 0,
            open_clients: 0,
            generations: Vec::new(),
            turn: Turn::default(),
            news: drive::News::default(),
            turn_is_due: false,
            alarm_rings: false,
            handled: None,
            backlog: VecDeque::new(),
            listen: Listen::Accept,
            permits,
            facts: Facts::new(script.clone()),
            clocks: Clocks::default(),
            ledger: Ledger::default(),
            cursors: Cursors::default(),
            tiny: 20_000,
            lender: Lender::default(),
            drained: false,
            connects: 0,
            is_hopeless: false,
            aftermath: Aftermath::default(),
            summary: BTreeMap::new(),
            events: Agenda::default(),
            deadline: None,
            alarm: None,
            stalled_until: 0,
            rests_until: 0,
            late_news: VecDeque::new(),
            slack: (Nanos::from(late) + stalls) * MS,
            grace: head_share(&script),
            script,
        };
        world.schedule_script();
        world
    }

    /// Has everything written down that the core is handed.
    pub(crate) fn keep_journal(&mut self) {
        self.journal = Some(JournalWriter::new(self.core.config(), self.script.seed));
    }

    fn schedule_script(&mut self) {
        for index in 0..self.script.people() {
            self.at(Nanos::from(self.script.client(index).start) * MS, Event::Start(index));
        }
        for (at, length) in self.script.stalls.clone() {
            self.at(Nanos::from(at) * MS, Event::Stall(Nanos::from(length) * MS));
        }
        for at in self.script.rivals.clone() {
            self.at(Nanos::from(at) * MS, Event::RivalWants);
        }
        if let Some(at) = self.script.drain_at {
            self.at(Nanos::from(at) * MS, Event::Drain);
        }
    }

    /// Lets everything happen until nothing is left to, then sees how the proxy does without any fault.
    pub(crate) fn play(&mut self) {
        // Some client may read its last response an octet at a time for longer; the proxy must have long been done.
        self.play_while(|world| world.now <= ENDS_BY);
        self.is_hopeless |= self.now > ENDS_BY && may_last(&self.script);
        if self.is_hopeless {
            return;
        }
        if are_off(&self.script) {
            self.hang_up();
        }
        self.check_rest();
        self.facts.finish(&self.clocks);
        for (id, cluster) in (0..).map(ClusterId).zip(&self.core.config().clusters) {
            self.facts.check_queue(id, cluster.max_queue);
        }
        if self.journal.is_some() {
            self.summary = self.facts.summary();
        }
        self.recover();
    }

    /// Where limits are off, some wait for ever: until everybody else gives up.
    pub(crate) fn hang_up(&mut self) {
        // Who gives up makes room for others, who may wait for ever, too.
        for _ in 0..=self.script.people() {
            for wire in 0..self.wires.len() {
                let Some(conn) = self.ends[wire] else { continue };
                match self.peers[wire] {
                    Peer::Client(index) => self.facts.client_aborted(index),
                    Peer::Origin(_) => self.facts.hung_up(),
                }
                self.wires[wire].reset(self.now, End::Peer);
                self.wake_socket(conn, self.now + self.wires[wire].latency);
            }
            let unmade = self.sockets.iter().flatten().filter(|socket| self.is_unmade(socket.conn));
            for conn in unmade.map(|socket| socket.conn).collect::<Vec<_>>() {
                self.end_connecting(conn, Some(NetError::Unreachable));
            }
            self.play_while(|_| true);
        }
    }

    /// Lets things happen as long as `goes_on` and there are any.
    pub(crate) fn play_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
        while !self.is_hopeless
            && goes_on(self)
            && let Some((at, event)) = self.events.next()
        {
            self.now = at;
            if self.events.count() > EVENTS_MAX * self.script.people().max(1) as u64 {
                self.is_hopeless = true;
                if !may_last(&self.script) {
                    let count = self.events.count();
                    self.facts.violate(format!("it does not end: {count} events in {} ms", at / MS));
                }
                return;
            }
            if at < self.stalled_until && event.is_the_proxys() {
                self.ledger.note("the proxy was slower than its timers");
                self.at(self.stalled_until, event);
            } else {
                self.happen(event);
                self.set_alarm();
            }
        }
    }

    /// Goes on with another script. What the old one still had in store does not happen any more.
    pub(crate) fn forget_the_storm(&mut self, script: Script) {
        self.tell(|_| ("world".to_owned(), "the storm is over, fair weather begins".to_owned()));
        self.clients.resize_with(script.people(), || None);
        self.script = script;
        self.cursors = Cursors::default();
        self.events.clear();
        self.at(self.now, Event::Turn);
        self.connects = 0;
        self.alarm = None;
        self.stalled_until = 0;
        self.rests_until = 0;
        self.late_news.clear();
        self.slack = 0;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start(index) => self.start_client(index),
            Event::Arrive(index) => self.arrive(index),
            Event::Client(index) => self.step_client(index),
            Event::Origin(index) => self.step_origin(index),
            Event::Socket(conn) => self.visit(conn),
            Event::Connected(conn, error) => self.end_connecting(conn, error),
            Event::Listen => self.knock(),
            Event::Turn => self.take_turn(),
            Event::Tick => self.tick(),
            Event::Drain => self.drain(),
            Event::RivalWants => {
                self.rival(true);
                self.at(self.now + SECOND, Event::RivalLeaves);
            }
            Event::RivalLeaves => self.rival(false),
            Event::Stall(length) => self.stalled_until = self.stalled_until.max(self.now + length),
        }
    }

    /// By how much ticks may be late in all.
    pub(crate) const fn slack(&self) -> Nanos {
        self.slack
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Has something happen at `at`, behind or before what else happens then, as the script says.
    pub(crate) fn at(&mut self, at: Nanos, event: Event) {
        let rank = match event {
            // What arrived in time counts, even if the tick is late.
            Event::Tick => u8::MAX,
            _ => next(&self.script.order, &mut self.cursors.order).unwrap_or(0).min(u8::MAX - 1),
        };
        self.events.add(at.max(self.now), rank, event);
    }

    /// Makes the wire of a new connection.
    pub(crate) fn new_wire(&mut self, peer: Peer) -> usize {
        let at = self.cursors.wires;
        self.cursors.wires += 1;
        let latency = cyclic(&self.script.latencies, at).unwrap_or(0);
        let window =
            cyclic(&self.script.windows, at).map_or(64 * 1024, |window| usize::from(window).max(512));
        let bandwidth = cyclic(&self.script.bandwidths, at).unwrap_or(0);
        self.wires.push(Wire::new(Nanos::from(latency) * MS, window, bandwidth));
        self.peers.push(peer);
        self.peer_wakes_at.push(None);
        self.ends.push(None);
        self.wires.len() - 1
    }

    fn start_client(&mut self, index: usize) {
        let plan = self.script.client(index);
        self.sessions += 1;
        let wire = self.new_wire(Peer::Client(index));
        let latency = self.wires[wire].latency;
        self.clients[index] = Some(Client::new(index, plan, wire, self.now));
        self.at(self.now + latency, Event::Arrive(index));
        self.at(self.now + 2 * latency, Event::Client(index));
    }

    fn arrive(&mut self, index: usize) {
        self.backlog.push_back(index);
        self.knock();
    }

    /// The client that makes a request.
    pub(crate) fn client_of(&self, id: u32) -> Option<&Client> {
        self.clients.get(Script::client_of(id))?.as_ref()
    }

    /// The wire of a client.
    pub(crate) fn wire_of_client(&self, index: usize) -> Option<usize> {
        self.clients.get(index)?.as_ref().map(|client| client.wire)
    }

    fn step_client(&mut self, index: usize) {
        let Some(Some(client)) = self.clients.get_mut(index) else { return };
        let wire = client.wire;
        self.peer_wakes_at[wire].take_if(|at| *at <= self.now);
        let (news, before) = (self.wires[wire].news(End::Proxy), self.wires[wire].progress(End::Peer));
        let wake = client.step(self.now, &mut self.wires[wire], &mut self.facts);
        self.tell_peer(wire, before);
        self.after_peer(wire, wake, news);
    }

    fn step_origin(&mut self, index: usize) {
        let Some(Some(origin)) = self.origins.get_mut(index) else { return };
        let wire = origin.wire;
        self.peer_wakes_at[wire].take_if(|at| *at <= self.now);
        let (news, before) = (self.wires[wire].news(End::Proxy), self.wires[wire].progress(End::Peer));
        let wake = origin.step(self.now, &mut self.wires[wire], &mut self.facts);
        let grumbled = origin.grumbled;
        self.note_carrier(index);
        if let Some(at) = grumbled {
            self.stamps((false, index)).grumbled = at;
        }
        self.tell_peer(wire, before);
        self.after_peer(wire, wake, news);
    }

    /// A peer did something: tells the proxy's end if there are other news for it than before, and looks again when
    /// there is a reason to.
    fn after_peer(&mut self, wire: usize, wake: Option<Nanos>, before: News) {
        let arrives = self.wires[wire].readable_at(End::Peer).filter(|at| *at > self.now);
        if let Some(at) = earliest(wake, arrives) {
            self.wake_peer(wire, at.max(self.now + 1));
        }
        let Some(conn) = self.ends[wire] else { return };
        let news = self.wires[wire].news(End::Proxy);
        if let Some(at) = news.readable.filter(|_| news.readable != before.readable) {
            self.wake_socket(conn, at);
        }
        // Nobody needs to read to hear of a RST.
        if let Some(at) = news.reset.filter(|_| news.reset != before.reset) {
            self.wake_socket(conn, at);
        }
        if self.is_blocked(conn) && self.wires[wire].room(End::Proxy) > 0 {
            self.wake_socket(conn, self.now + self.wires[wire].latency);
        }
    }

    /// The proxy did something with a wire: its other end will notice.
    pub(crate) fn after_proxy(&mut self, wire: usize, has_read: bool) {
        if let Some(at) = self.wires[wire].readable_at(End::Peer) {
            self.wake_peer(wire, at);
        }
        if has_read {
            self.wake_peer(wire, self.now + self.wires[wire].latency);
        }
    }

    pub(crate) fn wake_peer(&mut self, wire: usize, at: Nanos) {
        let at = at.max(self.now);
        if self.peer_wakes_at[wire].is_some_and(|earlier| earlier <= at) {
            return;
        }
        self.peer_wakes_at[wire] = Some(at);
        let event = match self.peers[wire] {
            Peer::Client(index) => Event::Client(index),
            Peer::Origin(index) => Event::Origin(index),
        };
        self.at(at, event);
    }

    /// What becomes of the proxy's next connect.
    pub(crate) fn next_connect(&mut self) -> Connect {
        next(&self.script.connects, &mut self.cursors.connects).unwrap_or_default()
    }

    fn set_alarm(&mut self) {
        let Some(deadline) = self.deadline else { return };
        let at = deadline.at.as_nanos();
        if self.alarm.is_none_or(|alarm| alarm > at) {
            let late = next(&self.script.late_ticks, &mut self.cursors.late).unwrap_or(0);
            self.alarm = Some(at);
            self.at(at + Nanos::from(late) * MS, Event::Tick);
        }
    }

    /// The alarm rang.
    pub(crate) fn answer_alarm(&mut self) {
        self.alarm = None;
    }

    fn rival(&mut self, wants: bool) {
        let permit = Permit::Endpoint(EndpointId(0));
        let inputs = if wants { self.permits.rival_wants(permit) } else { self.permits.rival_leaves(permit) };
        inputs.into_iter().for_each(|input| self.tell_worker(input));
    }

    /// Faults stopped and everybody had their time: nothing may be left.
    pub(crate) fn check_rest(&mut self) {
        let left = self.open_sockets;
        if self.core.connections() > 0 || left > 0 || self.core.buffered() > 0 {
            let connections = self.core.connections();
            self.facts.violate(format!("{connections} connections and {left} sockets are left at rest"));
        }
        if let Some(deadline) = self.core.next_deadline() {
            self.facts.violate(format!("{deadline:?} is left at rest"));
        }
        if self.permits.held() > 0 {
            self.facts.violate(format!("{} permits are held at rest", self.permits.held()));
        }
        if self.script.drain_at.is_some() && !self.drained {
            self.facts.violate("the drain never ended".to_owned());
        }
    }
}

/// The next element of a list that starts over at its end.
pub(crate) fn next<T: Clone>(list: &[T], cursor: &mut usize) -> Option<T> {
    let element = cyclic(list, *cursor);
    *cursor += 1;
    element
}

/// Every script ends long before: clients make at most 16 requests, think at most two minutes, and every wait has a
/// limit.
const ENDS_BY: Nanos = 3_600 * SECOND;

/// For each client.
const EVENTS_MAX: u64 = 300_000;
