//! Shutting down: no new work, what runs may finish, and an end in any case.

use super::Core;
use super::table::{Door, Side};
use crate::action::{Action, Close, Listen};
use crate::exchange::verdict::Failure;
use crate::input::ConnId;
use crate::session::SessionState;
use crate::time::{Deadline, Instant};
use crate::timeouts::Timer;
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
        self.draining =
            Draining::On { until: self.plan.config().timeouts.drain.map(|drain| self.now.after(drain)) };
        self.actions.push_back(Action::Listen(Listen::Stop));
        for conn in self.upstreams.idle().collect::<Vec<_>>() {
            self.drop_idle(conn);
        }
        let is_idle = |state: &SessionState| {
            matches!(state, SessionState::Unadmitted | SessionState::AwaitHead { began: None, .. })
        };
        for conn in self.downstream(is_idle) {
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
            self.end_session(conn);
        }
        self.draining = Draining::On { until: None };
    }

    /// Ends a session whatever it is doing.
    fn end_session(&mut self, conn: ConnId) {
        let failure = Failure::Timeout(Timer::Drain);
        match self.table.door(conn) {
            Some(Door::Request(id)) => self.fail(id, failure),
            Some(Door::Client) => {
                self.give_up_head(conn, &failure);
                self.end_idle(conn);
            }
            Some(Door::Connecting(_) | Door::Response(_) | Door::Pooled) | None => {}
        }
    }

    /// Reports the end of a drain, once.
    pub(super) fn settle_drain(&mut self) {
        if matches!(self.draining, Draining::On { .. }) && self.table.sessions() == 0 {
            self.draining = Draining::Done;
            self.actions.push_back(Action::Drained);
        }
    }

    fn downstream(&self, wanted: impl Fn(&SessionState) -> bool) -> Vec<ConnId> {
        let is_wanted = |side: &Side| matches!(side, Side::Downstream(session) if wanted(&session.state));
        self.table.conns().filter(|(_, conn)| is_wanted(&conn.side)).map(|(id, _)| id).collect()
    }
}
