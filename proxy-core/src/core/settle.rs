//! What is due after every input: clocks, alarms and the driver's knowledge are brought in line with what changed.
//!
//! A session is settled together with the exchange that it serves and the connection that carries it: whether one is read
//! from depends on what waits for the other. An idle upstream connection is settled when it is put into the pool.

use super::view::{Alone, View};
use super::{Conn, Core, Side};
use crate::action::{Action, Interest};
use crate::ids::ExchangeId;
use crate::input::ConnId;
use crate::time::Instant;
use alloc::collections::VecDeque;

/// What the driver knows of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The interest that it was last told of. What is wanted is never anything else between two inputs.
    pub(super) interest: Interest,
    /// An update is on its way to it.
    pub(super) is_queued: bool,
}

impl Core {
    pub(super) fn settle(&mut self) {
        while let Some(cluster) = self.to_serve.pop() {
            self.serve_queue(cluster);
        }
        let mut at = 0;
        while let Some(conn) = self.touched.get(at).copied() {
            self.settle_connection(conn);
            at += 1;
        }
        self.touched.clear();
        self.settle_drain();
    }

    fn settle_connection(&mut self, conn: ConnId) {
        let Some(entry) = self.conns.get_mut(conn.0) else { return };
        entry.is_touched = false;
        let Conn { side: Side::Downstream(session), armed, told, .. } = entry else { return };
        if let Some(id) = session.exchange() {
            return self.settle_exchange(conn, id);
        }
        session.outbox.start_clock(self.now);
        let alone = Alone { config: &self.config, shortest: &self.shortest, session };
        if !covers(*armed, alone.not_before()) {
            self.timers.arm(conn, armed, alone.deadline());
        }
        told.tell(&mut self.actions, conn, alone.interest(), session.outbox.is_blocked());
        self.spare.collect(&mut session.outbox);
    }

    /// Settles a session together with the exchange that it serves and the connection that carries it.
    fn settle_exchange(&mut self, conn: ConnId, id: ExchangeId) {
        let now = self.now;
        let Some(exchange) = self.exchanges.get_mut(id.0) else { return };
        let carrier = exchange.link();
        let (entry, other) = self.conns.get_pair_mut(conn.0, carrier.map(|link| link.0));
        let Some(Conn { side: Side::Downstream(session), armed, told, .. }) = entry else { return };
        let (mut link, link_told) = match other {
            Some(Conn { side: Side::Upstream(link), told, .. }) => (Some(&mut **link), Some(told)),
            Some(_) | None => (None, None),
        };
        session.outbox.start_clock(now);
        // Before the connection stands nothing could be written: that wait is `connect`'s.
        if let Some(link) = link.as_mut().filter(|link| !link.is_connecting()) {
            link.outbox.start_clock(now);
        }
        let (config, shortest) = (&self.config, &self.shortest);
        let view = View { config, shortest, session, exchange, link: link.as_deref() };
        let (upstream, client) = (view.upstream_owes(), view.client_owes());
        exchange.upstream_owes.set(upstream, now);
        exchange.client_owes.set(client, now);
        let view = View { config, shortest, session, exchange, link: link.as_deref() };
        if !covers(*armed, view.not_before()) {
            self.timers.arm(conn, armed, view.deadline());
        }
        let (interest, link_interest) = (view.session_interest(), view.link_interest());
        told.tell(&mut self.actions, conn, interest, session.outbox.is_blocked());
        self.spare.collect(&mut session.outbox);
        if let (Some(carrier), Some(link), Some(told)) = (carrier, link, link_told) {
            told.tell(&mut self.actions, carrier, link_interest, link.outbox.is_blocked());
            self.spare.collect(&mut link.outbox);
        }
    }
}

/// Whether an alarm rings in time for everything that is due at `not_before` or later.
fn covers(armed: Option<Instant>, not_before: Instant) -> bool {
    armed.is_some_and(|armed| armed <= not_before)
}

impl Told {
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
        if (opened || ended || writes) && !self.is_queued {
            self.is_queued = true;
            actions.push_back(Action::Update { conn });
        }
    }
}
