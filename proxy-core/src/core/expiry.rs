//! What a limit that ran out means. Only a `Tick` gets here: when octets and a due alarm meet, the octets win.

use super::{Core, Side};
use crate::action::Close;
use crate::exchange::Stage;
use crate::exchange::verdict::Failure;
use crate::input::ConnId;
use crate::session::{Session, State};
use crate::time::Timer;

impl Core {
    pub(super) fn on_tick(&mut self) {
        while let Some(conn) = self.timers.pop_due(self.now) {
            let Some(entry) = self.conns.get_mut(conn.0) else { continue };
            entry.armed = None;
            match self.deadline_of(conn) {
                Some(deadline) if deadline.at <= self.now => self.expire(conn, deadline.timer),
                _ => {}
            }
            self.rearm(conn);
            self.touch(conn);
        }
        self.on_drain_tick();
    }

    /// What a connection waits for now may be overdue, too, if the tick is late: after a tick nothing is.
    fn rearm(&mut self, conn: ConnId) {
        let deadline = self.deadline_of(conn);
        if let Some(entry) = self.conns.get_mut(conn.0) {
            self.timers.arm(conn, &mut entry.armed, deadline);
        }
    }

    fn expire(&mut self, conn: ConnId, timer: Timer) {
        match self.side(conn) {
            Some(Side::Upstream(_)) => self.drop_idle(conn),
            Some(Side::Downstream(session)) => match &session.state {
                State::AwaitHead { began: Some(_), .. } => self.refuse(conn, &Failure::Timeout(timer), None),
                State::Unadmitted | State::AwaitHead { .. } | State::Lingering { .. } => {
                    self.close(conn, Close::Graceful);
                }
                State::Flushing { .. } => self.cut_flushing(conn, &Failure::Timeout(timer)),
                State::Exchange(_) => self.expire_exchange(conn, timer),
            },
            None => {}
        }
    }

    fn expire_exchange(&mut self, conn: ConnId, timer: Timer) {
        let Some(id) = self.session(conn).and_then(Session::exchange) else { return };
        match (timer, self.exchange(id).map(|exchange| exchange.stage)) {
            (Timer::Connect, Some(Stage::Connecting { link, .. })) => self.on_connect_timeout(link),
            _ => self.fail(id, Failure::Timeout(timer)),
        }
    }
}
