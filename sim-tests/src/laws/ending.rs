//! Each outcome against what the participants did: reasons, statuses and times must be deserved.

use super::timing::{self, Timing};
use super::{Account, Facts};
use crate::faults::Fault;
use crate::model::limits::limit;
use crate::model::table::row_of;
use crate::model::verdict::Verdict;
use crate::script::{Leave, Pace, Script};
use crate::setup;
use crate::stamps::{Clocks, Stamps};
use crate::time::{Nanos, nanos, within};
use crate::wording;
use proxy_core::{Attempt, AttemptResult, Outcome, Reason, Timer};

impl Facts {
    /// The core recorded the end of a request. `slack`: by how much its ticks may have been late. Returns which
    /// request it was: those of a connection end in their order.
    pub(crate) fn ended(
        &mut self,
        now: Nanos,
        outcome: &Outcome,
        client: usize,
        slack: Nanos,
        clocks: &Clocks,
    ) -> Option<u32> {
        if outcome.ended.as_nanos() > now || outcome.started > outcome.ended {
            self.violate(format!("an outcome of the future: {outcome:?}"));
        }
        if !has_its_letters(outcome) {
            self.violate(format!("the letters do not fit the reason: {outcome:?}"));
        }
        if let Some(named) = named(outcome).filter(|id| wording::is_known(&self.script, *id))
            && self.told(named).outcome.is_some()
        {
            self.violate(format!("two outcomes of {named}: {outcome:?}"));
        }
        let end = self.client(client);
        let (id, is_over) = (Script::id(client, end.recorded), end.is_over);
        end.recorded += 1;
        if !is_over && outcome.request.is_none() && self.follows_leftover(id) {
            self.client(client).is_over = true;
            self.check_leftover(client, outcome);
            return None;
        }
        if is_over || !wording::is_known(&self.script, id) {
            self.violate(format!("client {client} made no further request: {outcome:?}"));
            return None;
        }
        for complaint in self.complaints_of(id, outcome, slack, clocks) {
            self.violate(format!("{id}: {complaint}: {outcome:?}"));
        }
        let given = clocks.client_history(client).map_or(0, |history| history.given.total());
        let told = self.told(id);
        told.outcome = Some(outcome.clone());
        told.recorded = (given, now);
        Some(id)
    }

    /// Whether the request before this one was to become a tunnel, whose octets its client sent at once.
    fn follows_leftover(&mut self, id: u32) -> bool {
        if Script::place_of(id) == 0 || !wording::is_eager(&self.script, id - 1) {
            return false;
        }
        self.told(id - 1).outcome.as_ref().is_some_and(|outcome| outcome.status != Some(101))
    }

    /// They are no request.
    fn check_leftover(&mut self, client: usize, outcome: &Outcome) {
        let is_deserved = match outcome.reason {
            Reason::BadRequest
            | Reason::RequestTooLarge
            | Reason::Timeout(Timer::ClientHead)
            | Reason::ClientAborted => true,
            Reason::Draining => self.script.drain_at.is_some(),
            _ => false,
        };
        if !is_deserved {
            self.violate(format!("what client {client} had left over did not deserve {outcome:?}"));
        }
    }

