//! What is due after every input: clocks, alarms and the driver's knowledge are brought in line with what changed.
//!
//! A session is settled together with the exchange that it serves and the connection that carries it: whether one is read
//! from depends on what waits for the other. An idle upstream connection is settled when it is put into the pool.

use super::Core;
use super::table::{Conn, Note, Side, Trio};
use super::view::{Alone, View};
use crate::action::{Action, Interest};
use crate::ids::ExchangeId;
use crate::input::{ConnId, StreamId};
use crate::time::Instant;
use alloc::collections::VecDeque;

impl Core {
    pub(super) fn settle(&mut self) {
        while let Some(cluster) = self.to_serve.pop() {
            self.serve_queue(cluster);
        }
        let mut at = 0;
        while let Some(conn) = self.table.touched(at) {
            self.settle_connection(conn);
            at += 1;
        }
        self.table.clear_touched();
        self.settle_drain();
    }

    fn settle_connection(&mut self, conn: ConnId) {
        let Some(Conn { side: Side::Downstream(session), note }) = self.table.settle(conn) else { return };
        if let Some(id) = session.exchange() {
            return self.settle_exchange(conn, id);
        }
        session.outbox.start_clock(self.now);
        let alone = Alone { rules: self.plan.unrouted(), session };
        if !covers(note.armed, alone.not_before()) {
            self.timers.arm(StreamId::whole(conn), &mut note.armed, alone.deadline());
        }
        note.tell(&mut self.actions, conn, alone.interest(), session.outbox.is_blocked());
        self.spare.collect(&mut session.outbox);
    }

    /// Settles a session together with the exchange that it serves and the connection that carries it.
    fn settle_exchange(&mut self, conn: ConnId, id: ExchangeId) {
        let now = self.now;
        let Trio { exchange, session, session_note, mut link } = self.table.settled_trio(id);
        session.outbox.start_clock(now);
        // Before the connection stands nothing could be written: that wait is `connect`'s.
        if let Some((link, _)) = link.as_mut().filter(|(link, _)| !link.is_connecting()) {
            link.outbox.start_clock(now);
        }
        let carrier = link.as_ref().map(|(link, _)| &**link);
        let view = View { session, exchange, link: carrier };
        let (upstream, client) = (view.upstream_owes(), view.client_owes());
        exchange.upstream_owes.set(upstream, now);
        exchange.client_owes.set(client, now);
        let view = View { session, exchange, link: carrier };
        if !covers(session_note.armed, view.not_before()) {
            self.timers.arm(exchange.client, &mut session_note.armed, view.deadline());
        }
        let (interest, link_interest) = (view.session_interest(), view.link_interest());
        session_note.tell(&mut self.actions, conn, interest, session.outbox.is_blocked());
        self.spare.collect(&mut session.outbox);
        if let (Some(carrier), Some((link, note))) = (exchange.link(), link) {
            note.tell(&mut self.actions, carrier, link_interest, link.outbox.is_blocked());
            self.spare.collect(&mut link.outbox);
        }
    }
}

/// Whether an alarm rings in time for everything that is due at `not_before` or later.
fn covers(armed: Option<Instant>, not_before: Instant) -> bool {
    armed.is_some_and(|armed| armed <= not_before)
}

impl Note {
    /// Queues an update if what is wanted gives the driver something to do.
    pub(super) fn tell(
        &mut self,
        actions: &mut VecDeque<Action>,
        conn: ConnId,
        interest: Interest,
        is_blocked: bool,
    ) {
        let opened = interest.read > 0 && self.interest.read == 0;
        let ended = interest.shutdown && !self.interest.shutdown;
        let writes = interest.write && !is_blocked;
        self.interest = interest;
        if (opened || ended || writes) && !self.is_update_queued {
            self.is_update_queued = true;
            actions.push_back(Action::Update { conn });
        }
    }
}
