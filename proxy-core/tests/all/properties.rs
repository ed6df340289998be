//! What holds whatever happens, in whatever pieces.
//!
//! The harness checks every invariant after every input and replays every run; here are many runs for it to check.

use crate::script::{Script, seconds};
use proptest::prelude::*;
use proxy_core::{ConnId, NetError};

const REQUESTS: &str = "GET /1 HTTP/1.1|Host: a||POST /2 HTTP/1.1|Host: a|Content-Length: 5||hello\
     PUT /3 HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|0||GET /4 HTTP/1.0|Host: a|Connection: keep-alive||\
     GET /5 HTTP/1.1|Host: a|Connection: upgrade|Upgrade: x||HEAD /6 HTTP/1.1|Host: a||\
     POST /7 HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 3||abcGET /8 HTTP/1.1|Host: a|Connection: close||";

const RESPONSES: [&str; 9] = [
    "HTTP/1.1 200 OK|Content-Length: 2||hi",
    "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0||",
    "HTTP/1.1 200 OK||until the end",
    "HTTP/1.1 204 No Content||",
    "HTTP/1.1 100 Continue||HTTP/1.1 201 Created|Connection: close|Content-Length: 0||",
    "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: x||tunnel",
    "HTTP/1.1 200 OK|Content-Type: text/event-stream||data: x||",
    "HTTP/1.1 200 OK|Content-Length: 2||hi and more",
    "nonsense",
];

/// A small event. The numbers choose among what there is at that moment, so that each is always possible.
#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive,
    Ask { client: usize, octets: usize },
    Connect { works: bool },
    Answer { server: usize, response: usize, octets: usize },
    HalfClose { conn: usize },
    Reset { conn: usize },
    Stall { conn: usize },
    Take { conn: usize, octets: usize },
    Pass { millis: u64 },
    Drain,
}

fn event() -> impl Strategy<Value = Event> {
    let any = 0..12_usize;
    prop_oneof![
        3 => Just(Event::Arrive),
        12 => (any.clone(), 1..200_usize).prop_map(|(client, octets)| Event::Ask { client, octets }),
        10 => prop::bool::weighted(0.8).prop_map(|works| Event::Connect { works }),
        12 => (any.clone(), 0..RESPONSES.len(), 1..100_usize)
            .prop_map(|(server, response, octets)| Event::Answer { server, response, octets }),
        1 => any.clone().prop_map(|conn| Event::HalfClose { conn }),
        1 => any.clone().prop_map(|conn| Event::Reset { conn }),
        2 => any.clone().prop_map(|conn| Event::Stall { conn }),
        2 => (any, 1..100_usize).prop_map(|(conn, octets)| Event::Take { conn, octets }),
        2 => prop_oneof![1..50_u64, 900..1_100_u64, 14_000..16_000_u64]
            .prop_map(|millis| Event::Pass { millis }),
        1 => prop::bool::weighted(0.1)
            .prop_map(|drains| if drains { Event::Drain } else { Event::Arrive }),
    ]
}

/// The peers of a run.
struct World {
    t: Script,
    clients: Vec<Peer>,
    servers: Vec<Peer>,
}

struct Peer {
    conn: ConnId,
    /// What it is saying, and how far it came.
    text: &'static str,
    said: usize,
    is_done: bool,
}

