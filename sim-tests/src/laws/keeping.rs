//! Which connections of clients must live on, and which end with their client's FIN.

use super::{Account, Facts};
use crate::faults::Fault;
use crate::script::{Leave, Script};
use crate::time::{MS, Nanos};
use crate::wording;
use proxy_core::{Outcome, Reason};

impl Facts {
    /// A client sent FIN, which reaches the proxy's kernel at `arrives`.
    pub(crate) fn client_half_closed(&mut self, index: usize, arrives: Nanos) {
        self.client(index).half_closed.get_or_insert(arrives);
    }

    /// Whether an exchange went on although its client, which had asked to go on with the connection, was gone: with
    /// nothing left to send, it had no other reason for FIN. `decided`: when it was clear how the exchange ends.
    pub(super) fn outlived_client(
        &mut self,
        id: u32,
        outcome: &Outcome,
        decided: Nanos,
        slack: Nanos,
    ) -> bool {
        let index = Script::client_of(id);
        let Some(gone) = self.client(index).half_closed else { return false };
        // One that came with FIN behind it is served. What is answered may be on its way to a client that is gone.
        let is_under_way = outcome.started.as_nanos() < gone
            && decided > gone + slack
            && self.told(id).answered_whole.is_none_or(|at| at > gone);
        is_under_way
            && outcome.reason != Reason::ClientAborted
            && Script::is_last(&self.script.client(index), id)
            && !wording::says_close(&self.script, id)
            && self.says_nothing_behind_its_head(id)
            && self.heads_go_at_once()
    }

    /// Whether a connection was closed behind a response although nothing spoke against keeping it (RFC 9112 §9.3).
    pub(super) fn was_closed_needlessly(&self, id: u32, told: &Account) -> bool {
        let client = self.script.client(Script::client_of(id));
        // With FIN behind its last request, a client still wants the answers to all.
        let goes_on = !sends_fin(client.leave) || !Script::is_last(&client, id);
        let asks_to_keep = !wording::says_close(&self.script, id) && goes_on;
        // To a 1.0 client nothing but a length or FIN can end a response.
        let is_framed = !client.http10 || !told.status_seen.is_some_and(|(_, passed_on)| passed_on);
        let is_understood = told.outcome.as_ref().is_some_and(|outcome| outcome.request.is_some());
        told.seen_all
            && told.said_close
            && asks_to_keep
            && is_framed
            && is_understood
            && self.says_nothing_behind_its_head(id)
            && self.ended_before_drain(told)
    }

    /// Whether a client was told to go on behind a response although its FIN had been read before the request was taken up:
    /// while an earlier one was served.
    pub(super) fn was_kept_in_vain(&self, id: u32, told: &Account) -> bool {
        let index = Script::client_of(id);
        let fin = self.people.get(index).and_then(|person| person.end.half_closed);
        let began = told.outcome.as_ref().map(|outcome| outcome.started.as_nanos());
        let is_late = Script::place_of(id) > 0 && Script::is_last(&self.script.client(index), id);
        let is_read_at_once = ![Fault::Splits, Fault::Stalls, Fault::Descriptors, Fault::Limits]
            .iter()
            .any(|fault| self.script.faults.contains(fault));
        told.seen_all
            && !told.said_close
            && is_late
            && is_read_at_once
            && self.heads_go_at_once()
            && fin.zip(began).is_some_and(|(fin, began)| fin < began)
    }

    fn ended_before_drain(&self, told: &Account) -> bool {
        let order = self.script.drain_at.map(|at| Nanos::from(at) * MS);
        let ended = told.outcome.as_ref().map(|outcome| outcome.ended.as_nanos());
        order.is_none_or(|order| ended.is_some_and(|ended| ended < order))
    }

    fn says_nothing_behind_its_head(&self, id: u32) -> bool {
        let script = &self.script;
        let has_body = wording::has_body(script, id) || wording::is_chunked_request(script, id);
        script.raw_request(id).is_none() && !has_body && !wording::upgrades(script, id)
    }

    /// Whether no server is slow to take requests: while one waits to be written, nothing is read of its client.
    fn heads_go_at_once(&self) -> bool {
        let has = |fault: &Fault| self.script.faults.contains(fault);
        let is_deaf = self.script.answers.iter().any(|answer| answer.deaf);
        !is_deaf && ![Fault::Bandwidth, Fault::SmallWindows, Fault::Splits].iter().any(has)
    }
}

const fn sends_fin(leave: Leave) -> bool {
    matches!(leave, Leave::HalfCloses | Leave::HalfClosesRudely)
}
