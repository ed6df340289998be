//! What comes from upstreams: responses, acknowledgements, farewells.

use super::Core;
use super::active::{Active, Turn};
use crate::action::Close;
use crate::exchange::Stage;
use crate::exchange::verdict::Failure;
use crate::http::ResponseHead;
use crate::ids::ExchangeId;
use crate::input::ConnId;
use crate::link::Said;
use crate::transfer::Fin;
use bytes::Bytes;
use core::ops::ControlFlow;

impl Core {
    pub(super) fn on_response_data(&mut self, conn: ConnId, id: ExchangeId, bytes: Bytes) {
        if let Some(turn) = self.active(id).hear_server(conn, bytes) {
            self.take_turn(id, turn);
        }
    }

    pub(super) fn on_request_taken(&mut self, id: ExchangeId, n: usize) {
        if let Some(turn) = self.active(id).server_took(n) {
            self.take_turn(id, turn);
        }
    }

    pub(super) fn on_response_eof(&mut self, id: ExchangeId) {
        if let Some(turn) = self.active(id).server_fin() {
            self.take_turn(id, turn);
        }
    }
}

impl Active<'_> {
    fn hear_server(&mut self, conn: ConnId, bytes: Bytes) -> Option<Turn> {
        let link = self.link();
        // It speaks before it was asked, like a server that says 408 as it closes an idle connection: that is no
        // answer (RFC 9112 §9.2).
        if link.outbox.is_untouched() {
            return Some(Turn::Lost(Failure::UnaskedResponse, Close::Abort));
        }
        link.answered();
        link.inbox.push(bytes);
        self.server_moved();
        self.relay_response(conn)
    }

    /// Passes on everything that the upstream said, up to where the exchange takes a turn. `None`: there is no more.
    fn relay_response(&mut self, conn: ConnId) -> Option<Turn> {
        self.spare.lend(&mut self.trio.session.outbox);
        loop {
            let said = self.next_said();
            if let ControlFlow::Break(turn) = self.pass(conn, said) {
                return turn;
            }
        }
    }

    fn next_said(&mut self) -> Said {
        match self.trio.link.as_mut() {
            Some((link, _)) => link.next(&self.trio.exchange.rules.head_limits, &mut self.spare.lines),
            None => Said::Nothing,
        }
    }

    /// Passes on one thing that the upstream said; breaks where that is the last for now.
    #[inline]
    fn pass(&mut self, conn: ConnId, said: Said) -> ControlFlow<Option<Turn>> {
        match said {
            Said::Nothing => {
                if let Some((link, _)) = self.trio.link.as_mut() {
                    link.inbox.keep();
                }
                return ControlFlow::Break(None);
            }
            Said::Head(head) if head.is_interim() => {
                self.trio.exchange.awaiting_continue &= head.status() != 100;
                let via = self.signature().via;
                self.trio.session.interim(&head, via);
            }
            Said::Head(head) if head.is_switching() => {
                if let Some(turn) = self.switch(conn, &head) {
                    return ControlFlow::Break(Some(turn));
                }
            }
            Said::Head(head) => self.respond(conn, head),
            Said::Data(bytes) => self.pass_response(bytes),
            Said::End(trailers) => {
                let then = self.trio.session.finish(trailers.as_ref());
                return ControlFlow::Break(Some(Turn::Whole(then)));
            }
            Said::BadHead(bad) => {
                return ControlFlow::Break(Some(Turn::Failed(Failure::BadResponseHead(bad))));
            }
            Said::BadBody(bad) => {
                return ControlFlow::Break(Some(Turn::Failed(Failure::BadResponseBody(bad))));
            }
        }
        ControlFlow::Continue(())
    }

    /// Begins the final response.
    fn respond(&mut self, conn: ConnId, mut head: ResponseHead) {
        self.trio.exchange.respond(conn, &head, self.now);
        let signature = self.signature();
        self.trio.session.respond(&head, self.may_keep, signature);
        self.spare.lines = head.take_memory();
    }

    fn pass_response(&mut self, bytes: Bytes) {
        if !self.trio.exchange.is_tunnel() {
            self.trio.exchange.sent += bytes.len() as u64;
        }
        self.trio.session.send(bytes);
    }

    /// Becomes a tunnel. What the client sent behind its request are the tunnel's first octets.
    fn switch(&mut self, conn: ConnId, head: &ResponseHead) -> Option<Turn> {
        if !self.trio.exchange.upgrade {
            return Some(Turn::Failed(Failure::UnaskedSwitch));
        }
        self.trio.exchange.switch(conn, self.now);
        let via = self.signature().via;
        self.client().switch(head, via);
        self.relay_request()
    }

    fn server_took(&mut self, n: usize) -> Option<Turn> {
        let now = self.now;
        let link = self.link();
        link.outbox.wrote(n, now);
        let is_sent = link.is_request_sent();
        if n > 0 {
            self.trio.exchange.moved = now;
        }
        if is_sent {
            self.trio.exchange.marks.sent.get_or_insert(now);
        }
        self.tunnel_over()
    }

    fn server_fin(&mut self) -> Option<Turn> {
        match self.link().on_fin() {
            Fin::Whole => Some(Turn::Whole(self.client().finish(None))),
            Fin::HalfClose => self.end_server_half(),
            Fin::Truncated => Some(Turn::Lost(Failure::UpstreamClosedEarly, Close::Graceful)),
        }
    }

    /// The upstream's half of a tunnel is over.
    fn end_server_half(&mut self) -> Option<Turn> {
        if let Stage::Tunnel { upstream_done, .. } = &mut self.trio.exchange.stage {
            *upstream_done = true;
        }
        self.trio.session.end_raw();
        self.tunnel_over()
    }
}
