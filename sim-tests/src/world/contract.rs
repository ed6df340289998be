//! What must hold between the core and whoever drives it, after every input: what the driver can see for itself.

use super::World;
use super::driver::Socket;
use crate::faults::Fault;
use crate::notes;
use crate::setup;
use crate::time::MS;
use proxy_core::{ClusterId, ConnId, EndpointId, Permit};

impl World {
    /// Checks what must hold after each input and its actions.
    pub(crate) fn check_contract(&mut self) {
        let sockets = self.open_sockets;
        if self.core.connections() != sockets {
            self.facts.violate(format!("{} connections live on {sockets} sockets", self.core.connections()));
        }
        if self.drained && sockets > 0 {
            self.facts.violate(format!("{sockets} connections outlived the drain"));
        }
        if self.lender.out() > sockets {
            let out = self.lender.out();
            self.facts.violate(format!("{out} read buffers are pinned for {sockets} sockets"));
        }
        self.check_memory();
        self.check_alarm();
    }

    /// Each client, with the connection that serves it, may have so many octets held for it; an idle connection none.
    fn check_memory(&mut self) {
        let most = self.core.config().limits.connection_bytes_max() * self.open_clients as u64;
        let held = self.core.buffered();
        if held as u64 > most {
            self.facts.violate(format!("{held} octets are held, {most} may be"));
        }
    }

    /// Time runs out late only because ticks come late.
    fn check_alarm(&mut self) {
        self.deadline = self.core.next_deadline();
        let overdue = |at: u64| at + self.slack() + self.grace < self.now;
        if let Some(deadline) = self.deadline.filter(|deadline| overdue(deadline.at.as_nanos())) {
            self.facts.violate(format!("{deadline:?} is overdue at {} ms", self.now / MS));
        }
    }

    /// Checks what must hold once nothing is left to do for an input.
    pub(crate) fn check_settled(&mut self) {
        let most = self.core.config().clusters.first().map_or(0, |cluster| cluster.max_queue);
        let queued = self.core.queued(ClusterId(0));
        if queued > most as usize {
            self.facts.violate(format!("{queued} requests wait in a queue for {most}"));
        }
        self.check_waste();
    }

    /// Nobody waits beside what could serve him, nor does another worker.
    fn check_waste(&mut self) {
        for cluster in 0..self.core.config().clusters.len() {
            let id = ClusterId(u32::try_from(cluster).unwrap_or(u32::MAX));
            if self.core.queued(id) > 0 {
                self.check_queue_is_needed(id);
            }
        }
        let first = setup::endpoints(&self.script).first().copied().unwrap_or(0);
        if self.permits.is_rivals_turn(Permit::Endpoint(EndpointId(0)))
            && let Some(conn) = self.idle_to(first)
        {
            self.facts.violate(format!("{conn:?} is kept idle, and another worker waits for its permit"));
        }
    }

    fn check_queue_is_needed(&mut self, cluster: ClusterId) {
        let has = |fault| self.script.faults.contains(&fault);
        // Who could not reach an endpoint, or met a stale connection, has no use for everything.
        if FAILING.into_iter().any(has) {
            return;
        }
        self.facts.applied("nobody queues beside what could serve him");
        let places = setup::endpoints(&self.script);
        let homes = self.core.config().endpoints().map(|(home, _)| home).collect::<Vec<_>>();
        for (at, place) in places.into_iter().enumerate().filter(|(at, _)| homes.get(*at) == Some(&cluster)) {
            if !self.permits.is_asked(Permit::Endpoint(EndpointId::at(at))) {
                let what = "requests wait, and nobody asked for a permit of endpoint";
                self.facts.violate(format!("{what} {place}"));
            }
            if let Some(conn) = self.idle_to(place) {
                self.facts.violate(format!("requests wait, and {conn:?} to endpoint {place} is idle"));
            }
        }
    }

    /// A connection to an endpoint on which nothing is under way.
    fn idle_to(&self, place: usize) -> Option<ConnId> {
        let is_idle = |socket: &&Socket| {
            // Of a pooled connection one octet is read, to notice that it ends.
            let is_watched =
                self.core.interest(socket.conn).is_some_and(|wanted| wanted.read == 1 && !wanted.write);
            let origin = self.origins.get(socket.number).and_then(Option::as_ref);
            socket.endpoint == Some(place)
                && !self.is_unmade(socket.conn)
                && is_watched
                && origin.is_some_and(|origin| origin.flow().is_none())
        };
        self.sockets.iter().flatten().find(is_idle).map(|socket| socket.conn)
    }

    /// An id must not have been another connection's before.
    pub(crate) fn check_new(&mut self, conn: ConnId) {
        let index = conn.index();
        if self.generations.len() <= index {
            self.generations.resize(index + 1, None);
        }
        let before = self.generations[index].replace(conn.generation());
        if before.is_some_and(|before| before >= conn.generation()) {
            self.facts.violate(format!("{conn:?} was given out twice"));
        }
    }

    /// No more connections to an endpoint than we have permits for, and no new one for whose permit another worker waits.
    pub(crate) fn check_links(&mut self, endpoint: usize, cause: notes::Cause) {
        let places = setup::endpoints(&self.script);
        let Some(place) = places.iter().position(|place| *place == endpoint) else { return };
        let permit = Permit::Endpoint(EndpointId::at(place));
        let Some(owned) = self.permits.ours(permit) else { return };
        if self.permits.is_rivals_turn(permit) && cause != notes::Cause::Granted {
            self.facts
                .violate(format!("a permit for endpoint {endpoint} was used that another worker waits for"));
        }
        let used = self.count(|socket| socket.endpoint == Some(endpoint));
        if used > owned as usize {
            self.facts.violate(format!("{used} connections to endpoint {endpoint} on {owned} permits"));
        }
    }

    /// No more clients are read from than we have permits for.
    pub(crate) fn check_heard(&mut self) {
        let Some(owned) = self.permits.ours(Permit::Client) else { return };
        let heard = self.count(|socket| socket.is_client() && socket.is_heard);
        if heard > owned as usize {
            self.facts.violate(format!("{heard} clients were read from on {owned} permits"));
        }
    }

    fn count(&self, which: impl Fn(&Socket) -> bool) -> usize {
        self.sockets.iter().flatten().filter(|socket| which(socket)).count()
    }
}

/// Faults for which a request may have to wait for a certain connection.
const FAILING: [Fault; 6] = [
    Fault::Connects,
    Fault::Flapping,
    Fault::Descriptors,
    Fault::StaleConnections,
    Fault::Nonsense,
    Fault::Truncation,
];
