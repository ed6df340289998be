//! What must happen once all faults have stopped: everybody is served again, everything that idles is given up, and a
//! drain ends at once. A proxy that kept every law in the storm may still have been left lame by it.

use crate::laws::Facts;
use crate::script::{Client, Script};
use crate::time::MS;
use crate::world::{Event, World};
use proxy_core::{Input, Outcome, Reason};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

/// Requests that were made in fair weather, and how they ended.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// The clients that made them.
    visitors: Range<usize>,
    served: BTreeSet<u32>,
    endpoints: BTreeSet<u32>,
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
        self.endpoints.extend(outcome.attempts.last().map(|attempt| attempt.endpoint));
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
        self.clear_up();
        self.serve_all();
        self.idle();
        self.shut_down();
    }

    /// No fault from here on. Who is left of the storm has gone.
    fn clear_up(&mut self) {
        let first = self.script.clients.len();
        let script = fair(&self.script, first + self.visitors());
        self.aftermath.visitors = first..script.clients.len();
        self.facts.clear_up(script.clone());
        self.forget_the_storm(script);
    }

    /// Enough clients that every endpoint gets its turn, wherever the rotation stands.
    fn visitors(&self) -> usize {
        let weights = self.core.config().endpoints().map(|(_, endpoint)| endpoint.weight as usize);
        2 * weights.sum::<usize>() + 1
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
        let all = self.core.config().endpoints().count();
        if self.aftermath.endpoints.len() < all {
            let used = &self.aftermath.endpoints;
            self.facts.violate(format!("of {all} healed endpoints only {used:?} were used"));
        }
    }

    /// Idle connections are given up when their time comes.
    fn idle(&mut self) {
        let began = self.now;
        self.play_while(|world| world.core.connections() > 0);
        let most = self.core.config().timeouts.upstream_keepalive.unwrap_or_default() + MARGIN;
        let took = Duration::from_nanos(self.now - began);
        if took > most {
            self.facts.violate(format!("it took {took:?} to come to rest"));
        }
        self.play_while(|_| true);
        self.check_rest();
    }

    /// Nothing runs: a drain has nothing to wait for.
    fn shut_down(&mut self) {
        self.feed(Input::Drain);
        if !self.drained {
            self.facts.violate("an idle proxy did not drain at once".to_owned());
        }
    }
}

/// The same proxy in fair weather, with `count` clients that behave.
fn fair(script: &Script, count: usize) -> Script {
    let visitor = Client { more: u8::try_from(REQUESTS_EACH - 1).unwrap_or(0), ..Client::default() };
    Script { seed: script.seed, limits: script.limits, clients: vec![visitor; count], ..Script::default() }
}

/// How many requests each client makes: the second finds its connection in use or pooled.
const REQUESTS_EACH: u32 = 2;

/// What a request may take when nothing is slow: the world's only delays are the scheduler's own.
const PROMPT: Duration = Duration::from_millis(10);

/// Between the last octet that a client takes and the end of its connection.
const MARGIN: Duration = Duration::from_millis(10);
