//! Bodies that pass unseen: the driver moves their octets from one connection to the other, and we only count. Whether,
//! when and how many is decided here; deadlines, backpressure and the record are those of any other body.

use super::Core;
use super::interest::buffer;
use super::view::View;
use crate::action::Pipe;
use crate::config::Config;
use crate::input::ConnId;

/// A body is piped while this many buffers of it are still to come. Looking at the rest costs less than the second pair
/// of system calls.
const WORTHWHILE: u64 = 2;

impl View<'_> {
    /// Leave to pipe what the client sends of its request's body.
    pub(super) fn request_pipe(&self) -> Option<Pipe> {
        let octets = octets(self.config, self.session.unseen())?;
        self.link.filter(|link| link.takes_piped())?;
        Some(Pipe { to: self.exchange?.link()?, octets })
    }

    /// Leave to pipe what the upstream sends of its response's body.
    pub(super) fn response_pipe(&self) -> Option<Pipe> {
        let octets = octets(self.config, self.link?.unseen())?;
        self.session.takes_piped().then_some(Pipe { to: self.exchange?.session, octets })
    }
}

/// No more than would be read: what is in the pipe waits for a slow reader like anything else.
fn octets(config: &Config, unseen: u64) -> Option<usize> {
    let buffer = buffer(config);
    (unseen >= WORTHWHILE * buffer as u64).then_some(buffer)
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
        let Pipe { to, octets } = self.interest(conn)?.pipe?;
        Some((to, n.min(octets)))
    }
}
