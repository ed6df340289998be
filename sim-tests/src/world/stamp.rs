//! Notes when octets move on each of the proxy's connections.

use super::World;
use super::driver::Socket;
use crate::stamps::Stamps;
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

    /// Notes what an input says.
    pub(crate) fn stamp(&mut self, input: &Input) {
        let (Input::Data { conn, .. }
        | Input::Piped { conn, n: 1.. }
        | Input::Wrote { conn, n: 1.. }
        | Input::Connected { conn }) = input
        else {
            return;
        };
        let now = self.now;
        let Some(socket) = self.sockets.get(conn.index()).and_then(Option::as_ref) else { return };
        if socket.conn != *conn {
            return;
        }
        let stamps = self.stamps(socket.name());
        match input {
            Input::Data { .. } | Input::Piped { .. } => stamps.heard = now,
            Input::Wrote { .. } => stamps.took = now,
            _ => stamps.stood = now,
        }
    }
}

impl Socket {
    /// Which connection it is.
    pub(crate) const fn name(&self) -> (bool, usize) {
        (self.is_client(), self.number)
    }
}
