//! Bodies that pass unseen: the driver moves their octets from one connection to the other, and we only count. Whether,
//! when and how many is decided here; deadlines, backpressure and the record are those of any other body.

use super::Core;
use super::interest::buffer;
use super::view::View;
use crate::action::Interest;
use crate::input::ConnId;

/// A body is piped while this many buffers of it are still to come. Looking at the rest costs less than the second pair
/// of system calls.
const WORTHWHILE: u64 = 2;

impl View<'_> {
    /// To whom what the client sends of its request's body may be piped.
    pub(super) fn request_pipe(&self) -> Option<ConnId> {
        let is_worthwhile = self.is_worthwhile(self.session.unseen());
        if is_worthwhile && self.link?.takes_piped() { self.exchange.link() } else { None }
    }

    /// To whom what the upstream sends of its response's body may be piped.
    pub(super) fn response_pipe(&self) -> Option<ConnId> {
        let is_worthwhile = self.is_worthwhile(self.link?.unseen());
        if is_worthwhile && self.session.takes_piped() { Some(self.exchange.session) } else { None }
    }

    fn is_worthwhile(&self, unseen: u64) -> bool {
        unseen >= WORTHWHILE * buffer(self.config) as u64
    }
}

impl Core {
    pub(super) fn on_client_piped(&mut self, conn: ConnId, n: usize) {
        let now = self.now;
        let Some((to, n)) = self.allowed(conn, n) else { return };
        let Some(session) = self.touch_session(conn) else { return };
        session.skip(n);
        if let Some(exchange) = session.exchange().and_then(|id| self.exchange_mut(id)) {
            exchange.moved = now;
            exchange.client_owes.progress(now);
            exchange.awaiting_continue = false;
            // Its length is known, and was compared with `request_body` when the head came.
            exchange.outcome.received += n as u64;
        }
        if let Some(link) = self.link_mut(to) {
            link.outbox.put_piped(n);
        }
    }

    pub(super) fn on_server_piped(&mut self, conn: ConnId, n: usize) {
        let now = self.now;
        let Some((to, n)) = self.allowed(conn, n) else { return };
        let Some(link) = self.link_mut(conn) else { return };
        link.skip(n);
        if let Some(exchange) = link.exchange().and_then(|id| self.exchange_mut(id)) {
            exchange.moved = now;
            exchange.upstream_owes.progress(now);
            exchange.outcome.sent += n as u64;
        }
        if let Some(session) = self.touch_session(to) {
            session.outbox.put_piped(n);
        }
    }

    /// For whom the octets are that went into a pipe, and how many of them there can be: only a damaged journal says more.
    fn allowed(&self, conn: ConnId, n: usize) -> Option<(ConnId, usize)> {
        let Interest { read, pipe, .. } = self.interest(conn)?;
        Some((pipe?, n.min(read)))
    }
}
