//! Replays a run with eyes open: what became of every connection, and the laws that hold for every run.
//!
//! The driver wakes in time: no deadline passes unheard, no tick comes without cause. A timeout fires when its limit
//! is over, counted from what the inputs show and not from what the core believes. What is held is bounded, and
//! nothing is left when the worker ends.

use crate::story::Recorded;
use proxy_core::{
    Action, Alarm, Close, Config, ConnId, Core, Input, Instant, NetError, Outcome, Reason, Timeouts, Timer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// How late the driver may be: tokio's timers count whole milliseconds, and so does a simulated host.
pub(crate) const LATE: Duration = Duration::from_millis(2);

/// Every connection of a worker.
#[derive(Debug, Default)]
pub(crate) struct Xray {
    pub(crate) lives: Vec<Life>,
    /// Most octets that were ever held.
    pub(crate) buffered_max: usize,
}

/// One connection, as its inputs and actions show it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// The client, or the server's address.
    pub(crate) peer: SocketAddr,
    pub(crate) is_client: bool,
    /// Accepted, or asked for.
    pub(crate) opened: Instant,
    pub(crate) stood: Option<Instant>,
    /// When octets came, each time, and when they last went.
    ins: Vec<Instant>,
    pub(crate) last_out: Option<Instant>,
    pub(crate) octets_in: u64,
    pub(crate) octets_out: u64,
    pub(crate) ended: Option<(Instant, Ended)>,
}

/// What ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// We did.
    Closed(Close),
    /// It broke, or was never made.
    Failed(NetError),
}

impl Life {
    /// When something last moved on it.
    pub(crate) fn moved(&self) -> Instant {
        [self.stood, self.last_in(), self.last_out].into_iter().flatten().max().unwrap_or(self.opened)
    }

    /// When octets last came.
    pub(crate) fn last_in(&self) -> Option<Instant> {
        self.ins.last().copied()
    }

    /// When octets last came before that.
    pub(crate) fn last_in_before(&self, at: Instant) -> Option<Instant> {
        self.ins.iter().rev().find(|time| **time < at).copied()
    }

    /// When and how we closed it.
    pub(crate) fn closed(&self) -> (Instant, Close) {
        match self.ended {
            Some((at, Ended::Closed(how))) => (at, how),
            other => panic!("we did not close it: {other:?}"),
        }
    }

    /// When it ended.
    pub(crate) fn gone(&self) -> Instant {
        self.ended.expect("it ended").0
    }

    /// How long nothing had moved when we closed it.
    pub(crate) fn idle(&self) -> Duration {
        self.closed().0.since(self.moved())
    }
}

impl Xray {
    /// Replays what was recorded and checks the laws.
    pub(crate) fn look(config: &Config, recorded: &Recorded) -> Self {
        let core = Core::new(config.clone(), recorded.seed).expect("it worked before");
        let mut looking = Looking {
            core,
            xray: Self::default(),
            by_conn: BTreeMap::new(),
            outcomes: Vec::new(),
            ticks: BTreeSet::new(),
            last_tick: None,
        };
        for (now, input) in &recorded.inputs {
            looking.play(*now, input, config);
        }
        assert_eq!(looking.outcomes, recorded.outcomes, "the replay explains itself in another way");
        assert_eq!((looking.core.connections(), looking.core.buffered()), (0, 0), "something is left");
        let left = looking.xray.lives.iter().find(|life| life.ended.is_none());
        assert!(left.is_none(), "a connection never ended: {left:?}");
        looking.xray
    }

    /// The connections to a server, in the order of their making.
    pub(crate) fn to(&self, server: SocketAddr) -> Vec<&Life> {
        self.lives.iter().filter(|life| !life.is_client && life.peer == server).collect()
    }

    /// The connection of a client.
    pub(crate) fn client(&self, client: SocketAddr) -> &Life {
        let mut all = self.lives.iter().filter(|life| life.is_client && life.peer == client);
        all.next().expect("that client was accepted")
    }
}

/// A limit of `limit` ended a wait of `waited`: not early, and late only by as much as clocks are coarse.
#[track_caller]
pub(crate) fn assert_due(waited: Duration, limit: Duration) {
    assert!((limit..=limit + LATE).contains(&waited), "a limit of {limit:?} ended a wait of {waited:?}");
}

