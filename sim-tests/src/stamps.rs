//! When what happened last on each of the proxy's connections: enough to tell from outside when its timers are due.

use crate::time::Nanos;
use proxy_core::NetError;

/// One connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    /// Accepted, or asked for.
    pub(crate) opened: Nanos,
    /// It stood.
    pub(crate) stood: Option<Nanos>,
    /// The proxy took octets from it.
    pub(crate) heard: Nanos,
    /// Its kernel took octets from the proxy.
    pub(crate) took: Nanos,
    /// The proxy sent FIN.
    pub(crate) shut: Option<Nanos>,
    /// What the server said to it while it was idle came in.
    pub(crate) grumbled: Nanos,
    /// It was closed.
    pub(crate) closed: Option<Nanos>,
    /// It could not be made, or its socket said that it is dead.
    pub(crate) died: Option<(NetError, Nanos)>,
    /// To which of the script's endpoints it leads.
    pub(crate) endpoint: usize,
}

impl Stamps {
    /// When octets last moved.
    pub(crate) fn moved(&self) -> Nanos {
        self.heard.max(self.took).max(self.stood.unwrap_or(0))
    }
}

/// When how many octets had moved on a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// To the proxy.
    pub(crate) taken: Course,
    /// From the proxy.
    pub(crate) given: Course,
    /// The proxy was told of FIN.
    pub(crate) ended: Option<Nanos>,
}

/// How one direction of a connection went on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course(Vec<(usize, Nanos)>);

impl Course {
    /// So many octets moved.
    pub(crate) fn add(&mut self, octets: usize, now: Nanos) {
        let all = self.total() + octets;
        match self.0.last_mut() {
            Some(last) if last.1 == now => last.0 = all,
            _ => self.0.push((all, now)),
        }
    }

    /// Octets that moved in all.
    pub(crate) fn total(&self) -> usize {
        self.0.last().map_or(0, |(all, _)| *all)
    }

    /// When octets last moved before a moment.
    pub(crate) fn last_before(&self, moment: Nanos) -> Option<Nanos> {
        let at = self.0.partition_point(|(_, at)| *at < moment);
        self.0[..at].last().map(|(_, at)| *at)
    }

    /// When this many had moved; `None`: they never had.
    pub(crate) fn reached(&self, octets: usize) -> Option<Nanos> {
        let at = self.0.partition_point(|(all, _)| *all < octets);
        self.0.get(at).map(|(_, at)| *at)
    }
}

/// All connections that there ever were.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// By the number of the client.
    pub(crate) clients: Vec<Stamps>,
    /// In the order in which the proxy asked for them.
    pub(crate) servers: Vec<Stamps>,
    /// By the number of the client.
    pub(crate) client_histories: Vec<History>,
    /// In the order in which the proxy asked for them.
    pub(crate) server_histories: Vec<History>,
}

impl Clocks {
    /// Those of a client.
    pub(crate) fn client(&self, index: usize) -> Stamps {
        self.clients.get(index).copied().unwrap_or_default()
    }

    /// The history of a client's connection.
    pub(crate) fn client_history(&self, index: usize) -> Option<&History> {
        self.client_histories.get(index)
    }

    /// The connections to an endpoint that were closed at this moment, and were there when an attempt began.
    pub(crate) fn closed_at(&self, at: Nanos, endpoint: usize, began: Nanos) -> Vec<Stamps> {
        let fits = |stamps: &&Stamps| {
            stamps.closed == Some(at) && stamps.endpoint == endpoint && stamps.opened <= began
        };
        self.servers.iter().filter(fits).copied().collect()
    }
}
