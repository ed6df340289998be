//! What the workers of one process share: their inboxes and the process-wide limits. All that passes between them is
//! an input of the core, so each worker's journal is complete in itself.

use crate::permits::{Grant, Permits};
use crate::ready::Inbox;
use proxy_core::{Config, Input, Permit};
use std::sync::Arc;

/// The workers of one process, as they see each other.
#[derive(Debug)]
pub struct Crew {
    permits: Permits,
    inboxes: Vec<Arc<Inbox>>,
}

impl Crew {
    /// Makes room for `workers` workers under the process-wide limits of `config`.
    pub fn new(config: &Config, workers: usize) -> Arc<Self> {
        let inboxes = (0..workers).map(|_| Arc::default()).collect();
        Arc::new(Self { permits: Permits::new(config), inboxes })
    }

    /// Tells every worker to stop taking work and finish what runs. Telling them twice does no harm.
    pub fn drain(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.post(Input::Drain));
    }

    /// # Panics
    /// If there is no such worker.
    pub(crate) fn inbox(&self, worker: usize) -> Arc<Inbox> {
        Arc::clone(&self.inboxes[worker])
    }

    /// Takes a unit for `worker`. If none is free, answers false, and `Input::Granted` follows when one is.
    pub(crate) fn acquire(&self, permit: Permit, worker: usize) -> bool {
        let is_granted = self.permits.acquire(permit, worker);
        if !is_granted && can_be_idle(permit) {
            self.post_to_others(worker, &Input::Wanted { permit });
        }
        is_granted
    }

    /// Whoever holds a unit while another worker waits knows of it: it held the unit when the other began to wait, or
    /// is told as it is granted one. Otherwise it could keep the unit in an idle connection, and the other starve.
    pub(crate) fn release(&self, permit: Permit) {
        self.permits.release(permit, |Grant { worker, others_wait }| {
            self.post(worker, Input::Granted { permit });
            if others_wait && can_be_idle(permit) {
                self.post(worker, Input::Wanted { permit });
            }
        });
    }

    /// A worker ends: it waits for nothing any more, and what was granted unheard goes back.
    pub(crate) fn leave(&self, worker: usize) {
        self.permits.leave(worker);
        let mut mail = Vec::new();
        if let Some(inbox) = self.inboxes.get(worker) {
            inbox.take(&mut Vec::new(), &mut mail);
        }
        for input in mail {
            if let Input::Granted { permit } = input {
                self.release(permit);
            }
        }
    }

    fn post_to_others(&self, worker: usize, input: &Input) {
        let others = self.inboxes.iter().enumerate().filter(|(other, _)| *other != worker);
        others.for_each(|(_, inbox)| inbox.post(input.clone()));
    }

    fn post(&self, worker: usize, input: Input) {
        if let Some(inbox) = self.inboxes.get(worker) {
            inbox.post(input);
        }
    }
}

/// Only a connection to an endpoint can be idle and yet hold a unit.
fn can_be_idle(permit: Permit) -> bool {
    matches!(permit, Permit::Endpoint(_))
}

#[cfg(test)]
mod tests;
