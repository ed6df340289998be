//! What a limit that ran out means. Only a `Tick` gets here: when octets and a due alarm meet, the octets win.

use super::Core;
use super::table::Door;
use crate::action::Close;
use crate::exchange::verdict::Failure;
use crate::input::{ConnId, StreamId};
use crate::session::SessionState;
use crate::timeouts::Timer;

impl Core {
    pub(super) fn on_tick(&mut self) {
        while let Some(StreamId { conn, .. }) = self.timers.pop_due(self.now) {
            if let Some(entry) = self.table.get_mut(conn) {
                entry.note.armed = None;
            }
            match self.deadline_of(conn) {
                Some(deadline) if deadline.at <= self.now => self.expire(conn, deadline.timer),
                _ => {}
            }
            self.rearm(conn);
            self.table.touch(conn);
        }
        self.on_drain_tick();
    }

    /// What a connection waits for now may be overdue, too, if the tick is late: after a tick nothing is.
    fn rearm(&mut self, conn: ConnId) {
        let deadline = self.deadline_of(conn);
        if let Some(entry) = self.table.get_mut(conn) {
            self.timers.arm(StreamId::whole(conn), &mut entry.note.armed, deadline);
        }
    }

    fn expire(&mut self, conn: ConnId, timer: Timer) {
        match self.table.door(conn) {
            Some(Door::Client) => self.expire_client(conn, timer),
            Some(Door::Request(id)) => self.fail(id, Failure::Timeout(timer)),
            Some(Door::Pooled) => self.drop_idle(conn),
            // What limits an exchange is its client's.
            Some(Door::Connecting(_) | Door::Response(_)) | None => {}
        }
    }

    fn expire_client(&mut self, conn: ConnId, timer: Timer) {
        match self.table.touch_session(conn).state {
            SessionState::AwaitHead { began: Some(_), .. } => {
                self.refuse(conn, &Failure::Timeout(timer), None);
            }
            SessionState::Unadmitted
            | SessionState::AwaitHead { .. }
            | SessionState::Serving(_)
            | SessionState::Lingering { .. } => self.end_idle(conn),
        }
    }

    /// Ends the stream that an exchange was on. In HTTP/1 that is the whole connection.
    pub(super) fn end_stream(&mut self, stream: StreamId, how: Close) {
        self.close(stream.conn, how);
    }
}
