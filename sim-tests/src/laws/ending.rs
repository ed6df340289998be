//! Each outcome against what the participants did: reasons, statuses and times must be deserved.

use super::{Facts, Told};
use crate::faults::Fault;
use crate::script::{self, AnswerEnd, Leave, Pace, Script};
use crate::time::{MS, Nanos, SECOND};
use crate::wording;
use proxy_core::{Outcome, Reason, Timer};

impl Facts {
    /// The core recorded the end of a request. `slack`: by how much its ticks may have been late.
    pub(crate) fn ended(&mut self, now: Nanos, outcome: &Outcome, client: usize, slack: Nanos) {
        if outcome.ended.as_nanos() > now || outcome.started > outcome.ended {
            self.violate(format!("an outcome of the future: {outcome:?}"));
        }
        let id = outcome
            .request
            .as_ref()
            .and_then(|request| std::str::from_utf8(&request.target).ok().and_then(wording::id_of));
        let Some(id) = id else { return self.ended_headless(outcome, client, slack) };
        let is_known = wording::is_known(&self.script, id) && Script::client_of(id) == client;
        if !is_known {
            return self
                .violate(format!("an outcome of a request that client {client} did not make: {outcome:?}"));
        }
        if self.told(id).outcome.is_some() {
            self.violate(format!("two outcomes of {id}"));
        }
        for complaint in self.complaints(id, outcome, slack) {
            self.violate(format!("{id}: {complaint}: {outcome:?}"));
        }
        self.told(id).outcome = Some(outcome.clone());
    }

    fn ended_headless(&mut self, outcome: &Outcome, client: usize, slack: Nanos) {
        self.client(client).headless += 1;
        if self.client(client).headless > 1 {
            self.violate(format!("two unread heads of client {client}"));
        }
        let waited = nanos(outcome.times.head);
        let plan = self.script.clients.get(client).cloned().unwrap_or_default();
        let is_deserved = match outcome.reason {
            Reason::ClientAborted => self.may_leave(client),
            Reason::Timeout(Timer::ClientHead) => {
                within(waited, 10 * SECOND, slack) && plan.sending != Pace::Prompt
            }
            Reason::BadRequest => self.script.faults.contains(&Fault::Smuggling),
            Reason::Draining => self.script.drain_at.is_some(),
            Reason::Timeout(Timer::ClientWrite) => plan.reading != Pace::Prompt,
            _ => false,
        };
        if !is_deserved {
            self.violate(format!("client {client} did not deserve {outcome:?}"));
        }
    }

    /// Whether a client may be gone before its time.
    fn may_leave(&mut self, client: usize) -> bool {
        let end = *self.client(client);
        let rude = |client: &script::Client| client.leave == Leave::HalfClosesRudely;
        end.aborted || (end.half_closed && self.script.clients.get(client).is_some_and(rude))
    }

    fn complaints(&mut self, id: u32, outcome: &Outcome, slack: Nanos) -> Vec<&'static str> {
        let client = Script::client_of(id);
        let may_leave = self.may_leave(client);
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
        let is_own = outcome.reason != Reason::Ok && outcome.status == Self::status_of(outcome.reason);
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
                demand(outcome.status == Some(wording::status(&self.script.answer(id))), "another status");
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
            Reason::UpstreamBadResponse => {
                demand(self.script.answer(id).end == AnswerEnd::Garbage, "the upstream spoke HTTP");
            }
            Reason::QueueFull => demand(self.script.limits.queue > 0, "the queue had room"),
            Reason::BadRequest => demand(self.script.request(id).smuggles, "the request was well-formed"),
            Reason::ClientAborted => demand(may_leave, "the client stayed"),
            Reason::UpstreamHeadTooLarge
            | Reason::NoHealthyEndpoint
            | Reason::NoRoute
            | Reason::RequestTooLarge => demand(false, "nothing gave reason for that"),
        }
        complaints
    }

    /// What an own reply must say, by PRODUCT's table.
    pub(super) fn status_of(reason: Reason) -> Option<u16> {
        Some(match reason {
            Reason::Timeout(Timer::ClientHead | Timer::ClientBody) => 408,
            Reason::Timeout(Timer::Queue) | Reason::QueueFull => 503,
            Reason::Timeout(
                Timer::Connect
                | Timer::UpstreamRead
                | Timer::UpstreamWrite
                | Timer::UpstreamHead
                | Timer::Total,
            ) => 504,
            Reason::ConnectRefused
            | Reason::ConnectUnreachable
            | Reason::ConnectExhausted
            | Reason::UpstreamReset
            | Reason::UpstreamClosedEarly
            | Reason::UpstreamBadResponse => 502,
            Reason::BadRequest => 400,
            _ => return None,
        })
    }
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

impl Told {
    /// Whether the proxy cut the response instead of ending it.
    pub(super) fn was_cut(&self) -> bool {
        let Some(outcome) = &self.outcome else { return false };
        match outcome.reason {
            Reason::Ok => false,
            Reason::ClientAborted | Reason::Draining | Reason::Timeout(Timer::ClientWrite) => true,
            // The origin's status stands in the outcome: its head had been passed on.
            reason => outcome.status != Facts::status_of(reason),
        }
    }
}

/// Whether a client may lose a reply by its own doing.
pub(super) fn is_careless(leave: Leave) -> bool {
    !matches!(leave, Leave::Closes | Leave::Stays | Leave::HalfCloses)
}
