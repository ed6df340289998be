//! Sessions of another cluster change nothing: a journal is played again with strangers' inputs in between, and the core
//! must do for the recorded sessions exactly what it did without them.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use bytes::Bytes;
use proxy_core::{
    Action, Cluster, ClusterId, Config, ConnId, Core, Input, Instant, Interest, JournalReader, ListenerId,
    Permit, Record, Route,
};
use sim_tests::{Fault, Settings, Suite, Violation, run};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// After how many recorded inputs the strangers do something, too.
const TURN: usize = 3;

const STRANGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), 7_000);
const THEIR_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10)), 7_001);

/// A core that is fed with a journal, and with strangers in between if there are to be any.
struct Play {
    core: Core,
    now: Instant,
    /// The ids of this core for those of the journal.
    ids: BTreeMap<ConnId, ConnId>,
    /// Connections that the core asked for on behalf of the journal's sessions, under their ids here.
    connects: Vec<ConnId>,
    strangers: Vec<ConnId>,
    stranger: Option<ConnId>,
    /// Places among the clients that strangers left and the core has not given back yet.
    places_left: usize,
    /// What was done for the journal's sessions.
    told: Vec<String>,
}

impl Play {
    fn new(config: Config, seed: u64) -> Self {
        let core = Core::new(config, seed).expect("a valid configuration");
        let (ids, now) = (BTreeMap::new(), Instant::ZERO);
        Self {
            core,
            now,
            ids,
            connects: vec![],
            strangers: vec![],
            stranger: None,
            places_left: 0,
            told: vec![],
        }
    }

    fn handle(&mut self, input: Input) {
        self.core.handle(self.now, input);
        let mut theirs = Vec::new();
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Connect { conn, peer: THEIR_SERVER } => {
                    self.strangers.push(conn);
                    theirs.push(Input::Connected { conn });
                }
                Action::Connect { conn, peer } => {
                    self.connects.push(conn);
                    self.told.push(format!("connect {peer}"));
                }
                Action::Update { conn } if self.strangers.contains(&conn) => theirs.extend(self.write(conn)),
                Action::Close { conn, .. } if self.strangers.contains(&conn) => {
                    let is_client = self.stranger.take_if(|stranger| *stranger == conn).is_some();
                    self.places_left += usize::from(is_client);
                }
                Action::Release(Permit::Client) if self.places_left > 0 => self.places_left -= 1,
                Action::Record(outcome) if outcome.peer == STRANGER => {}
                Action::Record(mut outcome) => {
                    // Ids are dealt out in order to everybody.
                    outcome.id = 0;
                    self.told.push(format!("{outcome:?}"));
                }
                Action::Update { conn } => self.tell("update", conn),
                Action::Close { conn, how } => self.tell(&format!("close {how:?}"), conn),
                other => self.told.push(format!("{other:?}")),
            }
        }
        theirs.into_iter().for_each(|input| self.handle(input));
    }

    fn write(&self, conn: ConnId) -> Option<Input> {
        let n = self.core.egress(conn).map(<[u8]>::len).sum::<usize>();
        (n > 0).then(|| Input::Wrote { conn, n: u32::try_from(n).expect("little") })
    }

    /// Notes what is wanted of a connection, by the octets and not by its id.
    fn tell(&mut self, what: &str, conn: ConnId) {
        let waiting = self.core.egress(conn).map(<[u8]>::len).sum::<usize>();
        let told = self
            .core
            .interest(conn)
            .map(|Interest { read, write, shutdown, pipe }| (read, write, shutdown, pipe.is_some()));
        self.told.push(format!("{what} {told:?}, {waiting} octets wait"));
    }

    /// Hands in what the journal says. `connects`: the connections that were asked for when it was recorded.
    fn replay(&mut self, input: Input, connects: &[ConnId]) {
        let ours = |conn: &ConnId, play: &Self| {
            let asked = connects.iter().position(|asked| asked == conn);
            let here = asked.and_then(|at| play.connects.get(at)).copied();
            here.or_else(|| play.ids.get(conn).copied()).unwrap_or(*conn)
        };
        let input = match input {
            Input::Accepted { conn, listener, peer } => {
                let here = self.core.vacant();
                self.ids.insert(conn, here);
                Input::Accepted { conn: here, listener, peer }
            }
            Input::Connected { conn } => Input::Connected { conn: ours(&conn, self) },
            Input::ConnectFailed { conn, error } => Input::ConnectFailed { conn: ours(&conn, self), error },
            Input::Data { conn, bytes } => Input::Data { conn: ours(&conn, self), bytes },
            Input::Eof { conn } => Input::Eof { conn: ours(&conn, self) },
            Input::Wrote { conn, n } => Input::Wrote { conn: ours(&conn, self), n },
            Input::Piped { conn, n } => Input::Piped { conn: ours(&conn, self), n },
            Input::Failed { conn, error } => Input::Failed { conn: ours(&conn, self), error },
            other => other,
        };
        self.handle(input);
    }

    /// Strangers ask, and their server answers, on connections of their own.
    fn strangers_turn(&mut self) {
        let Some(conn) = self.stranger else {
            let conn = self.core.vacant();
            self.stranger = Some(conn);
            self.strangers.push(conn);
            self.accept_stranger(conn);
            return;
        };
        let get = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n");
        self.handle(Input::Data { conn, bytes: get });
        let answer = Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        if let Some(server) = self.strangers.last().copied().filter(|server| *server != conn) {
            self.handle(Input::Data { conn: server, bytes: answer });
        }
    }

    /// Their place among the clients is granted at once; the journal's sessions hear nothing of it.
    fn accept_stranger(&mut self, conn: ConnId) {
        let told = self.told.len();
        self.handle(Input::Accepted { conn, listener: ListenerId(0), peer: STRANGER });
        self.handle(Input::Granted { permit: Permit::Client });
        self.told.truncate(told);
    }
}