struct Looking {
    core: Core,
    xray: Xray,
    by_conn: BTreeMap<ConnId, usize>,
    outcomes: Vec<Outcome>,
    ticks: BTreeSet<Instant>,
    last_tick: Option<Instant>,
}

impl Looking {
    fn play(&mut self, now: Instant, input: &Input, config: &Config) {
        let deadline = self.core.next_deadline();
        if let Some(Alarm { at, timer }) = deadline {
            assert!(now <= at.after(LATE), "{timer:?} was due at {at:?}, and at {now:?} came {input:?}");
        }
        let is_tick = *input == Input::Tick;
        assert!(
            !is_tick || deadline.is_some_and(|deadline| deadline.at <= now),
            "a tick without cause at {now:?}"
        );
        if is_tick {
            self.last_tick = Some(now);
            self.ticks.insert(now);
        }
        self.note_input(now, input);
        self.core.handle(now, input.clone());
        let before = self.xray.lives.len();
        while let Some(action) = self.core.poll_action() {
            self.note_action(now, action, config);
        }
        let opened = self.xray.lives.len() - before;
        assert!(opened <= 64, "one input opened {opened} connections");
        self.core.check();
        if is_tick {
            let due = self.core.next_deadline().filter(|deadline| deadline.at <= now);
            assert!(due.is_none(), "{due:?} is due after a tick at {now:?}");
        }
        let buffered = self.core.buffered();
        let bound = self.core.connections() as u64 * config.limits.connection_bytes_max();
        assert!(buffered as u64 <= bound, "{buffered} octets are held");
        self.xray.buffered_max = self.xray.buffered_max.max(buffered);
    }

    fn note_input(&mut self, now: Instant, input: &Input) {
        match input {
            Input::Accepted { conn, peer, .. } => {
                self.open(*conn, Life { stood: Some(now), ..born(*peer, true, now) });
            }
            Input::Connected { conn } => self.note(*conn, |life| life.stood = Some(now)),
            Input::Data { conn, bytes } => self.note(*conn, |life| {
                life.ins.push(now);
                life.octets_in += bytes.len() as u64;
            }),
            Input::Piped { conn, n } => self.note(*conn, |life| {
                life.ins.push(now);
                life.octets_in += u64::from(*n);
            }),
            Input::Wrote { conn, n } if *n > 0 => self.note(*conn, |life| {
                life.last_out = Some(now);
                life.octets_out += u64::from(*n);
            }),
            Input::ConnectFailed { conn, error } | Input::Failed { conn, error } => {
                self.end(*conn, now, Ended::Failed(*error));
            }
            Input::Eof { .. }
            | Input::Wrote { .. }
            | Input::Granted { .. }
            | Input::Denied { .. }
            | Input::Wanted { .. }
            | Input::Drain
            | Input::Clock { .. }
            | Input::Tick => {}
        }
    }

    fn note_action(&mut self, now: Instant, action: Action, config: &Config) {
        match action {
            Action::Connect { conn, peer } => self.open(conn, born(peer, false, now)),
            Action::Close { conn, how } => {
                assert!(self.by_conn.contains_key(&conn), "a dead connection is closed at {now:?}");
                self.end(conn, now, Ended::Closed(how));
            }
            Action::Record(outcome) => {
                if let Reason::Timeout(timer) = outcome.reason {
                    self.check_timeout(timer, &outcome, config);
                }
                self.outcomes.push(*outcome);
            }
            Action::Update { .. }
            | Action::Listen(_)
            | Action::Acquire(_)
            | Action::Release(_)
            | Action::Drained => {}
        }
    }

