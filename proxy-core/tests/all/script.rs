//! One harness for every test of the core: a driver without sockets, over the public API alone.
//!
//! It does what a driver does, and no more: one input, then every action; it reads no more than it is allowed, asks
//! again only when told to, and writes at once what a window takes. After every input it checks every invariant, and
//! when a script ends it replays the journal of all that happened to the same digest. In texts `|` stands for CRLF.

use bytes::Bytes;
use proxy_core::{
    Action, Close, Config, ConnId, Core, EndpointId, Input, Instant, Interest, JournalWriter, Listen,
    ListenerId, NetError, Outcome, Permit, Timeouts, Timer, replay,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) const SEED: u64 = 0;

/// How a connection ended, as its peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN: we send no more, but read on.
    Fin,
    /// Closed with everything written.
    Closed,
    /// Reset.
    Reset,
}

/// One driven core.
pub(crate) struct Script {
    pub(crate) core: Core,
    now: Instant,
    journal: JournalWriter,
    recorded: Vec<u8>,
    inputs: u64,
    wires: BTreeMap<ConnId, Wire>,
    connects: VecDeque<(ConnId, SocketAddr)>,
    outcomes: VecDeque<Outcome>,
    permits: BTreeMap<Permit, Counter>,
    listen: Listen,
    drained: bool,
    reads: Splits,
    writes: Splits,
    /// How many octets were piped; `None` for a driver that has no pipes.
    piped: Option<usize>,
}

/// How octets are cut on the way: lengths that are used in turn.
#[derive(Clone, Debug)]
struct Splits(VecDeque<usize>);

impl Splits {
    fn next(&mut self) -> usize {
        let Some(length) = self.0.pop_front() else { return usize::MAX };
        self.0.push_back(length);
        length
    }
}

/// One connection: the kernel and the peer behind it.
struct Wire {
    /// What the core wrote and nobody heard yet.
    written: Vec<u8>,
    /// What the peer sent and the core did not read yet.
    unread: VecDeque<u8>,
    /// What was piped and is to be written next.
    pipe: VecDeque<u8>,
    /// The peer's FIN stands behind `unread`.
    fin: bool,
    /// Octets that the kernel still takes.
    window: usize,
    interest: Interest,
    end: Option<End>,
    is_live: bool,
    /// A connection is being made.
    is_connecting: bool,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    free: u32,
    waiting: u32,
}