fn with_strangers(mut config: Config) -> Config {
    let (cluster, own) = (ClusterId(u32::try_from(config.clusters.len()).expect("few")), &config.routes[0]);
    let route = Route { host: Some("elsewhere".to_owned()), path: "/".to_owned(), cluster, ..own.clone() };
    let endpoint = proxy_core::Endpoint { addr: THEIR_SERVER, weight: 1, max_connections: None };
    let clusters =
        Cluster { name: "theirs".to_owned(), endpoints: vec![endpoint], ..config.clusters[0].clone() };
    config.clusters.push(clusters);
    config.routes.push(route);
    config
}

fn play(journal: &[u8], connects: Option<&[ConnId]>) -> Play {
    let reader = JournalReader::new(journal).expect("a journal of this version");
    let mut play = Play::new(with_strangers(reader.config.clone()), reader.seed);
    let mut records = reader.map(|record| record.expect("a record of this version")).peekable();
    let mut turn = 0;
    while let Some(record) = records.next() {
        let Record::Input { after, input } = record else { continue };
        if input == Input::Drain {
            // A drain waits for all, strangers, too.
            break;
        }
        play.now = play.now.after(after);
        let told = play.told.len();
        match connects {
            None => play.handle(input),
            Some(connects) => play.replay(input, connects),
        }
        // What is due at the same moment comes in the order of ids, which are dealt out to strangers, too.
        play.told[told..].sort();
        // The answer to a question of the core comes before anything else does.
        let is_answered = !matches!(
            records.peek(),
            Some(Record::Input { input: Input::Granted { .. } | Input::Denied { .. }, .. })
        );
        turn += 1;
        if connects.is_some() && is_answered && turn % TURN == 0 {
            play.strangers_turn();
        }
    }
    play
}

#[test]
fn sessions_of_another_cluster_change_nothing() {
    let settings = Settings::from_env(3, 400);
    eprintln!("{settings}");
    let compare = |script: &sim_tests::Script| {
        let mut script = script.clone();
        // A limit on all clients counts strangers, too.
        script.limits.clients = 0;
        script.faults.remove(&Fault::Drain);
        let report = run(&script)?;
        let alone = play(&report.journal, None);
        let among_strangers = play(&report.journal, Some(&alone.connects));
        assert!(among_strangers.strangers.len() > 1 || alone.told.len() < 10, "no stranger came");
        match alone.told.iter().zip(&among_strangers.told).find(|(alone, among)| alone != among) {
            None if alone.told.len() == among_strangers.told.len() => Ok(report),
            difference => Err(Violation(vec![format!("alone and among strangers: {difference:#?}")])),
        }
    };
    if let Err(found) = Suite::run(settings, compare) {
        panic!("{found}\nAgain: {} cargo test -p sim-tests --test unrelated_sessions", found.again(settings));
    }
}
