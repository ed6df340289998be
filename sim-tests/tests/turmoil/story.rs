//! What a run leaves: every input of every worker with its time, every outcome, digests on the way, and what the
//! clients noted. Two runs of one world must leave the same.

use crate::weather::Weather;
use crate::xray::{Life, Xray};
use proxy_core::{Config, Input, Instant, JournalWriter, Outcome, replay};
use proxy_tokio::{Journal, Recorder};
use std::cell::RefCell;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Checks what came of a world.
pub(crate) type Check = Box<dyn FnOnce(&Story)>;

/// Takes down what one worker takes in and says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape(Rc<RefCell<Recorded>>);

/// What one worker took in and said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) seed: u64,
    pub(crate) inputs: Vec<(Instant, Input)>,
    pub(crate) outcomes: Vec<Outcome>,
    /// The state's digest after so many inputs.
    digests: Vec<(usize, u64)>,
    /// Times that the worker went to sleep.
    turns: u64,
    /// The digest of the last state, when the worker ended.
    end: Option<u64>,
}

/// The digest is worked out from all that the core holds: once in so many turns is enough to find a divergence.
const TURNS_PER_DIGEST: u64 = 64;

impl Tape {
    /// The seed of this worker's core.
    pub(crate) fn seed(&self, world: u64, worker: usize) -> u64 {
        let seed = world * 1_000 + worker as u64;
        self.0.borrow_mut().seed = seed;
        seed
    }

    pub(crate) fn recorder(&self) -> impl Recorder + 'static {
        self.clone()
    }

    pub(crate) fn journal(&self) -> Box<dyn Journal> {
        Box::new(self.clone())
    }
}

impl Recorder for Tape {
    fn record(&mut self, outcome: &Outcome) {
        self.0.borrow_mut().outcomes.push(outcome.clone());
    }

    fn flush(&mut self) {}
}

impl Journal for Tape {
    fn input(&mut self, now: Instant, input: &Input) {
        self.0.borrow_mut().inputs.push((now, input.clone()));
    }

    fn flush(&mut self, digest: &dyn Fn() -> u64) {
        let mut recorded = self.0.borrow_mut();
        if recorded.turns.is_multiple_of(TURNS_PER_DIGEST) {
            let after = recorded.inputs.len();
            recorded.digests.push((after, digest()));
        }
        recorded.turns += 1;
    }

    fn end(&mut self, digest: u64) {
        self.0.borrow_mut().end = Some(digest);
    }
}

/// What a run left.
pub(crate) struct Story {
    pub(crate) weather: Weather,
    pub(crate) config: Config,
    workers: Vec<Recorded>,
    notes: Vec<String>,
    /// When the last worker ended.
    pub(crate) ended: Duration,
    xrays: Vec<Xray>,
}

impl Story {
    pub(crate) fn new(
        weather: Weather,
        config: Config,
        tapes: &[Tape],
        notes: Vec<String>,
        ended: Duration,
    ) -> Self {
        let workers = tapes.iter().map(|tape| tape.0.borrow().clone()).collect();
        Self { weather, config, workers, notes, ended, xrays: Vec::new() }
    }

    /// Checks what holds for every run: the journal replays to the recorded digests, and the laws of `xray`.
    pub(crate) fn verify(&mut self) {
        for recorded in &self.workers {
            let end = recorded.end.expect("the worker was drained and ended");
            let replayed = replay(&recorded.journal(&self.config)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(replayed.digest, end, "the journal replays to another state");
            self.xrays.push(Xray::look(&self.config, recorded));
        }
    }

    /// Another run of the same world.
    pub(crate) fn assert_same(&self, twin: &Self) {
        assert_eq!(self.notes, twin.notes, "clients were told two stories");
        assert_eq!(self.ended, twin.ended, "the same drain took two times");
        for (one, two) in self.workers.iter().zip(&twin.workers) {
            same(&one.inputs, &two.inputs);
            same(&one.outcomes, &two.outcomes);
            assert!(one == two, "the same inputs led to two states");
        }
    }

    /// Every outcome of all workers.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.workers.iter().flat_map(|recorded| &recorded.outcomes)
    }

    /// The one outcome of a request for `target`.
    pub(crate) fn outcome(&self, target: &str) -> &Outcome {
        let mut all = self.outcomes().filter(|outcome| target_of(outcome) == target);
        let outcome = all.next().unwrap_or_else(|| panic!("{target} has no outcome"));
        assert!(all.next().is_none(), "{target} has two outcomes");
        outcome
    }

    /// What was recorded of a request for `target`: status, reason, and HAProxy's letters.
    pub(crate) fn told(&self, target: &str) -> (u16, &'static str, String) {
        told(self.outcome(target))
    }

    /// The connection of the client that asked for `target`.
    pub(crate) fn client_of(&self, target: &str) -> &Life {
        self.xray().client(self.outcome(target).peer)
    }

    /// Most connections to a server that all workers together had at once, from the moment they were asked for.
    pub(crate) fn open_max(&self, server: SocketAddr) -> usize {
        let lives = self.xrays.iter().flat_map(|xray| xray.to(server));
        // At one moment, what ends makes room for what begins.
        let mut changes: Vec<_> = lives.flat_map(|life| [(life.gone(), -1), (life.opened, 1)]).collect();
        changes.sort_unstable();
        let mut open = 0;
        let counts = changes.into_iter().map(|(_, change)| {
            open += change;
            open
        });
        counts.max().and_then(|max| usize::try_from(max).ok()).unwrap_or(0)
    }

    /// What became of the connections of worker 0.
    pub(crate) fn xray(&self) -> &Xray {
        &self.xrays[0]
    }
}

impl Recorded {
    fn journal(&self, config: &Config) -> Vec<u8> {
        let mut writer = JournalWriter::new(config, self.seed);
        let mut digests = self.digests.iter().peekable();
        for count in 0..=self.inputs.len() {
            while let Some((_, digest)) = digests.next_if(|(after, _)| *after == count) {
                writer.digest(*digest);
            }
            if let Some((now, input)) = self.inputs.get(count) {
                writer.input(*now, input);
            }
        }
        writer.take()
    }
}

/// The request-target; empty for a request that could not be read.
pub(crate) fn target_of(outcome: &Outcome) -> String {
    let target = outcome.request.as_ref().map(|request| request.target.to_vec());
    String::from_utf8(target.unwrap_or_default()).expect("ours are text")
}

/// Status, reason and letters; status 0 is none.
pub(crate) fn told(outcome: &Outcome) -> (u16, &'static str, String) {
    let letters = outcome.flags.letters().map(char::from);
    (outcome.status.unwrap_or(0), outcome.reason.as_str(), letters.iter().collect())
}

fn same<T: PartialEq + Debug>(one: &[T], two: &[T]) {
    if let Some(at) = (0..one.len().max(two.len())).find(|at| one.get(*at) != two.get(*at)) {
        panic!(
            "the same world told two stories, from entry {at} on: {:#?} and {:#?}",
            one.get(at),
            two.get(at)
        );
    }
}
