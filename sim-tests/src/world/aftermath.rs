//! What must happen once all faults have stopped: everybody is served again, everything that idles is given up, and a
//! drain ends at once. A proxy that kept every law in the storm may still have been left lame by it.

use super::World;
use crate::agenda::Event;
use crate::laws::Facts;
use crate::model::limits::limit;
use crate::script::{Client, Endpoint, Request, Script};
use crate::setup;
use crate::time::MS;
use crate::wording::{HOSTS, PATHS};
use proxy_core::{ClusterId, EndpointId, Input, Outcome, Reason};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

/// Requests that were made in fair weather, and how they ended.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// The clients that made them.
    visitors: Range<usize>,
    served: BTreeSet<u32>,
    endpoints: BTreeSet<EndpointId>,
}

impl Aftermath {
    /// The proxy recorded the end of a request.
    pub(crate) fn ended(&mut self, id: u32, outcome: &Outcome, facts: &mut Facts) {
        if !self.visitors.contains(&Script::client_of(id)) {
            return;
        }
        if outcome.reason != Reason::Ok || outcome.ended.since(outcome.started) > PROMPT {
            return facts.violate(format!("{id} was not served promptly in fair weather: {outcome:?}"));
        }
        self.served.insert(id);
        self.endpoints.extend(outcome.attempts.last().map(|attempt| attempt.endpoint.id));
    }

    fn is_served(&self, client: usize) -> bool {
        (0..REQUESTS_EACH).all(|k| self.served.contains(&Script::id(client, k)))
    }
}

impl World {
    /// Plays what follows a storm that left the proxy running.
    pub(crate) fn recover(&mut self) {
        if self.drained || self.script.drain_at.is_some() {
            return;
        }
        self.aftermath = Aftermath::default();
        for way in ways(&self.script) {
            self.clear_up(way);
            self.serve_all();
            self.play_while(|world| world.sockets.iter().flatten().any(|socket| socket.is_client()));
        }
        self.check_all_used();
        self.idle();
        self.shut_down();
    }

    /// No fault from here on. Who is left of the storm has gone.
    fn clear_up(&mut self, way: Way) {
        let first = self.script.people();
        let script = fair(&self.script, first + self.visitors(way), way);
        self.aftermath.visitors = first..script.people();
        self.facts.clear_up(script.clone());
        self.forget_the_storm(script);
    }

    /// Enough clients that every endpoint gets its turn, wherever the rotation stands.
    fn visitors(&self, way: Way) -> usize {
        let endpoints = self.core.config().endpoints().filter(|(id, _)| id.0 == u32::from(way.cluster));
        2 * endpoints.map(|(_, endpoint)| endpoint.weight as usize).sum::<usize>() + 1
    }

    /// One after the other: no limit is in the way of a client that comes alone.
    fn serve_all(&mut self) {
        for index in self.aftermath.visitors.clone() {
            self.at(self.now + MS, Event::Start(index));
            self.play_while(|world| !world.aftermath.is_served(index));
            if !self.aftermath.is_served(index) {
                self.facts.violate(format!("client {index} was never served in fair weather"));
            }
        }
    }

    fn check_all_used(&mut self) {
        let ways = ways(&self.script);
        let endpoints = self.core.config().endpoints();
        let is_reachable = |id: ClusterId| ways.iter().any(|way| u32::from(way.cluster) == id.0);
        let all = endpoints.filter(|(id, _)| is_reachable(*id)).count();
        if self.aftermath.endpoints.len() < all {
            let used = &self.aftermath.endpoints;
            self.facts.violate(format!("of {all} healed endpoints only {used:?} were used"));
        }
    }

    /// Idle connections are given up when their time comes.
    fn idle(&mut self) {
        let began = self.now;
        let Some(most) = limit(&self.script, "upstream.keepalive") else { return self.hang_up() };
        self.play_while(|world| world.core.connections() > 0);
        let most = Duration::from_nanos(most) + MARGIN;
        let took = Duration::from_nanos(self.now - began);
        if took > most {
            self.facts.violate(format!("it took {took:?} to come to rest"));
        }
        self.play_while(|_| true);
        self.check_rest();
    }

    /// Nothing runs: a drain has nothing to wait for.
    fn shut_down(&mut self) {
        self.tell_worker(Input::Drain);
        if !self.drained {
            self.facts.violate("an idle proxy did not drain at once".to_owned());
        }
    }
}

/// How requests come to a cluster.
#[derive(Clone, Copy, Debug)]
struct Way {
    request: Request,
    cluster: u8,
}

/// One for each cluster that requests can come to.
fn ways(script: &Script) -> Vec<Way> {
    let mut ways = Vec::<Way>::new();
    let mut asked = Script { requests: vec![Request::default()], ..setup_of(script) };
    for (host, path) in (0..HOSTS.len()).flat_map(|host| (0..PATHS.len()).map(move |path| (host, path))) {
        if ways.len() == usize::from(setup::clusters(script)) {
            break;
        }
        let low = |place: usize| u8::try_from(place).unwrap_or(0);
        let request = Request { host: low(host), path: low(path), ..Request::default() };
        asked.requests[0] = request;
        let Some(cluster) = setup::cluster_of(&asked, 0) else { continue };
        let is_new = ways.iter().all(|way| way.cluster != cluster);
        if is_new && setup::first_endpoint_of(&asked, 0).is_some() {
            ways.push(Way { request, cluster });
        }
    }
    ways
}

/// The same proxy in fair weather, with `count` clients that behave.
fn fair(script: &Script, count: usize, way: Way) -> Script {
    let visitor = Client { more: u8::try_from(REQUESTS_EACH - 1).unwrap_or(0), ..Client::default() };
    Script { clients: vec![visitor; count], requests: vec![way.request], ..setup_of(script) }
}

/// How the proxy is set up, and nothing that happens to it.
fn setup_of(script: &Script) -> Script {
    let calm = |endpoint: &Endpoint| Endpoint {
        cluster: endpoint.cluster,
        weight: endpoint.weight,
        ..Endpoint::default()
    };
    Script {
        seed: script.seed,
        limits: script.limits,
        timeouts: script.timeouts,
        routes: script.routes.clone(),
        clusters: script.clusters,
        listeners: script.listeners,
        hides_addresses: script.hides_addresses,
        endpoints: script.endpoints.iter().map(calm).collect(),
        ..Script::default()
    }
}

/// How many requests each client makes: the second finds its connection in use or pooled.
const REQUESTS_EACH: u32 = 2;

/// What a request may take when nothing is slow: the world's only delays are the scheduler's own.
const PROMPT: Duration = Duration::from_millis(10);

/// Between the last octet that a client takes and the end of its connection.
const MARGIN: Duration = Duration::from_millis(10);
