//! When which connection, or which stream of it, wants to be looked at. Lazy: a deadline that moves later costs nothing until the old one
//! comes due.

use crate::input::StreamId;
use crate::time::{Deadline, Instant};
use alloc::collections::BTreeSet;

/// At most one alarm per stream, in order of time.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Timers(BTreeSet<(Instant, StreamId)>);

impl Timers {
    /// Makes sure that `stream` is looked at by its deadline. `armed` is its own note of its alarm.
    pub(crate) fn arm(&mut self, stream: StreamId, armed: &mut Option<Instant>, deadline: Option<Deadline>) {
        if let Some(Deadline { at, .. }) = deadline
            && armed.is_none_or(|armed| armed > at)
        {
            self.set(stream, armed, at);
        }
    }

    #[cold]
    fn set(&mut self, stream: StreamId, armed: &mut Option<Instant>, at: Instant) {
        self.disarm(stream, armed.replace(at));
        self.0.insert((at, stream));
    }

    pub(crate) fn disarm(&mut self, stream: StreamId, armed: Option<Instant>) {
        if let Some(at) = armed {
            self.0.remove(&(at, stream));
        }
    }

    /// The next stream whose alarm is due at `now`. Its note must be cleared.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<StreamId> {
        let (at, stream) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(stream)
    }

    pub(crate) fn first(&self) -> Option<(Instant, StreamId)> {
        self.0.first().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
