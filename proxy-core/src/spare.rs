//! Memory to use again: what one request leaves, the next one takes. Says nothing of what happens.

use crate::exchange::{Asked, Ending, Exchange};
use crate::http::Field;
use crate::outbox::{Outbox, Queue};
use crate::record::Outcome;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is free just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare {
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    queues: Vec<Box<Queue>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    outcomes: Vec<Box<Outcome>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is handed around")]
    exchanges: Vec<Box<Exchange>>,
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
    #[inline]
    pub(crate) fn collect(&mut self, outbox: &mut Outbox) {
        if outbox.is_wasteful() {
            self.keep(outbox.give_back());
        }
    }

    fn keep(&mut self, queue: Option<Box<Queue>>) {
        if let Some(queue) = queue
            && queue.is_small()
            && self.queues.len() < KEPT_MAX
        {
            self.queues.push(queue);
        }
    }

    /// A new exchange.
    pub(crate) fn exchange(&mut self, asked: Asked<'_>, now: Instant) -> Box<Exchange> {
        match self.exchanges.pop() {
            Some(mut exchange) => {
                exchange.renew(asked, now);
                exchange
            }
            None => Box::new(Exchange::new(asked, now)),
        }
    }

    /// The explanation of an exchange that is over.
    pub(crate) fn explain(
        &mut self,
        mut exchange: Box<Exchange>,
        ending: Ending,
        ended: Instant,
    ) -> Box<Outcome> {
        let mut outcome = self.outcomes.pop().unwrap_or_else(|| blank(&exchange));
        exchange.explain(ending, ended, &mut outcome);
        // What was to be sent again may pin a read buffer.
        exchange.held = None;
        if self.exchanges.len() < KEPT_MAX {
            self.exchanges.push(exchange);
        }
        outcome
    }

    /// Takes back an outcome that nobody needs any more.
    pub(crate) fn recycle(&mut self, outcome: Box<Outcome>) {
        if outcome.is_small() && self.outcomes.len() < KEPT_MAX {
            self.outcomes.push(outcome);
        }
    }
}

#[cold]
fn blank(exchange: &Exchange) -> Box<Outcome> {
    Box::new(Outcome::blank(exchange.origin.clone(), Arc::clone(&exchange.rules)))
}
