//! Each outcome against what the participants did: reasons, statuses and times must be deserved.

use super::{Facts, Told};
use crate::faults::Fault;
use crate::model::table::row_of;
use crate::model::verdict::Verdict;
use crate::script::{Leave, Pace, Script};
use crate::time::{MS, Nanos, SECOND};
use crate::wording;
use proxy_core::{Outcome, Reason, Timer};

impl Facts {
    /// The core recorded the end of a request. `slack`: by how much its ticks may have been late. Returns which
    /// request it was: those of a connection end in their order.
    pub(crate) fn ended(&mut self, now: Nanos, outcome: &Outcome, client: usize, slack: Nanos) -> u32 {
        if outcome.ended.as_nanos() > now || outcome.started > outcome.ended {
            self.violate(format!("an outcome of the future: {outcome:?}"));
        }
        if let Some(named) = named(outcome).filter(|id| wording::is_known(&self.script, *id))
            && self.told(named).outcome.is_some()
        {
            self.violate(format!("two outcomes of {named}: {outcome:?}"));
        }
        let end = self.client(client);
        let (id, is_over) = (Script::id(client, end.recorded), end.is_over);
        end.recorded += 1;
        if is_over || !wording::is_known(&self.script, id) {
            self.violate(format!("client {client} made no further request: {outcome:?}"));
            return id;
        }
        for complaint in self.complaints_of(id, outcome, slack) {
            self.violate(format!("{id}: {complaint}: {outcome:?}"));
        }
        self.told(id).outcome = Some(outcome.clone());
        id
    }

