//! No octet gets lost on its way through the proxy, nor comes from nowhere: after every input, what was read of a body
//! whose framing is kept, and of a tunnel, is what was written of it and what is held of it.

use super::World;
use crate::origin::Flow;
use crate::script::Script;
use crate::time::MS;
use crate::wording;
use proxy_core::{ConnId, Input};

/// What there is of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    read: usize,
    written: usize,
    /// To be written.
    waiting: usize,
    /// Not understood yet, with what follows the message.
    unread: usize,
}

impl World {
    /// Counts what an input says of a connection.
    pub(crate) fn count_octets(&mut self, input: &Input) {
        let (conn, taken, given) = match input {
            Input::Data { conn, bytes } => (*conn, bytes.len(), 0),
            Input::Piped { conn, n } => (*conn, *n as usize, 0),
            Input::Wrote { conn, n } => (*conn, 0, *n as usize),
            _ => return,
        };
        if let Some(socket) = self.socket(conn) {
            socket.taken += taken;
            socket.given += given;
        }
    }

    /// Checks both directions of the exchange that a connection has to do with.
    pub(crate) fn check_octets(&mut self, conn: ConnId) {
        let Some((flow, person, link)) = self.flow_of(conn) else { return };
        let complaints =
            [self.request_counted(flow, person, link), self.response_counted(flow, person, link)];
        for counted in complaints.into_iter().flatten() {
            if counted.read != counted.written + counted.waiting + counted.unread {
                self.facts.violate(format!("octets of {} are lost or made up: {counted:?}", flow.id));
            }
        }
    }

    /// The exchange that goes over a connection, with its client's connection and its server's.
    fn flow_of(&self, conn: ConnId) -> Option<(Flow, ConnId, ConnId)> {
        let socket = self.sockets.get(conn.index())?.as_ref().filter(|socket| socket.conn == conn)?;
        let index = if socket.is_client() { *self.carriers.get(socket.number)? } else { socket.number };
        let origin = self.origins.get(index)?.as_ref()?;
        let flow = origin.flow()?;
        let person = self.wire_of_client(Script::client_of(flow.id))?;
        Some((flow, self.ends[person]?, self.ends[origin.wire]?))
    }

    fn request_counted(&self, flow: Flow, person: ConnId, link: ConnId) -> Option<Counted> {
        if !wording::keeps_request(&self.script, flow.id) {
            return None;
        }
        let asked = self.client_of(flow.id)?.content_of_request(flow.id)?;
        let (from, to) = (self.octets_of(person)?, self.octets_of(link)?);
        if flow.is_answered(to.0) && !wording::switches(&self.script, flow.id) {
            // The connection may serve somebody else, even if the origin has not read all of this request yet.
            return None;
        }
        Some(Counted {
            read: from.0.checked_sub(asked)?,
            written: to.1.checked_sub(flow.asked)?,
            waiting: self.waiting(link),
            unread: self.unread(person),
        })
    }

    fn response_counted(&self, flow: Flow, person: ConnId, link: ConnId) -> Option<Counted> {
        if !wording::keeps_response(&self.script, flow.id) {
            return None;
        }
        let received = self.client_of(flow.id)?.content_of_response(flow.id)?;
        let (from, to) = (self.octets_of(link)?, self.octets_of(person)?);
        // From then on the connection may hold another's request, to send it again.
        let unread = if flow.is_answered(from.0) { 0 } else { self.unread(link) };
        Some(Counted {
            read: from.0.min(flow.ends?).checked_sub(flow.answered?)?,
            written: to.1.checked_sub(received)?,
            waiting: self.waiting(person),
            unread,
        })
    }

    /// Octets that were ever read from a connection, and written to it.
    fn octets_of(&self, conn: ConnId) -> Option<(usize, usize)> {
        self.sockets.get(conn.index())?.as_ref().map(|socket| (socket.taken, socket.given))
    }

    fn waiting(&self, conn: ConnId) -> usize {
        let piped =
            self.sockets.get(conn.index()).and_then(Option::as_ref).map_or(0, |socket| socket.pipe.len());
        piped + self.core.egress(conn).map(<[u8]>::len).sum::<usize>()
    }

    fn unread(&self, conn: ConnId) -> usize {
        self.core.held(conn).saturating_sub(self.waiting(conn))
    }

    /// An origin serves the request of some client.
    pub(crate) fn note_carrier(&mut self, index: usize) {
        let Some(flow) = self.origins.get(index).and_then(Option::as_ref).and_then(|origin| origin.flow())
        else {
            return;
        };
        let client = Script::client_of(flow.id);
        if self.carriers.len() <= client {
            self.carriers.resize(client + 1, usize::MAX);
        }
        self.carriers[client] = index;
    }

    /// Reading is paused only for a cause: there is a reader that has not taken everything yet, or enough is held.
    /// Whoever waits in the pool is listened to.
    pub(crate) fn check_pause(&mut self, conn: ConnId) {
        let Some(socket) = self.socket(conn) else { return };
        let (is_client, is_heard) = (socket.is_client(), socket.is_heard);
        let is_let_in = is_heard || self.script.limits.clients == 0;
        let is_full = self.core.held(conn) >= self.core.config().limits.head_bytes as usize;
        let has_cause = self.sockets.iter().flatten().any(|other| {
            other.is_client() != is_client
                && (self.is_unmade(other.conn)
                    || self.core.interest(other.conn).is_some_and(|interest| interest.write))
        });
        let is_excused = is_client && (is_full || !is_let_in);
        if !has_cause && !is_excused {
            let at = self.now / MS;
            self.facts.violate(format!("{conn:?} is not listened to at {at} ms, and nobody is slow"));
        }
    }
}
