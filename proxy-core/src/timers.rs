//! When which connection wants to be looked at. Lazy: a deadline that moves later costs nothing until the old one
//! comes due.

use crate::input::ConnId;
use crate::time::{Deadline, Instant};
use alloc::collections::BTreeSet;

/// At most one alarm per connection, in order of time.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Timers(BTreeSet<(Instant, ConnId)>);

impl Timers {
    /// Makes sure that `conn` is looked at by its deadline. `armed` is the connection's own note of its alarm.
    pub(crate) fn arm(&mut self, conn: ConnId, armed: &mut Option<Instant>, deadline: Option<Deadline>) {
        if let Some(Deadline { at, .. }) = deadline
            && armed.is_none_or(|armed| armed > at)
        {
            self.set(conn, armed, at);
        }
    }

    #[cold]
    fn set(&mut self, conn: ConnId, armed: &mut Option<Instant>, at: Instant) {
        self.disarm(conn, armed.replace(at));
        self.0.insert((at, conn));
    }

    pub(crate) fn disarm(&mut self, conn: ConnId, armed: Option<Instant>) {
        if let Some(at) = armed {
            self.0.remove(&(at, conn));
        }
    }

    /// The next connection whose alarm is due at `now`. Its note must be cleared.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<ConnId> {
        let (at, conn) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(conn)
    }

    pub(crate) fn first(&self) -> Option<(Instant, ConnId)> {
        self.0.first().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
