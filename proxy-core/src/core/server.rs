//! What comes from upstreams: responses, acknowledgements, farewells.

use super::{Core, Side};
use crate::action::{Action, Close};
use crate::exchange::Stage;
use crate::exchange::verdict::Failure;
use crate::http::ResponseHead;
use crate::ids::ExchangeId;
use crate::input::{ConnId, NetError};
use crate::link::{Fin, Said, State};
use crate::session::{Responding, Session, State as SessionState, Then};
use alloc::boxed::Box;
use bytes::Bytes;

/// Where it takes more than to pass something on.
enum Turn {
    /// 101. Boxed because it is rare, and large.
    Switching(Box<ResponseHead>),
    /// The response is whole.
    Whole(Then),
    /// It breaks a rule.
    Bad(Failure),
}

impl Core {
    pub(super) fn on_server_data(&mut self, conn: ConnId, bytes: Bytes) {
        let Some(link) = self.link_mut(conn) else { return };
        match &link.state {
            // Nobody asked: whatever it is, it must not become the answer to a later request.
            State::Idle { .. } => return self.drop_idle(conn),
            State::Connecting(_) => return,
            // It speaks before it was asked, like a server that says 408 as it closes an idle connection: that is no
            // answer (RFC 9112 §9.2).
            State::Leased(_) if link.outbox.is_untouched() => {
                self.actions.push_back(Action::Close { conn, how: Close::Abort });
                return self.on_lost(conn, Failure::UnaskedResponse);
            }
            State::Leased(_) => {}
        }
        link.answered();
        link.inbox.push(bytes);
        self.advance_server(conn);
    }

    /// Passes on everything that the upstream said.
    fn advance_server(&mut self, conn: ConnId) {
        while let Some((id, turn)) = self.relay(conn) {
            match turn {
                Turn::Switching(head) => self.on_switching(id, conn, &head),
                Turn::Whole(then) => return self.complete(id, then),
                Turn::Bad(failure) => return self.fail(id, failure),
            }
        }
    }

    /// Passes on what the upstream said, up to where the exchange takes a turn. `None`: there is no more.
    fn relay(&mut self, conn: ConnId) -> Option<(ExchangeId, Turn)> {
        let (now, may_keep) = (self.now, !self.draining.is_on());
        let id = self.link(conn)?.exchange()?;
        let exchange = self.exchanges.get_mut(id.0)?;
        let (Some(entry), Some(other)) = self.conns.get_pair_mut(exchange.session.0, Some(conn.0)) else {
            return None;
        };
        entry.touch(exchange.session, &mut self.touched);
        exchange.moved = now;
        exchange.upstream_owes.progress(now);
        let (Side::Downstream(session), Side::Upstream(link)) = (&mut entry.side, &mut other.side) else {
            return None;
        };
        self.spare.lend(&mut session.outbox);
        let turn = loop {
            match link.next(&self.limits, &mut self.spare.lines) {
                Said::Nothing => {
                    link.inbox.keep();
                    return None;
                }
                Said::Head(head) if head.is_interim() => {
                    exchange.awaiting_continue &= head.status() != 100;
                    session.interim(&head);
                }
                Said::Head(head) if head.is_switching() => break Turn::Switching(Box::new(head)),
                Said::Head(mut head) => {
                    exchange.respond(conn, &head, now);
                    session.respond(&head, may_keep);
                    self.spare.lines = head.take_memory();
                }
                Said::Body(bytes) => {
                    exchange.outcome.sent += bytes.len() as u64;
                    session.send(bytes);
                }
                Said::Raw(bytes) => session.send(bytes),
                Said::End(trailers) => break Turn::Whole(session.finish(trailers.as_ref())),
                Said::BadHead(bad) => break Turn::Bad(Failure::BadResponseHead(bad)),
                Said::BadBody(bad) => break Turn::Bad(Failure::BadResponseBody(bad)),
            }
        };
        Some((id, turn))
    }

    /// Does something to the session of an exchange, which is about to be written to.
    fn with_session_of<T>(&mut self, id: ExchangeId, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let conn = self.exchange(id)?.session;
        let entry = self.conns.get_mut(conn.0)?;
        entry.touch(conn, &mut self.touched);
        match &mut entry.side {
            Side::Downstream(session) => {
                self.spare.lend(&mut session.outbox);
                Some(act(session))
            }
            Side::Upstream(_) => None,
        }
    }

