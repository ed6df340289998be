//! The requests that wait for a connection to a cluster, in order.

use crate::ids::ExchangeId;
use alloc::collections::VecDeque;

/// A queue that has a limit. It may be over it until [`Pending::overflowing`] is dealt with.
#[derive(Clone, Debug, Hash)]
pub(super) struct Pending {
    queue: VecDeque<ExchangeId>,
    max: u32,
}

impl Pending {
    pub(super) fn new(max: u32) -> Self {
        Self { queue: VecDeque::new(), max }
    }

    pub(super) fn push(&mut self, exchange: ExchangeId) {
        self.queue.push_back(exchange);
    }

    pub(super) fn remove(&mut self, exchange: ExchangeId) {
        self.queue.retain(|pending| *pending != exchange);
    }

    pub(super) fn first(&self) -> Option<ExchangeId> {
        self.queue.front().copied()
    }

    /// The last one, if it is over the limit.
    pub(super) fn overflowing(&self) -> Option<ExchangeId> {
        self.queue.back().copied().filter(|_| self.queue.len() > self.max as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ExchangeId> {
        self.queue.iter().copied()
    }
}
