//! Memory to use again: what one request leaves, the next one takes. Says nothing of what happens.

use crate::exchange::summarise;
use crate::http::{Field, RequestHead};
use crate::outbox::{Outbox, Queue};
use crate::record::{Origin, Outcome};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What is free just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare {
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    queues: Vec<Box<Queue>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    outcomes: Vec<Box<Outcome>>,
    /// For the lines of the head that is being read.
    pub(crate) lines: Vec<Field>,
}

/// Most that is kept of a kind: enough for the requests that are under way at a time in a busy worker. In all at most
/// 700 KiB, usually half of it.
const KEPT_MAX: usize = 128;

impl Spare {
    /// Gives an outbox that will be written to a queue, if it has none and there is one.
    pub(crate) fn lend(&mut self, outbox: &mut Outbox) {
        outbox.lend(|| self.queues.pop());
    }

    /// Takes an outbox's queue if there is nothing in it: who is idle holds none.
    pub(crate) fn collect(&mut self, outbox: &mut Outbox) {
        if let Some(queue) = outbox.give_back()
            && queue.is_small()
            && self.queues.len() < KEPT_MAX
        {
            self.queues.push(queue);
        }
    }

    /// The explanation of a request, as far as it is known when its head was read or given up.
    pub(crate) fn outcome(&mut self, origin: Origin, id: u64, head: Option<&RequestHead>) -> Box<Outcome> {
        let mut outcome = match self.outcomes.pop() {
            Some(mut outcome) => {
                outcome.renew(origin);
                outcome
            }
            None => Box::new(Outcome::new(origin)),
        };
        outcome.id = id;
        match head {
            Some(head) => summarise(head, outcome.request.get_or_insert_default()),
            None => outcome.request = None,
        }
        outcome
    }

    /// Takes an outcome that nobody needs any more.
    pub(crate) fn recycle(&mut self, outcome: Box<Outcome>) {
        if outcome.is_small() && self.outcomes.len() < KEPT_MAX {
            self.outcomes.push(outcome);
        }
    }
}