    fn on_switching(&mut self, id: ExchangeId, conn: ConnId, head: &ResponseHead) {
        let now = self.now;
        let Some(exchange) = self.exchange_mut(id) else { return };
        if !exchange.upgrade {
            return self.fail(id, Failure::UnaskedSwitch);
        }
        exchange.outcome.status = Some(101);
        exchange.outcome.streamed = true;
        exchange.outcome.marks.responded = Some(now);
        exchange.stage = Stage::Tunnel { link: conn, client_done: false, upstream_done: false };
        let client = exchange.session;
        self.with_session_of(id, |session| session.switch(head));
        self.advance_client(client);
    }

    pub(super) fn on_server_took(&mut self, conn: ConnId, n: usize) {
        let now = self.now;
        let Some(link) = self.link_mut(conn) else { return };
        link.outbox.wrote(n, now);
        let is_sent = link.is_request_sent();
        let Some(id) = link.exchange() else { return };
        let Some(exchange) = self.exchange_mut(id) else { return };
        if n > 0 {
            exchange.moved = now;
        }
        if is_sent {
            exchange.outcome.marks.sent.get_or_insert(now);
        }
        let (session, is_tunnel) = (exchange.session, exchange.is_tunnel());
        self.touch(session);
        if is_tunnel {
            self.end_tunnel_if_done(id);
        }
    }

    pub(super) fn on_server_eof(&mut self, conn: ConnId) {
        let Some(link) = self.link_mut(conn) else { return };
        if matches!(link.state, State::Idle { .. }) {
            return self.drop_idle(conn);
        }
        let fin = link.on_fin();
        let Some(id) = link.exchange() else { return };
        match fin {
            Fin::Whole => {
                let then = self.with_session_of(id, |session| session.finish(None));
                if let Some(then) = then {
                    self.complete(id, then);
                }
            }
            Fin::HalfClose => self.on_server_half_close(id),
            Fin::Truncated => {
                self.actions.push_back(Action::Close { conn, how: Close::Graceful });
                self.on_lost(conn, Failure::UpstreamClosedEarly);
            }
        }
    }

    fn on_server_half_close(&mut self, id: ExchangeId) {
        let Some(exchange) = self.exchange_mut(id) else { return };
        if let Stage::Tunnel { upstream_done, .. } = &mut exchange.stage {
            *upstream_done = true;
        }
        self.with_session_of(id, |session| {
            if let SessionState::Exchange(serving) = &mut session.state {
                serving.response = Responding::Raw { fin: true };
            }
        });
        self.end_tunnel_if_done(id);
    }

    /// Both halves of a tunnel are over and everything is written.
    pub(super) fn end_tunnel_if_done(&mut self, id: ExchangeId) {
        let Some(exchange) = self.exchange(id) else { return };
        let Stage::Tunnel { link, client_done: true, upstream_done: true } = exchange.stage else { return };
        let is_empty = |conn| match self.side(conn) {
            Some(Side::Downstream(session)) => session.outbox.is_empty(),
            Some(Side::Upstream(link)) => link.outbox.is_empty(),
            None => true,
        };
        if is_empty(exchange.session) && is_empty(link) {
            self.close_tunnel(id);
        }
    }

    pub(super) fn on_server_failed(&mut self, conn: ConnId, error: NetError) {
        let Some(link) = self.link(conn) else { return };
        match &link.state {
            State::Idle { .. } => {
                self.upstreams.unpark(link.endpoint, conn);
                self.bury(conn);
            }
            State::Connecting(_) => self.on_connect_failed(conn, error),
            State::Leased(_) => self.on_lost(conn, Failure::UpstreamReset),
        }
    }

    /// An upstream connection with a request on it is gone.
    fn on_lost(&mut self, conn: ConnId, failure: Failure) {
        let Some(Side::Upstream(mut link)) = self.bury(conn) else { return };
        let Some(id) = link.exchange() else { return };
        if !self.replay_stale(&mut link) {
            self.fail(id, failure);
        }
    }
}
