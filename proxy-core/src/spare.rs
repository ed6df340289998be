//! Memory to use again: what one request leaves, the next one takes. Says nothing of what happens.

use crate::exchange::{Ending, Exchange, Scratch};
use crate::http::Field;
use crate::outbox::{Outbox, Queue};
use crate::record::Outcome;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

/// What is free just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare {
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    queues: Vec<Box<Queue>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    outcomes: Vec<Box<Outcome>>,
    scratches: Vec<Scratch>,
    /// For the field lines of the head that is being read.
    pub(crate) lines: Vec<Field>,
}

/// The most that is kept of each kind: enough for the requests that a busy worker has under way at a time. In all at
/// most 700 KiB, usually half of it.
const KEPT_MAX: usize = 128;

impl Spare {
    /// Gives a queue to an outbox that will be written to, if it has none and there is one.
    pub(crate) fn lend(&mut self, outbox: &mut Outbox) {
        outbox.lend(|| self.queues.pop());
    }

    /// Takes an outbox's queue if there is nothing in it: an idle connection holds none.
    pub(crate) fn collect(&mut self, outbox: &mut Outbox) {
        if let Some(queue) = outbox.give_back()
            && queue.is_small()
            && self.queues.len() < KEPT_MAX
        {
            self.queues.push(queue);
        }
    }

    /// Memory for an exchange.
    pub(crate) fn scratch(&mut self) -> Scratch {
        self.scratches.pop().unwrap_or_default()
    }

    /// The explanation of an exchange that is over.
    pub(crate) fn explain(&mut self, exchange: Exchange, ending: Ending, ended: Instant) -> Box<Outcome> {
        match self.outcomes.pop() {
            Some(mut outcome) => {
                *outcome = exchange.explain(ending, ended);
                outcome
            }
            None => Box::new(exchange.explain(ending, ended)),
        }
    }

    /// Takes back an outcome that nobody needs any more.
    pub(crate) fn recycle(&mut self, mut outcome: Box<Outcome>) {
        if outcome.is_small() && self.outcomes.len() < KEPT_MAX {
            let mut attempts = mem::take(&mut outcome.attempts);
            attempts.clear();
            self.scratches.push(Scratch { summary: outcome.request.take().unwrap_or_default(), attempts });
            self.outcomes.push(outcome);
        }
    }
}
