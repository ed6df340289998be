//! The queue for connections: as long as its limit allows, not longer, and nobody is refused before.

use super::Facts;
use proxy_core::{AttemptResult, ClusterId, Instant, Outcome, Reason};

impl Facts {
    /// Checks who waited when for a cluster, once everything is over. `max`: how many may wait.
    pub(crate) fn check_queue(&mut self, cluster: ClusterId, max: u32) {
        let outcomes = self.all().filter_map(|told| told.outcome.as_ref());
        let outcomes = outcomes
            .filter(|outcome| outcome.cluster().is_some_and(|told| told.id == cluster))
            .collect::<Vec<_>>();
        let waits = outcomes.iter().map(|outcome| wait_of(outcome)).collect::<Vec<_>>();
        let mut complaints = Vec::new();
        for (begins, _) in waits.iter().filter(|(begins, ends)| begins < ends) {
            let waiting = waits.iter().filter(|(from, to)| from <= begins && begins < to).count();
            if waiting > max as usize {
                complaints.push(format!("{waiting} waited in a queue for {max}"));
            }
        }
        // One that was taken back from a connection waits again, and nobody says for how long.
        let tells_all = !outcomes.iter().any(|outcome| is_retried(outcome));
        for (outcome, (_, at)) in outcomes.iter().zip(&waits) {
            // Who came at that very moment may have waited for no time at all; the refused one did not.
            let others = outcomes.iter().zip(&waits).filter(|(other, _)| other.reason != Reason::QueueFull);
            let waiting = others.filter(|(_, (from, to))| from <= at && at <= to).count();
            if tells_all && outcome.reason == Reason::QueueFull && waiting < max as usize {
                complaints.push(format!("only {waiting} waited in a queue for {max} that was called full"));
            }
        }
        let (applied, overtaken) = overtaken(&outcomes, &waits);
        complaints.extend(overtaken);
        *self.applied.entry("the queue is first in, first out").or_default() += applied;
        complaints.into_iter().for_each(|complaint| self.violate(complaint));
    }
}

/// Who waits for his first connection may have any: nobody who came later has one before him.
fn overtaken(outcomes: &[&Outcome], waits: &[(Instant, Instant)]) -> (u64, Vec<String>) {
    let mut complaints = Vec::new();
    let mut applied = 0;
    for (at, (begins, ends)) in waits.iter().enumerate().filter(|(_, (begins, ends))| begins < ends) {
        let served = outcomes.iter().zip(waits).filter(|(outcome, _)| !outcome.attempts.is_empty());
        applied += 1;
        for (other, (from, to)) in served {
            if begins < from && to < ends {
                complaints.push(format!("{:?} was overtaken in the queue by {other:?}", outcomes[at]));
            }
        }
    }
    (applied, complaints)
}

/// From when to when it waited for its first connection.
fn wait_of(outcome: &Outcome) -> (Instant, Instant) {
    let begins = outcome.started.after(outcome.times().head);
    (begins, begins.after(outcome.times().queue))
}

fn is_retried(outcome: &Outcome) -> bool {
    let again = |result| matches!(result, AttemptResult::Stale | AttemptResult::ConnectFailed(_));
    outcome.attempts.iter().any(|attempt| again(attempt.result))
}
