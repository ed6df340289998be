//! Limits that count for the whole process: how many units are free, and which worker is next. Shared by all workers;
//! who wants a unit for what it does not know.

use proxy_core::{Config, Permit};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every process-wide limit of a configuration.
#[derive(Debug)]
pub(crate) struct Permits {
    client: Option<Gate>,
    endpoints: Vec<Option<Gate>>,
}

impl Permits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            client: config.limits.client_connections.map(Gate::new),
            endpoints: config
                .endpoints()
                .map(|(_, endpoint)| endpoint.max_connections.map(Gate::new))
                .collect(),
        }
    }

    /// Takes a unit for `worker`; if none is free, puts it at the end of the line and answers false.
    pub(crate) fn acquire(&self, permit: Permit, worker: usize) -> bool {
        self.gate(permit).is_none_or(|gate| gate.acquire(worker))
    }

    /// Gives a unit back. If a worker waits for it, the unit is that worker's: `grant` must tell it.
    pub(crate) fn release(&self, permit: Permit, grant: impl FnOnce(Grant)) {
        if let Some(gate) = self.gate(permit) {
            gate.release(grant);
        }
    }

    /// Takes `worker` out of every line. No `grant` names it afterwards.
    pub(crate) fn leave(&self, worker: usize) {
        self.client.iter().chain(self.endpoints.iter().flatten()).for_each(|gate| gate.leave(worker));
    }

    /// `None`: there is no such limit.
    fn gate(&self, permit: Permit) -> Option<&Gate> {
        match permit {
            Permit::Client => self.client.as_ref(),
            Permit::Endpoint(id) => self.endpoints.get(id.index())?.as_ref(),
        }
    }
}

/// Whose a released unit is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) worker: usize,
    /// Another worker still waits.
    pub(crate) others_wait: bool,
}

/// One limit. It is asked once per connection and not per request: a lock costs nothing that could be measured.
#[derive(Debug)]
struct Gate(Mutex<Units>);

/// A unit is free only while nobody waits, so nobody overtakes.
#[derive(Debug)]
struct Units {
    free: u32,
    /// Whose turn is next. A worker stands here once for each unit it waits for.
    line: VecDeque<usize>,
}

impl Gate {
    const fn new(limit: u32) -> Self {
        Self(Mutex::new(Units { free: limit, line: VecDeque::new() }))
    }

    fn acquire(&self, worker: usize) -> bool {
        let mut units = self.lock();
        match units.free.checked_sub(1) {
            Some(free) => {
                units.free = free;
                true
            }
            None => {
                units.line.push_back(worker);
                false
            }
        }
    }

    fn release(&self, grant: impl FnOnce(Grant)) {
        let mut units = self.lock();
        match units.line.pop_front() {
            // Under the lock, so that a worker which leaves knows that it has been told of every unit.
            Some(worker) => {
                grant(Grant { worker, others_wait: units.line.iter().any(|other| *other != worker) });
            }
            None => units.free += 1,
        }
    }

    fn leave(&self, worker: usize) {
        self.lock().line.retain(|waiting| *waiting != worker);
    }

    fn lock(&self) -> MutexGuard<'_, Units> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