    /// A timeout fires at a tick and is never early, counted from what is visible from outside.
    fn check_timeout(&self, timer: Timer, outcome: &Outcome, config: &Config) {
        let timeouts =
            outcome.route().map_or(&config.timeouts, |route| &config.routes[route.index()].timeouts);
        let limit = limit(timeouts, timer).expect("a limit that is off never fires");
        let tick = self.last_tick.expect("only ticks fire timers");
        let client = self.client_of(outcome);
        let server = || self.server_of(outcome, config);
        let (since, fired) = match timer {
            Timer::ClientHead | Timer::Total => (outcome.started, tick),
            Timer::Connect => (server().opened, server().gone()),
            Timer::Queue => (outcome.started.after(outcome.times().head), tick),
            Timer::UpstreamHead => (server().last_out.expect("it was sent"), server().gone()),
            Timer::UpstreamWrite => {
                (server().last_out.or(server().stood).expect("it stood"), server().gone())
            }
            Timer::UpstreamRead => (server().moved(), server().gone()),
            Timer::StreamIdle => (server().moved().max(client.moved()), server().gone()),
            Timer::ClientWrite => (client.last_out.unwrap_or(client.opened), tick),
            // A client that is too slow is not idle; its rate is its own matter.
            Timer::ClientBody if is_below_rate(outcome, timeouts) => return,
            Timer::ClientBody => (client.last_in().expect("it sent a head"), tick),
            Timer::ClientKeepAlive | Timer::Linger | Timer::UpstreamKeepAlive | Timer::Drain => {
                panic!("{timer:?} ends no exchange")
            }
        };
        let waited = fired.since(since);
        assert!(waited >= limit, "{timer:?} fired after {waited:?}: {outcome:?}");
        assert!(self.ticks.contains(&fired), "{timer:?} fired without a tick: {outcome:?}");
    }

    fn client_of(&self, outcome: &Outcome) -> &Life {
        let is_it = |life: &&Life| life.is_client && life.peer == outcome.peer;
        self.xray.lives.iter().rev().find(is_it).expect("it was accepted")
    }

    /// The connection that the last try used: the last one to that server that ended.
    fn server_of(&self, outcome: &Outcome, config: &Config) -> &Life {
        let endpoint = outcome.attempts.last().expect("it was tried").endpoint.id.index();
        let addr = config.endpoints().nth(endpoint).expect("it is configured").1.addr;
        let all = self.xray.lives.iter().filter(|life| !life.is_client && life.peer == addr);
        all.filter(|life| life.ended.is_some()).max_by_key(|life| life.gone()).expect("it was closed")
    }

    fn open(&mut self, conn: ConnId, life: Life) {
        self.by_conn.insert(conn, self.xray.lives.len());
        self.xray.lives.push(life);
    }

    fn note(&mut self, conn: ConnId, change: impl FnOnce(&mut Life)) {
        if let Some(index) = self.by_conn.get(&conn) {
            change(&mut self.xray.lives[*index]);
        }
    }

    fn end(&mut self, conn: ConnId, now: Instant, how: Ended) {
        self.note(conn, |life| life.ended = Some((now, how)));
        self.by_conn.remove(&conn);
    }
}

fn born(peer: SocketAddr, is_client: bool, opened: Instant) -> Life {
    Life {
        peer,
        is_client,
        opened,
        stood: None,
        ins: Vec::new(),
        last_out: None,
        octets_in: 0,
        octets_out: 0,
        ended: None,
    }
}

fn limit(timeouts: &Timeouts, timer: Timer) -> Option<Duration> {
    match timer {
        Timer::ClientHead => timeouts.client.head,
        Timer::ClientBody => timeouts.client.body,
        Timer::ClientWrite => timeouts.client.write,
        Timer::ClientKeepAlive => timeouts.client.keepalive,
        Timer::Linger => Some(Duration::from_secs(2)),
        Timer::Queue => timeouts.queue,
        Timer::Connect => timeouts.connect,
        Timer::UpstreamWrite => timeouts.write,
        Timer::UpstreamRead => timeouts.read,
        Timer::UpstreamHead => timeouts.head,
        Timer::Total => timeouts.total,
        Timer::StreamIdle => timeouts.stream_idle,
        Timer::UpstreamKeepAlive => timeouts.upstream_keepalive,
        Timer::Drain => timeouts.drain,
    }
}

/// Whether a client has had all the time that its octets deserve at the least rate, and `client.body` on top.
fn is_below_rate(outcome: &Outcome, timeouts: &Timeouts) -> bool {
    let Some(milliseconds) = (outcome.received * 1_000).checked_div(timeouts.client.body_rate_min.into())
    else {
        return false;
    };
    let waited = outcome.ended.since(outcome.started.after(outcome.times().head));
    waited >= timeouts.client.body.unwrap_or_default() + Duration::from_millis(milliseconds)
}
