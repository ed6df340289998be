//! Whose turn it is among the members of a cluster: one file per policy.
//!
//! To add a policy: a variant of `config::Balance`; a file beside `round_robin.rs` that keeps the policy's own state and
//! chooses among candidates, with a test of how it distributes; a variant of [`Balancer`], which the compiler then asks to
//! be made and asked. A policy sees members by their places and knows nothing of connections.

mod round_robin;

use crate::config::Balance;
use round_robin::RoundRobin;

/// A cluster's policy, with what it remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Balancer {
    RoundRobin(RoundRobin),
}

impl Balancer {
    /// For members of these weights. Workers differ in their `seed`.
    pub(super) fn new(policy: Balance, weights: impl Iterator<Item = u32>, seed: u64) -> Self {
        match policy {
            Balance::RoundRobin => Self::RoundRobin(RoundRobin::new(weights, seed)),
        }
    }

    /// Chooses among the members that are a `candidate`; `None` if there is none. Members go by their places.
    pub(super) fn choose(&mut self, candidate: impl Fn(u32) -> bool) -> Option<u32> {
        match self {
            Self::RoundRobin(rotation) => rotation.choose(candidate),
        }
    }
}