    fn complaints_of(&mut self, id: u32, outcome: &Outcome, slack: Nanos) -> Vec<&'static str> {
        if outcome.request.is_none() {
            return self.headless_complaints(id, outcome, slack);
        }
        let named = named(outcome);
        if named != Some(id) && (named.is_some() || self.script.raw_request(id).is_none()) {
            return vec!["another request was recorded in its place"];
        }
        self.complaints(id, outcome, slack)
    }

    /// About a request whose head was never understood. None can follow it.
    fn headless_complaints(&mut self, id: u32, outcome: &Outcome, slack: Nanos) -> Vec<&'static str> {
        let client = Script::client_of(id);
        self.client(client).is_over = true;
        let (waited, ended) = (nanos(outcome.times.head), outcome.ended.as_nanos());
        let is_deserved = match outcome.reason {
            Reason::ClientAborted => self.may_leave(client),
            Reason::Timeout(Timer::ClientHead) => {
                within(waited, 10 * SECOND, slack) && is_late(self.told(id).arrived_head, ended)
            }
            Reason::BadRequest | Reason::RequestTooLarge => {
                let verdict = Verdict::on(&self.script, id);
                matches!(verdict, Verdict::Refused(_))
                    && verdict.reason() == outcome.reason.as_str()
                    && verdict.status() == outcome.status
            }
            Reason::Draining => self.script.drain_at.is_some(),
            _ => false,
        };
        if is_deserved { Vec::new() } else { vec!["its client did not deserve that"] }
    }

    /// Whether a client may be gone before its time.
    fn may_leave(&mut self, client: usize) -> bool {
        let end = *self.client(client);
        end.aborted || (end.half_closed && is_careless(&self.script, client))
    }

    fn complaints(&mut self, id: u32, outcome: &Outcome, slack: Nanos) -> Vec<&'static str> {
        let client = Script::client_of(id);
        let may_leave = self.may_leave(client);
        let verdict = match Verdict::on(&self.script, id) {
            // The server was faster.
            Verdict::BadBody if self.script.answer(id).early && outcome.reason != Reason::BadRequest => {
                Verdict::on_answer(&self.script, id)
            }
            verdict => verdict,
        };
        let told = self.told(id).clone();
        let plan = self.script.clients.get(client).cloned().unwrap_or_default();
        let (started, ended) = (outcome.started.as_nanos(), outcome.ended.as_nanos());
        let lasted = ended - started;
        let mut complaints = Vec::new();
        let mut demand = |holds: bool, complaint: &'static str| {
            if !holds {
                complaints.push(complaint);
            }
        };
        // `total` ends with the decision: a reply of ours may still take its time to reach a slow client.
        let is_own = outcome.status.is_some() && outcome.status == self.own_status(id, outcome.reason);
        let flush = match (is_own, plan.reading) {
            (false, _) => 0,
            (true, Pace::Prompt) => SECOND,
            (true, Pace::Drip { .. } | Pace::Stops { .. }) => 600 * SECOND,
        };
        demand(lasted <= 30 * SECOND + slack + flush, "`total` was overrun");
        let has = |fault: Fault| self.script.faults.contains(&fault);
        // A server that read nothing of a body before may not read this request on the same connection either.
        let may_be_deaf = self.script.answers.iter().any(|answer| answer.deaf);
        match outcome.reason {
            Reason::Ok => {
                let status = verdict.status().unwrap_or_else(|| wording::status(&self.script, id));
                demand(outcome.status == Some(status), "another status");
                demand(
                    matches!(verdict, Verdict::Served | Verdict::Answered),
                    "it should not have gone well",
                );
            }
            Reason::Timeout(Timer::Connect) => {
                let took = outcome.attempts.last().map_or(0, |attempt| nanos(attempt.took));
                demand(within(took, SECOND, slack), "`connect` fired at another time");
                demand(has(Fault::Connects), "connecting was not late");
            }
            Reason::Timeout(Timer::Queue) => {
                demand(lasted >= SECOND, "`queue` fired early");
                demand(has(Fault::Limits), "there was no limit to wait for");
            }
            Reason::Timeout(Timer::UpstreamRead) => {
                demand(is_past(told.answered, 15 * SECOND, ended), "`read` fired early");
                demand(is_late(told.answered_whole, ended), "the upstream had answered");
                demand(told.sightings > 0 || may_be_deaf, "the upstream never had the request");
            }
            Reason::Timeout(Timer::UpstreamHead) => {
                let limit = Nanos::from(self.script.limits.head_seconds) * SECOND;
                demand(limit > 0 && lasted >= limit, "`head` fired early");
            }
            Reason::Timeout(Timer::UpstreamWrite) => {
                demand(lasted >= 15 * SECOND, "`write` fired early");
                demand(may_be_deaf, "the upstream was reading");
            }
            Reason::Timeout(Timer::Total) => demand(lasted >= 30 * SECOND, "`total` fired early"),
            Reason::Timeout(Timer::ClientBody) => {
                demand(plan.sending != Pace::Prompt, "the client was not late");
                demand(is_late(told.arrived_whole, ended), "the client had sent it all");
            }
            Reason::Timeout(Timer::ClientWrite) => {
                demand(plan.reading != Pace::Prompt, "the client was reading");
                demand(lasted >= 15 * SECOND, "`client.write` fired early");
            }
            Reason::Draining => {
                let at = self
                    .script
                    .drain_at
                    .map(|at| Nanos::from(at) * MS + self.script.drain_seconds() * SECOND);
                demand(at.is_some_and(|at| within(ended, at, slack)), "the drain was not over");
            }
            Reason::Timeout(_) => demand(false, "an exchange can't end so"),
            Reason::ConnectRefused | Reason::ConnectUnreachable | Reason::ConnectExhausted => {
                let is_out = outcome.reason == Reason::ConnectExhausted && has(Fault::Descriptors);
                demand(has(Fault::Connects) || is_out, "connecting worked");
            }
            Reason::UpstreamReset | Reason::UpstreamClosedEarly => {
                let stale = outcome.attempts.last().is_some_and(|attempt| attempt.reused);
                let answer = self.script.answer(id);
                demand(
                    has(Fault::Truncation) || has(Fault::Nonsense) || stale || answer.early,
                    "the upstream was well",
                );
            }
            Reason::UpstreamBadResponse => demand(
                matches!(verdict, Verdict::BadResponse | Verdict::CutResponse),
                "the upstream kept the rules",
            ),
            Reason::UpstreamHeadTooLarge => {
                demand(verdict == Verdict::HeadTooLarge, "the response's head was short enough");
            }
            Reason::QueueFull => demand(self.script.limits.queue > 0, "the queue had room"),
            Reason::BadRequest => demand(verdict == Verdict::BadBody, "the request was well-formed"),
            Reason::ClientAborted => demand(may_leave, "the client stayed"),
            Reason::NoHealthyEndpoint | Reason::NoRoute | Reason::RequestTooLarge => {
                demand(false, "nothing gave reason for that");
            }
        }
        complaints
    }

    /// What the proxy may answer by itself to a request that ended for this reason.
    pub(super) fn own_status(&self, id: u32, reason: Reason) -> Option<u16> {
        let verdict = Verdict::on(&self.script, id);
        if verdict.reason() == reason.as_str() && verdict.status().is_some() {
            return verdict.status();
        }
        row_of(reason.as_str()).and_then(|row| row.statuses.first().copied())
    }

    /// Whether the proxy cut the response instead of ending it.
    pub(super) fn was_cut(&self, id: u32, told: &Told) -> bool {
        let Some(outcome) = &told.outcome else { return false };
        // The origin's status stands in the outcome if its head had been passed on.
        let own = self.own_status(id, outcome.reason);
        let cuts = row_of(outcome.reason.as_str()).is_some_and(|row| row.cuts);
        cuts && (own.is_none() || outcome.status != own)
    }
}

/// The request that the target in an outcome names.
fn named(outcome: &Outcome) -> Option<u32> {
    let request = outcome.request.as_ref()?;
    std::str::from_utf8(&request.target).ok().and_then(wording::id_of)
}

/// Whether a limit fired when it was due.
fn within(waited: Nanos, limit: Nanos, slack: Nanos) -> bool {
    (limit..=limit + slack).contains(&waited)
}

/// Whether nothing came for `limit` before `ended`.
fn is_past(last: Option<Nanos>, limit: Nanos, ended: Nanos) -> bool {
    last.is_none_or(|last| last > ended || last + limit <= ended)
}

/// Whether something had not happened by `ended`.
fn is_late(at: Option<Nanos>, ended: Nanos) -> bool {
    at.is_none_or(|at| at > ended)
}

fn nanos(duration: std::time::Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether a client may lose a reply by its own doing.
pub(super) fn is_careless(script: &Script, index: usize) -> bool {
    let client = script.client(index);
    match client.leave {
        Leave::Closes | Leave::Stays => false,
        // It does not say in its last request that it is the last.
        Leave::HalfCloses => !wording::says_close(script, Script::id(index, Script::count(&client) - 1)),
        Leave::HalfClosesRudely
        | Leave::AbortsSending { .. }
        | Leave::AbortsReceiving { .. }
        | Leave::AbortsAt { .. } => true,
    }
}
