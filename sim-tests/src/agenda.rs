//! What is going to happen, and in which order.

use crate::time::Nanos;
use proxy_core::{ConnId, NetError};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Who has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client connects.
    Start(usize),
    /// Its connection reaches the proxy's listener.
    Arrive(usize),
    Client(usize),
    Origin(usize),
    Socket(ConnId),
    /// A connect of the proxy is over.
    Connected(ConnId, Option<NetError>),
    /// Accepting was paused or resumed.
    Listen,
    /// The proxy looks at its news.
    Turn,
    Tick,
    Drain,
    RivalWants,
    RivalLeaves,
    /// The proxy's process stands still for so long.
    Stall(Nanos),
}

/// Events that are to come.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Entry>,
    /// How many there ever were.
    count: u64,
}

#[derive(Debug)]
struct Entry {
    at: Nanos,
    /// Its place among those of the same moment, then the order in which they were put in.
    place: u64,
    event: Event,
}

impl Event {
    /// Whether it waits while the proxy stands still.
    pub(crate) const fn is_the_proxys(self) -> bool {
        match self {
            Self::Arrive(_)
            | Self::Socket(_)
            | Self::Connected(..)
            | Self::Listen
            | Self::Turn
            | Self::Tick
            | Self::Drain
            | Self::RivalWants
            | Self::RivalLeaves => true,
            Self::Start(_) | Self::Client(_) | Self::Origin(_) | Self::Stall(_) => false,
        }
    }
}

impl Agenda {
    /// Puts in an event. Of those at the same moment, the one of the lower rank comes first.
    pub(crate) fn add(&mut self, at: Nanos, rank: u8, event: Event) {
        self.count += 1;
        let place = u64::from(rank) << 56 | self.count;
        self.entries.push(Entry { at, place, event });
    }

    /// The next event, and when it happens.
    pub(crate) fn next(&mut self) -> Option<(Nanos, Event)> {
        self.entries.pop().map(|entry| (entry.at, entry.event))
    }

    /// How many events were put in.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Nothing of it happens any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Ord for Entry {
    /// The earlier, the greater: the heap hands out its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.place).cmp(&(self.at, self.place))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
