//! Bodies that pass unseen: the driver moves their octets from one connection to the other, and we only count. Whether,
//! when and how many is decided here; deadlines, backpressure and the record are those of any other body.

use super::Core;
use super::active::Active;
use super::interest::buffer;
use super::table::Door;
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
        if is_worthwhile && self.session.takes_piped() { Some(self.exchange.client.conn) } else { None }
    }

    fn is_worthwhile(&self, unseen: u64) -> bool {
        unseen >= WORTHWHILE * buffer(&self.exchange.rules) as u64
    }
}

impl Active<'_> {
    /// `n` octets of the request's body went into a pipe.
    pub(super) fn request_piped(&mut self, n: usize) {
        self.trio.session.skip(n);
        self.client_moved();
        self.trio.exchange.awaiting_continue = false;
        // Its length is known, and was compared with `request_body` when the head came.
        self.trio.exchange.received += n as u64;
        self.link().outbox.put_piped(n);
    }

    /// `n` octets of the response's body went into a pipe.
    pub(super) fn response_piped(&mut self, n: usize) {
        self.link().skip(n);
        self.server_moved();
        self.trio.exchange.sent += n as u64;
        self.trio.session.outbox.put_piped(n);
    }
}

impl Core {
    pub(super) fn on_piped(&mut self, conn: ConnId, n: usize) {
        // Only a damaged journal says more than was allowed.
        let Some(Interest { read, pipe: Some(_), .. }) = self.interest(conn) else { return };
        let n = n.min(read);
        match self.table.door(conn) {
            Some(Door::Request(id)) => self.active(id).request_piped(n),
            Some(Door::Response(id)) => self.active(id).response_piped(n),
            Some(Door::Client | Door::Connecting(_) | Door::Pooled) | None => {}
        }
    }
}