impl World {
    fn new(limited: bool, reads: &[usize], writes: &[usize]) -> Self {
        let mut t = Script::with(|config| {
            if limited {
                config.limits.client_connections = Some(3);
                config.clusters[0].max_queue = 1;
                for endpoint in &mut config.clusters[0].endpoints {
                    endpoint.max_connections = Some(1);
                }
            }
        });
        t.splits(reads, writes);
        Self { t, clients: Vec::new(), servers: Vec::new() }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrive if self.clients.len() < 6 => {
                let conn = self.t.client();
                self.clients.push(Peer { conn, text: REQUESTS, said: 0, is_done: false });
            }
            Event::Arrive => {}
            Event::Ask { client, octets } => {
                if let Some(at) = pick(&self.clients, &self.t, client) {
                    self.clients[at].speak(&mut self.t, octets);
                }
            }
            Event::Connect { works } => self.connect(works),
            Event::Answer { server, response, octets } => {
                if let Some(at) = pick(&self.servers, &self.t, server) {
                    let peer = &mut self.servers[at];
                    if peer.said == peer.text.len() {
                        (peer.text, peer.said) = (RESPONSES[response], 0);
                    }
                    peer.speak(&mut self.t, octets);
                }
            }
            Event::HalfClose { conn } => self.with_peer(conn, |t, peer| {
                peer.is_done = true;
                t.half_closes(peer.conn);
            }),
            Event::Reset { conn } => self.with_peer(conn, |t, peer| t.resets(peer.conn)),
            Event::Stall { conn } => self.with_peer(conn, |t, peer| t.stalls(peer.conn)),
            Event::Take { conn, octets } => self.with_peer(conn, |t, peer| t.takes(peer.conn, octets)),
            Event::Pass { millis } => self.t.passes(crate::script::millis(millis)),
            Event::Drain => self.t.drains(),
        }
    }

    fn connect(&mut self, works: bool) {
        let Some(name) = self.t.connecting().chars().next() else { return };
        let name = name.to_string();
        if works {
            let conn = self.t.connects(&name);
            self.servers.push(Peer { conn, text: "", said: 0, is_done: false });
        } else {
            self.t.fails_to_connect(&name, NetError::Unreachable);
        }
    }

    fn with_peer(&mut self, at: usize, act: impl FnOnce(&mut Script, &mut Peer)) {
        let peers = if at.is_multiple_of(2) { &mut self.clients } else { &mut self.servers };
        if let Some(at) = pick(peers, &self.t, at / 2) {
            act(&mut self.t, &mut peers[at]);
        }
    }
}

impl Peer {
    fn speak(&mut self, t: &mut Script, octets: usize) {
        let end = (self.said + octets).min(self.text.len());
        t.says(self.conn, &self.text[self.said..end]);
        self.said = end;
    }
}

/// One of the peers that can still act.
fn pick(peers: &[Peer], t: &Script, at: usize) -> Option<usize> {
    let live: Vec<_> =
        (0..peers.len()).filter(|at| !peers[*at].is_done && t.is_live(peers[*at].conn)).collect();
    live.get(at.checked_rem(live.len())?).copied()
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1..4_usize, 1..40_usize, Just(100_000)], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn whatever_happens_everything_ends(
        events in proptest::collection::vec(event(), 1..80),
        limited in any::<bool>(),
        reads in lengths(),
        writes in lengths(),
    ) {
        let mut world = World::new(limited, &reads, &writes);
        for event in events {
            world.happens(event);
        }
        // Whoever fell silent stays so: every wait of ours ends by itself.
        world.t.passes(seconds(1_000));
        prop_assert_eq!(world.t.core.connections(), 0);
        prop_assert_eq!(world.t.core.buffered(), 0);
        prop_assert_eq!(world.t.core.next_deadline(), None);
        for client in &world.clients {
            prop_assert!(!world.t.is_live(client.conn));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_split_gives_the_same_octets_and_the_same_outcome(
        bodies in proptest::collection::vec((0..1_500_usize, 0..1_500_usize), 1..5),
        reads in lengths(),
        writes in lengths(),
    ) {
        let run = |reads: &[usize], writes: &[usize]| {
            let mut t = Script::with_endpoints(1, |_| {});
            t.splits(reads, writes);
            let client = t.client();
            for (up, _) in &bodies {
                let body = "u".repeat(*up);
                t.says(client, &format!("POST / HTTP/1.1|Host: a|Content-Length: {up}||{body}"));
            }
            let server = t.connects("A");
            let mut told = Vec::new();
            for (_, down) in &bodies {
                let body = "d".repeat(*down);
                t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {down}||{body}"));
                let outcome = t.outcome();
                told.push((crate::script::told(&outcome), outcome.received, outcome.sent));
            }
            (t.hears_octets(client), t.hears_octets(server), told)
        };
        prop_assert_eq!(run(&reads, &writes), run(&[], &[]));
    }
}