impl Script {
    /// Two endpoints, A and B, and all defaults.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_endpoints(2, change)
    }

    /// So many endpoints, A, B, C, …
    pub(crate) fn with_endpoints(endpoints: u8, change: impl FnOnce(&mut Config)) -> Self {
        let endpoints: Vec<_> = (0..endpoints).map(|at| addr_of(char::from(b'A' + at))).collect();
        let mut config = Config::simple(addr(8080), &endpoints);
        change(&mut config);
        Self::from_config(config)
    }

    /// The same with other limits on waiting.
    pub(crate) fn with_timeouts(change: impl FnOnce(&mut Timeouts)) -> Self {
        Self::with(|config| {
            change(&mut config.timeouts);
            for route in &mut config.routes {
                route.timeouts = config.timeouts.clone();
            }
        })
    }

    pub(crate) fn from_config(config: Config) -> Self {
        let mut permits = BTreeMap::new();
        if let Some(free) = config.limits.client_connections {
            permits.insert(Permit::Client, Counter { free, waiting: 0 });
        }
        for (at, (_, endpoint)) in (0..).map(EndpointId).zip(config.endpoints()) {
            if let Some(free) = endpoint.max_connections {
                permits.insert(Permit::Endpoint(at), Counter { free, waiting: 0 });
            }
        }
        let journal = JournalWriter::new(&config, SEED);
        Self {
            core: Core::new(config, SEED).unwrap(),
            now: Instant::ZERO,
            journal,
            recorded: Vec::new(),
            inputs: 0,
            wires: BTreeMap::new(),
            connects: VecDeque::new(),
            outcomes: VecDeque::new(),
            permits,
            listen: Listen::Accept,
            drained: false,
            reads: Splits(VecDeque::new()),
            writes: Splits(VecDeque::new()),
            piped: None,
        }
    }

    /// Uses pipes from now on, where that is allowed.
    pub(crate) fn pipes(&mut self) {
        self.piped = Some(0);
    }

    /// How many octets went through pipes.
    pub(crate) fn piped(&self) -> usize {
        self.piped.unwrap_or(0)
    }

    /// Cuts what is read, and what is written at once, into pieces of these lengths, used in turn.
    pub(crate) fn splits(&mut self, reads: &[usize], writes: &[usize]) {
        (self.reads, self.writes) = (Splits(reads.to_vec().into()), Splits(writes.to_vec().into()));
    }

    // What peers do.

    /// A client connects.
    pub(crate) fn client(&mut self) -> ConnId {
        let conn = self.core.vacant();
        self.wires.insert(conn, Wire::new(false));
        let port = 40_000 + u16::try_from(self.wires.len()).unwrap();
        self.input(Input::Accepted {
            conn,
            listener: ListenerId(0),
            peer: (Ipv4Addr::new(192, 0, 2, 1), port).into(),
        });
        conn
    }

    /// The core asked to connect to this endpoint, and the connection stands.
    pub(crate) fn connects(&mut self, endpoint: &str) -> ConnId {
        let conn = self.take_connect(endpoint);
        self.wire_mut(conn).is_connecting = false;
        self.input(Input::Connected { conn });
        conn
    }

    /// The core asked to connect to this endpoint, in vain.
    pub(crate) fn refuses(&mut self, endpoint: &str) {
        self.fails_to_connect(endpoint, NetError::Refused);
    }

    pub(crate) fn fails_to_connect(&mut self, endpoint: &str, error: NetError) {
        let conn = self.take_connect(endpoint);
        self.wire_mut(conn).is_live = false;
        self.input(Input::ConnectFailed { conn, error });
    }

    /// A peer sends a text, `|` standing for CRLF.
    pub(crate) fn says(&mut self, conn: ConnId, text: &str) {
        self.sends(conn, text.replace('|', "\r\n").as_bytes());
    }

    /// A peer sends octets.
    pub(crate) fn sends(&mut self, conn: ConnId, octets: &[u8]) {
        let wire = self.wire_mut(conn);
        assert!(!wire.fin, "{conn:?} sent FIN before");
        wire.unread.extend(octets);
        self.read_all();
    }

    /// A peer sends FIN.
    pub(crate) fn half_closes(&mut self, conn: ConnId) {
        self.wire_mut(conn).fin = true;
        self.read_all();
    }

    /// A peer resets the connection.
    pub(crate) fn resets(&mut self, conn: ConnId) {
        self.fails(conn, NetError::Reset);
    }

    /// A peer leaves, in either way.
    pub(crate) fn leaves(&mut self, conn: ConnId, resets: bool) {
        if resets {
            self.resets(conn);
        } else {
            self.half_closes(conn);
        }
    }

    pub(crate) fn fails(&mut self, conn: ConnId, error: NetError) {
        let wire = self.wire_mut(conn);
        assert!(wire.is_live, "{conn:?} is closed already");
        wire.is_live = false;
        wire.unread.clear();
        self.input(Input::Failed { conn, error });
    }

    /// A peer takes no more octets.
    pub(crate) fn stalls(&mut self, conn: ConnId) {
        self.wire_mut(conn).window = 0;
    }

    /// The endpoint that is being connected to takes no octets at first.
    pub(crate) fn stalls_next_connection(&mut self) {
        let (conn, _) = *self.connects.front().expect("a connection is being made");
        self.stalls(conn);
    }

    /// A peer takes so many octets more, and then none.
    pub(crate) fn takes(&mut self, conn: ConnId, octets: usize) {
        self.wire_mut(conn).window = octets;
        self.write(conn);
        self.pump();
        self.read_all();
    }

    /// A peer takes everything again.
    pub(crate) fn resumes(&mut self, conn: ConnId) {
        self.takes(conn, usize::MAX);
    }

    /// Time passes. Ticks come exactly when they are asked for.
    pub(crate) fn passes(&mut self, time: Duration) {
        let until = self.now.after(time);
        while let Some(deadline) = self.core.next_deadline().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.input(Input::Tick);
            let next = self.core.next_deadline();
            assert!(
                next.is_none_or(|next| next.at > self.now),
                "{next:?} is due after a tick at {:?}",
                self.now
            );
        }
        self.now = until;
    }

    /// Time passes, unnoticed until the next input.
    pub(crate) fn passes_without_ticks(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    pub(crate) fn drains(&mut self) {
        self.input(Input::Drain);
    }

    /// Another worker waits for a unit.
    pub(crate) fn wants(&mut self, permit: Permit) {
        self.input(Input::Wanted { permit });
    }

    /// Another worker takes a unit.
    pub(crate) fn takes_permit(&mut self, permit: Permit) {
        self.permits.get_mut(&permit).unwrap().free -= 1;
    }

    /// Another worker gives a unit back.
    pub(crate) fn returns_permit(&mut self, permit: Permit) {
        self.give_back(permit);
        self.pump();
        self.read_all();
    }

    /// Any input, for tests of what no driver does.
    pub(crate) fn input(&mut self, input: Input) {
        self.feed(input);
        self.read_all();
    }

    // What peers see.

    /// What was written to a connection since the last time, without the lines that every message is given.
    pub(crate) fn hears(&mut self, conn: ConnId) -> String {
        let heard = self.hears_verbatim(conn);
        let given = ["Via: 1.1 weir", "Via: 1.0 weir", "X-Forwarded-", "X-Request-Id: "];
        heard.split_inclusive('|').filter(|line| !given.iter().any(|given| line.starts_with(given))).collect()
    }

    /// What was written to a connection since the last time.
    pub(crate) fn hears_verbatim(&mut self, conn: ConnId) -> String {
        String::from_utf8_lossy(&self.hears_octets(conn)).replace("\r\n", "|")
    }

    pub(crate) fn hears_octets(&mut self, conn: ConnId) -> Vec<u8> {
        std::mem::take(&mut self.wire_mut(conn).written)
    }

    /// The status line, the error type, the text and whether the connection goes on, of a reply of our own.
    pub(crate) fn hears_reply(&mut self, conn: ConnId) -> String {
        let heard = self.hears(conn);
        let (head, text) = heard.split_once("||").unwrap_or_else(|| panic!("no reply: {heard:?}"));
        let field =
            |name: &str| head.split('|').find_map(|line| line.strip_prefix(name)).unwrap_or("-").to_owned();
        let end = if head.contains("|Connection: close") { " and closes" } else { "" };
        let status = head.split('|').next().unwrap_or_default().strip_prefix("HTTP/1.1 ").unwrap_or_default();
        format!("{status} [{}] {}{end}", field("Proxy-Status: weir; error="), text.trim_end())
    }

    /// Whether neither side closed or reset the connection.
    pub(crate) fn is_live(&self, conn: ConnId) -> bool {
        self.wires[&conn].is_live
    }

    pub(crate) fn end(&self, conn: ConnId) -> Option<End> {
        self.wires[&conn].end
    }

    /// Octets that a peer sent and that were not read.
    pub(crate) fn unread(&self, conn: ConnId) -> usize {
        self.wires[&conn].unread.len()
    }

    pub(crate) fn interest(&self, conn: ConnId) -> Option<Interest> {
        self.core.interest(conn)
    }

    /// The endpoints that are being connected to, in order.
    pub(crate) fn connecting(&self) -> String {
        self.connects.iter().map(|(_, peer)| name_of(*peer)).collect()
    }

    /// The next record; there must be one.
    pub(crate) fn outcome(&mut self) -> Outcome {
        self.outcomes.pop_front().expect("an exchange was recorded")
    }

    /// Status, reason and letters of the next record.
    pub(crate) fn told(&mut self) -> String {
        self.outcomes.pop_front().map_or_else(|| "nothing".into(), |outcome| told(&outcome))
    }

    pub(crate) fn listens(&self) -> Listen {
        self.listen
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// The limit that ends next.
    pub(crate) fn next_timer(&self) -> Option<Timer> {
        self.core.next_deadline().and_then(|alarm| alarm.timer)
    }

    /// The journal so far, with the digest at its end.
    pub(crate) fn journal(&mut self) -> Vec<u8> {
        self.journal.digest(self.core.digest());
        self.recorded.extend(self.journal.take());
        self.recorded.clone()
    }

    // The driver.

    fn handle(&mut self, input: Input) {
        self.journal.input(self.now, &input);
        self.core.handle(self.now, input);
        self.core.check();
        self.inputs += 1;
        if self.inputs.is_multiple_of(32) {
            self.journal.digest(self.core.digest());
        }
    }

    /// One input, then every action.
    fn feed(&mut self, input: Input) {
        self.handle(input);
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(action) = self.core.poll_action() {
            self.act(action);
        }
        self.check_nothing_was_missed();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { conn, peer } => {
                self.wires.insert(conn, Wire::new(true));
                self.connects.push_back((conn, peer));
            }
            Action::Update { conn } => {
                assert!(self.wires[&conn].is_live, "an update of {conn:?}, which is dead");
                let Some(interest) = self.core.interest(conn) else {
                    panic!("an update of a dead connection")
                };
                let wire = self.wire_mut(conn);
                wire.interest = interest;
                if interest.shutdown {
                    wire.end = Some(End::Fin);
                }
                if interest.write {
                    self.write(conn);
                }
            }
            Action::Close { conn, how } => {
                self.connects.retain(|(connecting, _)| *connecting != conn);
                let wire = self.wire_mut(conn);
                assert!(wire.is_live, "{conn:?} is closed twice");
                wire.is_live = false;
                wire.end = Some(match how {
                    Close::Graceful => End::Closed,
                    Close::Abort => End::Reset,
                });
            }
            Action::Listen(listen) => self.listen = listen,
            Action::Acquire(permit) => {
                let counter = self.permits.get_mut(&permit).expect("a limit that there is");
                if let Some(free) = counter.free.checked_sub(1) {
                    counter.free = free;
                    self.handle(Input::Granted { permit });
                } else {
                    counter.waiting += 1;
                    self.handle(Input::Denied { permit });
                }
            }
            Action::Release(permit) => self.give_back(permit),
            Action::Record(outcome) => self.outcomes.push_back(*outcome),
            Action::Drained => {
                assert!(!self.drained, "drained twice");
                self.drained = true;
            }
        }
    }

    fn give_back(&mut self, permit: Permit) {
        let counter = self.permits.get_mut(&permit).expect("a limit that there is");
        if let Some(waiting) = counter.waiting.checked_sub(1) {
            counter.waiting = waiting;
            self.handle(Input::Granted { permit });
        } else {
            counter.free += 1;
        }
    }

    /// Writes until the window is full. A short write before that is one of a kernel that is writable again at once.
    fn write(&mut self, conn: ConnId) {
        loop {
            let n = self.write_once(conn);
            let wants_more = self.core.interest(conn).is_some_and(|interest| interest.write);
            if n == 0 || !wants_more || self.wires[&conn].window == 0 {
                return;
            }
        }
    }

    fn write_once(&mut self, conn: ConnId) -> usize {
        let most = self.writes.next();
        let Some(wire) = self.wires.get_mut(&conn).filter(|wire| wire.is_live) else { return 0 };
        let before = wire.written.len();
        if !wire.pipe.is_empty() {
            assert_eq!(self.core.egress(conn).count(), 0, "{conn:?} wants to write before what was piped");
            let n = wire.window.min(most).min(wire.pipe.len());
            wire.written.extend(wire.pipe.drain(..n));
        }
        for slice in self.core.egress(conn) {
            let left = wire.window.min(most).saturating_sub(wire.written.len() - before);
            wire.written.extend_from_slice(&slice[..slice.len().min(left)]);
        }
        let n = wire.written.len() - before;
        if wire.window != usize::MAX {
            wire.window -= n;
        }
        self.handle(Input::Wrote { conn, n: u32::try_from(n).unwrap() });
        n
    }

    /// Hands in all that was sent and may be read, in the order of the connections, until nothing moves.
    fn read_all(&mut self) {
        loop {
            let before = self.inputs;
            for conn in self.wires.keys().copied().collect::<Vec<_>>() {
                self.read(conn);
            }
            if self.inputs == before {
                return;
            }
        }
    }

    fn read(&mut self, conn: ConnId) {
        let interest = self.core.interest(conn).unwrap_or_default();
        let allowed = interest.read;
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        if !wire.is_live || allowed == 0 {
            return;
        }
        if wire.unread.is_empty() {
            if wire.fin && !wire.is_fin_read() {
                wire.interest.read = usize::MAX;
                self.feed(Input::Eof { conn });
            }
            return;
        }
        if let (Some(piped), Some(to)) = (&mut self.piped, interest.pipe) {
            let n = allowed.min(self.reads.next()).min(wire.unread.len());
            *piped += n;
            let octets: VecDeque<u8> = wire.unread.drain(..n).collect();
            let to = self.wire_mut(to);
            assert!(to.is_live && !to.is_connecting, "octets are piped to nobody");
            assert!(to.pipe.is_empty(), "octets are piped behind others");
            to.pipe = octets;
            return self.feed(Input::Piped { conn, n: u32::try_from(n).unwrap() });
        }
        let n = allowed.min(self.reads.next()).min(wire.unread.len());
        let bytes: Bytes = wire.unread.drain(..n).collect::<Vec<_>>().into();
        self.feed(Input::Data { conn, bytes });
    }

    /// A driver asks again only when it is told to: whatever the core wants, it must have been told.
    fn check_nothing_was_missed(&mut self) {
        for (conn, wire) in self.wires.iter_mut().filter(|(_, wire)| wire.is_live) {
            let Some(actual) = self.core.interest(*conn) else {
                panic!("{conn:?} died without being closed")
            };
            assert!(
                actual.read == 0 || wire.interest.read > 0,
                "nobody said that {conn:?} may be read again"
            );
            assert!(
                !actual.shutdown || wire.interest.shutdown,
                "nobody said that {conn:?} is to be shut down"
            );
            assert!(!actual.write || wire.window == 0, "nobody said that {conn:?} has octets to write");
            if !wire.is_fin_read() {
                wire.interest.read = actual.read;
            }
        }
    }

    fn take_connect(&mut self, endpoint: &str) -> ConnId {
        let Some((conn, peer)) = self.connects.pop_front() else { panic!("nobody connects to {endpoint}") };
        assert_eq!(name_of(peer).to_string(), endpoint, "the endpoint that is connected to");
        conn
    }

    fn wire_mut(&mut self, conn: ConnId) -> &mut Wire {
        self.wires.get_mut(&conn).expect("a connection of this script")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let journal = self.journal();
        let replayed = replay(&journal).expect("the journal replays to the same digests");
        assert_eq!((replayed.inputs, replayed.digest), (self.inputs, self.core.digest()));
    }
}

impl Wire {
    fn new(is_connecting: bool) -> Self {
        Self {
            written: Vec::new(),
            unread: VecDeque::new(),
            pipe: VecDeque::new(),
            fin: false,
            window: usize::MAX,
            interest: Interest::default(),
            end: None,
            is_live: true,
            is_connecting,
        }
    }

    fn is_fin_read(&self) -> bool {
        self.interest.read == usize::MAX
    }
}

/// Status, reason and letters of a record.
pub(crate) fn told(outcome: &Outcome) -> String {
    let status = outcome.status.map_or_else(|| "-".into(), |status| status.to_string());
    let letters = outcome.flags.letters().map(char::from);
    format!("{status} {} {}{}", outcome.reason.as_str(), letters[0], letters[1])
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const NANO: Duration = Duration::from_nanos(1);

const fn addr(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A is 127.0.0.1:9001, B is …:9002, and so on.
fn addr_of(name: char) -> SocketAddr {
    addr(9_001 + u16::try_from(u32::from(name) - u32::from('A')).unwrap())
}

fn name_of(peer: SocketAddr) -> char {
    char::from_u32(u32::from('A') + u32::from(peer.port()) - 9_001).unwrap()
}
