//! Shutting down: no new work, what runs may finish, and an end in any case.

use super::{Core, Side};
use crate::action::{Action, Close, Listen};
use crate::exchange::verdict::Failure;
use crate::input::ConnId;
use crate::session::State;
use crate::time::{Deadline, Instant, Timer};
use alloc::vec::Vec;

/// How far a shutdown is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Draining {
    #[default]
    Off,
    /// Until then, if there is a limit.
    On {
        until: Option<Instant>,
    },
    Done,
}

impl Draining {
    pub(super) fn is_on(self) -> bool {
        self != Self::Off
    }
}

impl Core {
    pub(super) fn on_drain(&mut self) {
        if self.draining.is_on() {
            return;
        }
        self.draining = Draining::On { until: self.config.timeouts.drain.map(|drain| self.now.after(drain)) };
        self.actions.push_back(Action::Listen(Listen::Stop));
        for conn in self.upstreams.idle().collect::<Vec<_>>() {
            self.drop_idle(conn);
        }
        for conn in
            self.downstream(|state| matches!(state, State::Unadmitted | State::AwaitHead { began: None, .. }))
        {
            self.close(conn, Close::Graceful);
        }
    }

    pub(super) fn drain_deadline(&self) -> Option<Deadline> {
        match self.draining {
            Draining::On { until: Some(at) } => Some(Deadline { at, timer: Timer::Drain }),
            Draining::On { until: None } | Draining::Off | Draining::Done => None,
        }
    }

    /// Ends what is left when the drain's time is over.
    pub(super) fn on_drain_tick(&mut self) {
        match self.draining {
            Draining::On { until: Some(until) } if until <= self.now => {}
            Draining::On { .. } | Draining::Off | Draining::Done => return,
        }
        for conn in self.downstream(|_| true) {
            self.cut(conn);
        }
        self.draining = Draining::On { until: None };
    }

    /// Ends a session whatever it is doing.
    fn cut(&mut self, conn: ConnId) {
        let failure = Failure::Timeout(Timer::Drain);
        match self.session(conn).map(|session| &session.state) {
            Some(State::Exchange(serving)) => self.fail(serving.id, failure),
            Some(State::Flushing { .. }) => self.cut_flushing(conn, &failure),
            Some(State::AwaitHead { began: Some(_), .. }) => {
                if let Some(origin) = self.origin(conn) {
                    self.record_headless(origin, &failure, None);
                }
                self.close(conn, Close::Graceful);
            }
            Some(_) => self.close(conn, Close::Graceful),
            None => {}
        }
    }

    /// Reports the end of a drain, once.
    pub(super) fn settle_drain(&mut self) {
        if matches!(self.draining, Draining::On { .. }) && self.sessions == 0 {
            self.draining = Draining::Done;
            self.actions.push_back(Action::Drained);
        }
    }

    fn downstream(&self, wanted: impl Fn(&State) -> bool) -> Vec<ConnId> {
        let is_wanted = |side: &Side| matches!(side, Side::Downstream(session) if wanted(&session.state));
        self.conns.iter().filter(|(_, conn)| is_wanted(&conn.side)).map(|(key, _)| ConnId(key)).collect()
    }
}