    fn complaints_of(
        &mut self,
        id: u32,
        outcome: &Outcome,
        slack: Nanos,
        clocks: &Clocks,
    ) -> Vec<&'static str> {
        if outcome.request.is_none() {
            return self.headless_complaints(id, outcome, slack);
        }
        let named = named(outcome);
        if named != Some(id) && (named.is_some() || self.script.raw_request(id).is_none()) {
            return vec!["another request was recorded in its place"];
        }
        self.complaints(id, outcome, slack, clocks)
    }

    /// About a request whose head was never understood. None can follow it.
    fn headless_complaints(&mut self, id: u32, outcome: &Outcome, slack: Nanos) -> Vec<&'static str> {
        let client = Script::client_of(id);
        self.client(client).is_over = true;
        let waited = nanos(outcome.times().head);
        let decided = outcome.started.as_nanos() + waited;
        let is_deserved = match outcome.reason {
            Reason::ClientAborted => self.may_leave(id),
            Reason::Timeout(Timer::ClientHead) => {
                let limits = ["client.head", "total"].map(|key| limit(&self.script, key));
                let limit = limits.into_iter().flatten().min();
                limit.is_some_and(|limit| within(waited, limit, slack))
                    && is_late(self.told(id).arrived_head, decided)
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
    fn may_leave(&mut self, id: u32) -> bool {
        let end = *self.client(Script::client_of(id));
        end.aborted || (end.half_closed.is_some() && is_careless(&self.script, id))
    }

    fn complaints(&mut self, id: u32, outcome: &Outcome, slack: Nanos, clocks: &Clocks) -> Vec<&'static str> {
        let client = Script::client_of(id);
        let may_leave = self.may_leave(id);
        let verdict = match Verdict::on(&self.script, id) {
            // The server was faster.
            Verdict::BadBody | Verdict::GrowsTooLong
                if self.script.answer(id).early
                    && !matches!(outcome.reason, Reason::BadRequest | Reason::RequestTooLarge) =>
            {
                Verdict::on_answer(&self.script, id)
            }
            verdict => verdict,
        };
        let told = self.told(id).clone();
        let plan = self.script.client(client);
        let timing = self.timing(id, outcome, slack, clocks);
        let (decided, mut complaints) = (timing.decided, timing.complaints());
        let mut demand = |holds: bool, complaint: &'static str| {
            if !holds {
                complaints.push(complaint);
            }
        };
        let was_gone = self.outlived_client(id, outcome, decided, slack);
        let (hung_up, is_over) = (self.has_hung_up, self.is_tunnel_over(id));
        let grumbled = was_grumbled_at(&self.script, outcome, clocks);
        self.told(id).was_grumbled_at = grumbled;
        let has = |fault: Fault| self.script.faults.contains(&fault);
        // A server that read nothing of a body before may not read this request on the same connection either.
        let may_be_deaf = self.script.answers.iter().any(|answer| answer.deaf);
        // Who waits for a 100 owes nothing until there is one; then, or without having asked for one, whatever is left.
        let holds = wording::expects(&self.script, id) && !plan.pipelined;
        let history = clocks.client_history(client);
        let is_heard = |octets| {
            history.is_some_and(|history| history.taken.reached(octets).is_some_and(|at| at <= decided))
        };
        let has_begun_body = told.asked.is_some_and(|[_, body, _]| is_heard(body + 1));
        let is_whole = !is_late(told.arrived_whole, decided);
        let owes_body = !is_whole && (!holds || has_begun_body || !is_late(told.continued, decided));
        let awaits_100 = holds && !has_begun_body && is_late(told.spoken, decided);
        let tries_stale_twice = |pair: &[Attempt]| pair[0].result == AttemptResult::Stale && pair[1].reused;
        demand(
            !outcome.attempts.windows(2).any(tries_stale_twice),
            "it was sent again on no fresh connection",
        );
        demand(!was_gone, "its client was gone");
        demand(is_told_rightly(&self.script, id, outcome), "it was another request");
        match outcome.reason {
            Reason::Ok => {
                let status = verdict.status().unwrap_or_else(|| wording::status(&self.script, id));
                demand(outcome.status == Some(status) || grumbled, "another status");
                demand(outcome.status != Some(101) || is_over, "a half of its tunnel was not over");
                demand(
                    matches!(verdict, Verdict::Served | Verdict::Answered) || grumbled,
                    "it should not have gone well",
                );
            }
            Reason::Timeout(Timer::Connect) => {
                let was_late =
                    outcome.attempts.last().is_some_and(|attempt| timing::was_late(attempt.result));
                demand(has(Fault::Connects) && was_late, "connecting was not late");
            }
            Reason::Timeout(Timer::Queue) => {
                demand(has(Fault::Limits), "there was no limit to wait for");
            }
            Reason::Timeout(Timer::UpstreamRead | Timer::UpstreamHead) => {
                demand(is_late(told.answered_whole, decided), "the upstream had answered");
                demand(told.sightings > 0 || may_be_deaf, "the upstream never had the request");
                demand(!owes_body, "the client owed octets, and the upstream was blamed");
            }
            Reason::Timeout(Timer::UpstreamWrite) => demand(may_be_deaf, "the upstream was reading"),
            Reason::Timeout(Timer::ClientBody) => {
                let waits_for_continue = plan.reading != Pace::Prompt && wording::expects(&self.script, id);
                let may_be_late = plan.sending != Pace::Prompt || has(Fault::Bandwidth) || waits_for_continue;
                demand(may_be_late, "the client was not late");
                demand(is_late(told.arrived_whole, decided), "the client had sent it all");
                demand(!awaits_100, "the client waited for its 100, and was blamed");
            }
            Reason::Timeout(Timer::ClientWrite) => {
                demand(plan.reading != Pace::Prompt, "the client was reading");
            }
            Reason::Timeout(Timer::Total | Timer::StreamIdle) => {}
            Reason::Draining => {
                let over = self.script.drain_ends();
                demand(over.is_some_and(|at| within(decided, at, slack)), "the drain was not over");
            }
            Reason::Timeout(_) => {}
            Reason::ConnectRefused | Reason::ConnectUnreachable | Reason::ConnectExhausted => {
                let is_out = outcome.reason == Reason::ConnectExhausted && has(Fault::Descriptors);
                let is_down = outcome.reason == Reason::ConnectRefused && has(Fault::Flapping);
                demand(has(Fault::Connects) || is_out || is_down, "connecting worked");
            }
            Reason::UpstreamReset | Reason::UpstreamClosedEarly => {
                let stale = outcome.attempts.last().is_some_and(|attempt| attempt.reused);
                let answer = self.script.answer(id);
                demand(
                    has(Fault::Truncation)
                        || has(Fault::Nonsense)
                        || has(Fault::Flapping)
                        || stale
                        || answer.early
                        || hung_up,
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
            Reason::BadRequest => demand(
                matches!(verdict, Verdict::BadBody | Verdict::Refused(400)),
                "the request was well-formed",
            ),
            Reason::ClientAborted => demand(may_leave, "the client stayed"),
            Reason::NoHealthyEndpoint | Reason::NoRoute | Reason::RequestTooLarge => {
                demand(verdict.reason() == outcome.reason.as_str(), "nothing gave reason for that");
            }
        }
        complaints
    }

    /// The times of an outcome.
    fn timing<'a>(&'a self, id: u32, outcome: &'a Outcome, slack: Nanos, clocks: &'a Clocks) -> Timing<'a> {
        // What ends with its client's consent is over when it is decided. Anything else is still delivered: our own answer,
        // or what came of a response before it failed.
        let decided = match outcome.reason {
            Reason::Ok
            | Reason::ClientAborted
            | Reason::Draining
            | Reason::Timeout(Timer::ClientWrite | Timer::Drain) => outcome.ended,
            // Its answer had been whole before.
            _ if outcome.attempts.last().is_some_and(|last| last.result == AttemptResult::Ok) => {
                outcome.ended
            }
            _ => outcome.marks.answered,
        };
        let decided = decided.as_nanos();
        let sent = self.known(id).and_then(|told| told.arrived_whole);
        Timing { script: &self.script, id, outcome, decided, slack, clocks, sent }
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
    pub(super) fn was_cut(&self, id: u32, told: &Account) -> bool {
        let Some(outcome) = &told.outcome else { return false };
        // The origin's status stands in the outcome if its head had been passed on.
        let own = self.own_status(id, outcome.reason);
        let cuts = row_of(outcome.reason.as_str()).is_some_and(|row| row.cuts);
        cuts && (own.is_none() || outcome.status != own)
    }
}

