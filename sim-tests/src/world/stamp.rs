//! Notes when octets move on each of the proxy's connections.

use super::World;
use super::driver::Socket;
use crate::stamps::{History, Stamps};
use proxy_core::Input;

impl World {
    /// The stamps of a connection.
    pub(crate) fn stamps(&mut self, socket: (bool, usize)) -> &mut Stamps {
        let (is_client, number) = socket;
        let list = if is_client { &mut self.clocks.clients } else { &mut self.clocks.servers };
        if list.len() <= number {
            list.resize_with(number + 1, Stamps::default);
        }
        &mut list[number]
    }

    fn history(&mut self, (is_client, number): (bool, usize)) -> &mut History {
        let list =
            if is_client { &mut self.clocks.client_histories } else { &mut self.clocks.server_histories };
        if list.len() <= number {
            list.resize_with(number + 1, History::default);
        }
        &mut list[number]
    }

    /// Notes what an input says.
    pub(crate) fn stamp(&mut self, input: &Input) {
        let (Input::Data { conn, .. }
        | Input::Piped { conn, .. }
        | Input::Wrote { conn, .. }
        | Input::Eof { conn }
        | Input::Connected { conn }) = input
        else {
            return;
        };
        let now = self.now;
        let Some(socket) = self.sockets.get(conn.index()).and_then(Option::as_ref) else { return };
        if socket.conn != *conn {
            return;
        }
        let name = socket.name();
        match input {
            Input::Data { bytes, .. } => self.stamp_taken(name, bytes.len()),
            Input::Piped { n, .. } => self.stamp_taken(name, *n as usize),
            Input::Wrote { n: 0, .. } => {}
            Input::Wrote { n, .. } => {
                self.stamps(name).took = now;
                self.history(name).given.add(*n as usize, now);
            }
            Input::Eof { .. } => self.history(name).ended = Some(now),
            _ => self.stamps(name).stood = Some(now),
        }
    }

    fn stamp_taken(&mut self, name: (bool, usize), octets: usize) {
        let now = self.now;
        if octets > 0 {
            self.stamps(name).heard = now;
            self.history(name).taken.add(octets, now);
        }
    }
}

impl Socket {
    /// Which connection it is.
    pub(crate) const fn name(&self) -> (bool, usize) {
        (self.is_client(), self.number)
    }
}
