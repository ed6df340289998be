//! When what happened last on each of the proxy's connections: enough to tell from outside when its timers are due.

use crate::time::Nanos;

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
