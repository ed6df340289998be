//! How long somebody has kept us waiting, with pauses while it is not their turn.

use crate::time::Instant;
use core::time::Duration;

/// A stopwatch that runs only while we wait for one particular peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wait {
    since: Option<Instant>,
    /// Nanoseconds waited in all before `since`.
    spent: u64,
}

impl Wait {
    /// Runs or pauses. Running again starts the idle time anew: the pause was not the peer's.
    pub(crate) fn set(&mut self, waiting: bool, now: Instant) {
        match (self.since, waiting) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.spend(since, now);
                self.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The peer did something.
    pub(crate) fn progress(&mut self, now: Instant) {
        if let Some(since) = self.since {
            self.spend(since, now);
            self.since = Some(now);
        }
    }

    const fn spend(&mut self, since: Instant, now: Instant) {
        self.spent = self.spent.saturating_add(now.nanos_since(since));
    }

    /// Since when the peer is idle while we wait; `None` while we don't.
    pub(crate) const fn since(self) -> Option<Instant> {
        self.since
    }

    /// Waited in all, up to the last progress.
    pub(crate) const fn spent(self) -> Duration {
        Duration::from_nanos(self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_pause_does_not_count_and_starts_the_idle_time_anew() {
        let mut wait = Wait::default();
        wait.set(true, at(1));
        wait.set(false, at(3));
        assert_eq!(wait.since(), None);
        wait.set(true, at(10));
        assert_eq!(wait.since(), Some(at(10)));
        assert_eq!(wait.spent(), Duration::from_secs(2));
    }

    #[test]
    fn progress_restarts_the_idle_time_and_adds_up_what_was_waited() {
        let mut wait = Wait::default();
        wait.set(true, at(0));
        wait.progress(at(4));
        wait.set(true, at(5));
        assert_eq!(wait.since(), Some(at(4)));
        assert_eq!(wait.spent(), Duration::from_secs(4));
    }
}
