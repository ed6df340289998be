//! Who is let in: `limits.client_connections`, a limit of the whole process.

use super::Core;
use crate::action::{Action, Close, Listen};
use crate::ids::ListenerId;
use crate::input::{ConnId, Permit};
use crate::session::{Session, SessionState};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::SocketAddr;

/// Clients that wait for a unit of `limits.client_connections`.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Admission {
    parked: VecDeque<ConnId>,
    asked: bool,
    paused: bool,
}

impl Core {
    pub(super) fn on_accepted(&mut self, conn: ConnId, listener: ListenerId, peer: SocketAddr) {
        if conn != self.vacant() {
            return;
        }
        // A listener that is none of ours: it was ours when the client came.
        let Some(listener) = self.plan.listener(listener) else {
            return self.actions.push_back(Action::Close { conn, how: Close::Graceful });
        };
        let conn = self.table.insert_session(Session::new(Arc::clone(listener), peer));
        if self.draining.is_on() {
            return self.close(conn, Close::Graceful);
        }
        if self.plan.config().limits.client_connections.is_none() {
            return self.admit(conn, false);
        }
        self.admission.parked.push_back(conn);
        self.ask_admission();
    }

    fn ask_admission(&mut self) {
        if !self.admission.asked && !self.admission.parked.is_empty() {
            self.admission.asked = true;
            self.actions.push_back(Action::Acquire(Permit::Client));
        }
    }

    fn admit(&mut self, conn: ConnId, has_permit: bool) {
        let state = SessionState::await_head(self.now);
        let session = self.table.touch_session(conn);
        session.has_permit = has_permit;
        session.state = state;
    }

    pub(super) fn on_client_granted(&mut self) {
        self.admission.asked = false;
        match self.next_parked() {
            Some(conn) => self.admit(conn, true),
            None => self.actions.push_back(Action::Release(Permit::Client)),
        }
        self.ask_admission();
        if !self.admission.asked && self.admission.paused {
            self.admission.paused = false;
            self.actions.push_back(Action::Listen(Listen::Accept));
        }
    }

    pub(super) fn on_client_denied(&mut self) {
        if !self.admission.paused {
            self.admission.paused = true;
            self.actions.push_back(Action::Listen(Listen::Pause));
        }
    }

    /// The client that waited longest and still is there.
    fn next_parked(&mut self) -> Option<ConnId> {
        while let Some(conn) = self.admission.parked.pop_front() {
            if self.table.session(conn).is_some() {
                return Some(conn);
            }
        }
        None
    }
}
