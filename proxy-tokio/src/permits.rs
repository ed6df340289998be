//! Limits that count for the whole process: how many units are free, and which worker is next. Shared by all workers;
//! who wants a unit for what it does not know.

use proxy_core::{Config, Permit};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// One limit. A unit is free only while nobody waits, so nobody overtakes.
#[derive(Debug)]
struct Gate {
    /// Free units in the low half, waiting workers in the high half: one exchange sees both. Never are both above 0.
    /// Waiting changes only under the lock of `line`.
    state: AtomicU64,
    /// Whose turn is next. A worker stands here once for each unit it waits for.
    line: Mutex<VecDeque<usize>>,
}

const ONE_FREE: u64 = 1;
const ONE_WAITS: u64 = 1 << 32;

impl Gate {
    fn new(limit: u32) -> Self {
        Self { state: AtomicU64::new(u64::from(limit)), line: Mutex::default() }
    }

    fn acquire(&self, worker: usize) -> bool {
        if self.take() {
            return true;
        }
        let mut line = self.line();
        // What was released meanwhile is in the count, for it is added there until somebody waits. Announcing us and
        // seeing that nothing is free must be one step, or that release would be missed.
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            let (next, taken) =
                if has_free(state) { (state - ONE_FREE, true) } else { (state + ONE_WAITS, false) };
            match self.state.compare_exchange_weak(state, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if taken => return true,
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        line.push_back(worker);
        false
    }

    fn release(&self, grant: impl FnOnce(Grant)) {
        if self.put() {
            return;
        }
        let mut line = self.line();
        match line.pop_front() {
            Some(worker) => {
                self.state.fetch_sub(ONE_WAITS, Ordering::AcqRel);
                // Under the lock, so that a worker which leaves knows that it has been told of every unit.
                grant(Grant { worker, others_wait: line.iter().any(|other| *other != worker) });
            }
            // The last one in the line left in the meantime.
            None => {
                self.state.fetch_add(ONE_FREE, Ordering::AcqRel);
            }
        }
    }

    fn leave(&self, worker: usize) {
        let mut line = self.line();
        let before = line.len();
        line.retain(|waiting| *waiting != worker);
        let left = (before - line.len()) as u64;
        self.state.fetch_sub(left * ONE_WAITS, Ordering::AcqRel);
    }

    /// Takes a free unit, if there is one.
    fn take(&self) -> bool {
        let take = |state| has_free(state).then(|| state - ONE_FREE);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Frees a unit, unless somebody waits for it.
    fn put(&self) -> bool {
        let put = |state| (state < ONE_WAITS).then(|| state + ONE_FREE);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, put).is_ok()
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_free(state: u64) -> bool {
    state & (ONE_WAITS - 1) > 0
}

#[cfg(test)]
mod tests;
