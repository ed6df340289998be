//! The one door in and the one door out: the connection table, and who handles what.

use crate::action::{Action, Interest};
use crate::config::{Config, ConfigError};
use crate::input::{ConnId, Input};
use crate::time::{Deadline, Instant};

/// Every decision of one worker.
#[derive(Debug)]
pub struct Core {
    config: Config,
}

impl Core {
    /// Makes a worker's core. `seed` varies request ids and where balancing starts.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config, _seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The id that the next `Input::Accepted` must carry.
    pub fn vacant(&self) -> ConnId {
        ConnId { index: 0, generation: 0 }
    }

    /// Takes in what happened at `now`, which never goes back. Never fails; stale ids are ignored.
    pub fn handle(&mut self, _now: Instant, _input: Input) {}

    /// The next thing to do. Drain after each `handle`.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// What is wanted of a connection; `None` when it is dead.
    pub fn interest(&self, _conn: ConnId) -> Option<Interest> {
        None
    }

    /// The octets to write to a connection, in order, borrowed. Empty when it is dead.
    pub fn egress(&self, _conn: ConnId) -> impl Iterator<Item = &[u8]> {
        ::core::iter::empty()
    }

    /// When the next `Input::Tick` is due; `None`: not before another input.
    pub fn next_deadline(&self) -> Option<Deadline> {
        None
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A digest of the whole state: equal journals give equal digests, in every process.
    pub fn digest(&self) -> u64 {
        0
    }

    /// Asserts every invariant of the state.
    pub fn check(&self) {}
}
