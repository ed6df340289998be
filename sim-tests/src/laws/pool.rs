//! The pool: which connections are kept behind an answer, which are closed and why, and which one is used.

use super::{Account, Facts};
use crate::faults::Fault;
use crate::model::limits::limit;
use crate::script::{AnswerEnd, Script};
use crate::stamps::Clocks;
use crate::time::{MS, Nanos};
use crate::wording;
use proxy_core::Reason;
use std::collections::BTreeMap;

/// A connection's use for one request whose answer was whole.
#[derive(Clone, Copy, Debug)]
struct Use {
    id: u32,
    began: Nanos,
    /// The answer was whole.
    ended: Nanos,
    /// On no pooled one.
    is_fresh: bool,
}

/// Faults in which connections end, or are used, in ways that are not seen from outside.
const HIDDEN: [Fault; 8] = [
    Fault::StaleConnections,
    Fault::Flapping,
    Fault::Nonsense,
    Fault::Truncation,
    Fault::EarlyAnswers,
    Fault::Aborts,
    Fault::Limits,
    Fault::Descriptors,
];

impl Facts {
    /// Checks what became of each connection behind each answer, once the world is at rest.
    pub(super) fn check_pool(&mut self, clocks: &Clocks) {
        let mut uses = BTreeMap::<usize, Vec<Use>>::new();
        let mut is_all_seen = !self.has(&HIDDEN);
        for (index, person) in self.people.iter().enumerate() {
            for (k, told) in (0..).zip(&person.requests) {
                let Some(outcome) = &told.outcome else { continue };
                let carried =
                    told.carried.filter(|_| outcome.reason == Reason::Ok && outcome.status != Some(101));
                let (Some(carried), Some(last)) = (carried, outcome.attempts.last()) else {
                    is_all_seen &= outcome.attempts.is_empty();
                    continue;
                };
                let (began, ended) = (last.started.as_nanos(), outcome.marks.answered.as_nanos());
                let id = Script::id(index, k);
                let is_fresh = outcome.attempts.len() == 1 && !last.reused;
                uses.entry(carried.number).or_default().push(Use { id, began, ended, is_fresh });
                is_all_seen &= outcome.attempts.len() == 1;
            }
        }
        self.check_kept(&uses, clocks);
        if is_all_seen {
            self.check_choice(&uses, clocks);
        }
    }

    fn has(&self, faults: &[Fault]) -> bool {
        faults.iter().any(|fault| self.script.faults.contains(fault))
    }

    /// Whether each was kept exactly if both sides had said so and nothing was left over.
    fn check_kept(&mut self, uses: &BTreeMap<usize, Vec<Use>>, clocks: &Clocks) {
        for (number, uses) in uses {
            let Some(stamps) = clocks.servers.get(*number) else { continue };
            for Use { id, ended, .. } in uses {
                let was_closed =
                    stamps.closed == Some(*ended) || stamps.died.is_some_and(|(_, at)| at <= *ended);
                if self.may_keep(*id, *ended, *number, clocks) {
                    self.applied("a connection that may be kept is kept");
                    if was_closed && !self.is_used_again(*id, *ended) {
                        self.violate(format!("the server's connection was closed behind {id} without need"));
                    }
                } else if self.must_close(*id) {
                    self.applied("a connection that the server ends is closed");
                    if !was_closed {
                        self.violate(format!(
                            "the server's connection was kept behind {id}, and was to close"
                        ));
                    }
                }
            }
        }
    }

    /// Whether a pooled connection was used at the moment at which this request's came into the pool, and by whom it ended
    /// is not known.
    fn is_used_again(&self, id: u32, ended: Nanos) -> bool {
        let endpoint = |told: &Account| told.outcome.as_ref()?.attempts.last().map(|last| last.endpoint.id);
        let own = self.known(id).and_then(endpoint);
        let attempts =
            self.all().filter_map(|told| told.outcome.as_ref()).flat_map(|outcome| &outcome.attempts);
        let mut reused = attempts.filter(|attempt| attempt.reused && Some(attempt.endpoint.id) == own);
        reused.any(|attempt| attempt.started.as_nanos() == ended)
    }

    fn must_close(&self, id: u32) -> bool {
        let answer = self.script.answer(id);
        let is_whole = answer.end == AnswerEnd::Whole || answer.end == AnswerEnd::OverLong;
        answer.raw == 0 && is_whole && wording::ends_connection(&self.script, id)
    }

    /// Whether nothing speaks against keeping a connection behind an answer.
    fn may_keep(&self, id: u32, ended: Nanos, number: usize, clocks: &Clocks) -> bool {
        let (script, answer) = (&self.script, self.script.answer(id));
        let order = script.drain_at.map(|at| Nanos::from(at) * MS);
        let told = self.known(id).and_then(|told| told.carried);
        let history = clocks.server_histories.get(number);
        let sent = told.and_then(|carried| history?.given.reached(carried.to?));
        let hint = clocks.servers.get(number).map_or(0, |stamps| script.endpoint(stamps.endpoint).hint);
        let lives = hint != 1 && limit(script, "upstream.keepalive").is_none_or(|limit| limit > 0);
        // The server's FIN may come with the answer, and another worker may want the slot.
        let is_quiet = !self.has(&[Fault::StaleConnections, Fault::Flapping, Fault::Limits]);
        answer.raw == 0
            && script.request(id).raw == 0
            && answer.end == AnswerEnd::Whole
            && !wording::ends_connection(script, id)
            && sent.is_some_and(|at| at < ended)
            && order.is_none_or(|order| ended < order)
            && lives
            && is_quiet
    }

    /// Whether the one used last was used first, and none was made beside an idle one.
    fn check_choice(&mut self, uses: &BTreeMap<usize, Vec<Use>>, clocks: &Clocks) {
        let endpoint = |number: usize| clocks.servers.get(number).map(|stamps| stamps.endpoint);
        let closed = |number: usize| clocks.servers.get(number).and_then(|stamps| stamps.closed);
        // Since when a connection idled at a moment; not at the very moment of a change.
        let idled = |number: usize, at: Nanos| {
            let list = uses.get(&number)?;
            let before =
                list.iter().filter(|one| one.began <= at).max_by_key(|one| (one.began, one.ended))?;
            let is_idle = before.ended < at && closed(number).is_none_or(|closed| closed > at);
            is_idle.then_some(before.ended)
        };
        let mut complaints = Vec::new();
        let mut applied = [0, 0];
        for (number, list) in uses {
            for one in list {
                let siblings =
                    uses.keys().filter(|other| *other != number && endpoint(**other) == endpoint(*number));
                let idle = siblings.filter_map(|other| idled(*other, one.began)).max();
                let own =
                    list.iter().filter(|before| before.began < one.began).map(|before| before.ended).max();
                match (one.is_fresh, own, idle) {
                    (true, None, idle) => {
                        applied[0] += 1;
                        if idle.is_some() {
                            complaints
                                .push(format!("a connection was made for {} beside an idle one", one.id));
                        }
                    }
                    (false, Some(own), Some(idle)) => {
                        applied[1] += 1;
                        if own < idle {
                            complaints.push(format!("{} has not the connection that was used last", one.id));
                        }
                    }
                    _ => {}
                }
            }
        }
        *self.applied.entry("no connection is made beside an idle one").or_default() += applied[0];
        *self.applied.entry("the connection that was used last is used first").or_default() += applied[1];
        complaints.into_iter().for_each(|complaint| self.violate(complaint));
    }
}
