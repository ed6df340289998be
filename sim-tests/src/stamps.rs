//! When what happened last on each of the proxy's connections: enough to tell from outside when its timers are due.

use crate::driver::Socket;
use crate::time::Nanos;
use crate::world::World;
use proxy_core::Input;

/// One connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    /// Accepted, or asked for.
    pub(crate) opened: Nanos,
    /// It stood.
    pub(crate) stood: Nanos,
    /// The proxy took octets from it.
    pub(crate) heard: Nanos,
    /// Its kernel took octets from the proxy.
    pub(crate) took: Nanos,
    /// The proxy sent FIN.
    pub(crate) shut: Option<Nanos>,
    /// What the server said to it while it was idle came in.
    pub(crate) grumbled: Nanos,
    /// It was closed.
    pub(crate) closed: Nanos,
    /// To which of the script's endpoints it leads.
    pub(crate) endpoint: usize,
}

impl Stamps {
    /// When octets last moved.
    pub(crate) fn moved(&self) -> Nanos {
        self.heard.max(self.took).max(self.stood)
    }
}

/// All connections that there ever were.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// By the number of the client.
    pub(crate) clients: Vec<Stamps>,
    /// In the order in which the proxy asked for them.
    pub(crate) servers: Vec<Stamps>,
}

impl Clocks {
    /// Those of a client.
    pub(crate) fn client(&self, index: usize) -> Stamps {
        self.clients.get(index).copied().unwrap_or_default()
    }

    /// The connections to an endpoint that were closed at this moment, and were there when an attempt began.
    pub(crate) fn closed_at(&self, at: Nanos, endpoint: usize, began: Nanos) -> Vec<Stamps> {
        let fits =
            |stamps: &&Stamps| stamps.closed == at && stamps.endpoint == endpoint && stamps.opened <= began;
        self.servers.iter().filter(fits).copied().collect()
    }
}

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