/// Whether the answer was what a server says that closes an idle connection: that can't be told from an answer if it
/// reaches the proxy after the request left.
fn was_grumbled_at(script: &Script, outcome: &Outcome, clocks: &Clocks) -> bool {
    let Some(attempt) = outcome.attempts.last().filter(|attempt| attempt.reused) else { return false };
    let place = setup::endpoints(script).get(attempt.endpoint.id.index()).copied();
    let crossed = |stamps: &Stamps| {
        let asked = attempt.started.as_nanos()..=stamps.grumbled;
        Some(stamps.endpoint) == place && asked.contains(&stamps.took)
    };
    outcome.status == Some(408) && clocks.servers.iter().any(crossed)
}

/// Whether the log says rightly what was asked, whom, and in which version.
fn is_told_rightly(script: &Script, id: u32, outcome: &Outcome) -> bool {
    let Some(told) = outcome.request.as_ref() else { return true };
    let is_its = told.method == wording::method_name(script.request(id).method).as_bytes()
        && told.host == wording::host(script, id).as_bytes();
    told.http10 == wording::is_http10(script, id) && (is_its || script.raw_request(id).is_some())
}

/// Whether the two letters are such as stand in the table for the reason.
fn has_its_letters(outcome: &Outcome) -> bool {
    let letters = outcome.flags.letters();
    let Some(row) = row_of(outcome.reason.as_str()) else { return false };
    row.letters.iter().any(|known| known.as_bytes() == letters)
}

/// The request that the target in an outcome names.
fn named(outcome: &Outcome) -> Option<u32> {
    let request = outcome.request.as_ref()?;
    std::str::from_utf8(&request.target).ok().and_then(wording::id_of)
}

/// Whether something had not happened by `ended`.
fn is_late(at: Option<Nanos>, ended: Nanos) -> bool {
    at.is_none_or(|at| at > ended)
}

/// Whether a client may lose the reply to this request by its own doing.
pub(super) fn is_careless(script: &Script, id: u32) -> bool {
    let client = script.client(Script::client_of(id));
    match client.leave {
        Leave::Closes | Leave::Stays => false,
        // It does not say in its last request that it is the last.
        Leave::HalfCloses | Leave::HalfClosesRudely => {
            Script::is_last(&client, id) && !wording::says_close(script, id)
        }
        Leave::AbortsSending { .. } | Leave::AbortsReceiving { .. } | Leave::AbortsAt { .. } => true,
    }
}
