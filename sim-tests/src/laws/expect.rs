//! What must have happened by the end: every request answered or excused, and the plain ones answered well.

use super::ending::is_careless;
use super::{Account, Facts};
use crate::faults::Fault;
use crate::model::limits::{are_ample, limit, limit_of};
use crate::model::table::proxy_errors;
use crate::model::verdict::Verdict;
use crate::script::{AnswerEnd, Client, Leave, Pace, Script};
use crate::stamps::Clocks;
use crate::time::{MS, Nanos, SECOND};
use crate::wording;
use std::mem;

/// What the requests of a connection before one mean for it.
#[derive(Debug)]
struct Before {
    /// One of them ended the connection.
    is_excused: bool,
    /// Nothing gave those before `next` a reason to fail.
    are_plain: bool,
    next: u32,
}

impl Before {
    /// Whether all up to this one are plain; each is looked at once.
    fn are_plain(&mut self, id: u32, is_plain: impl Fn(u32) -> bool) -> bool {
        while self.are_plain && self.next <= id {
            self.are_plain = is_plain(self.next);
            self.next += 1;
        }
        self.are_plain
    }
}

/// Faults that can make any request fail.
const DISTURBING: [Fault; 6] =
    [Fault::Connects, Fault::Descriptors, Fault::Bandwidth, Fault::Limits, Fault::Stalls, Fault::Flapping];

impl Facts {
    /// Checks everything once the world is at rest.
    pub(crate) fn finish(&mut self, clocks: &Clocks) {
        self.check_records(clocks);
        self.check_pool(clocks);
        for index in 0..self.script.people() {
            let client = &self.script.client(index);
            // A RST that cuts one response can destroy the ones before it that are still on their way.
            let ids = || (0..Script::count(client)).map(|k| Script::id(index, k));
            let was_cut = ids().any(|id| self.known(id).is_some_and(|told| self.was_cut(id, told)));
            let is_excused = was_cut && self.client(index).was_reset;
            let history = clocks.client_history(index);
            let mut before = Before { is_excused, are_plain: true, next: Script::id(index, 0) };
            for id in ids() {
                let mut told = mem::take(self.told(id));
                told.heard = told.asked.and_then(|[from, ..]| history?.taken.reached(from + 1));
                let complaints = self.unfitting(id, &told, client, &mut before);
                for complaint in complaints {
                    self.violate(format!("{id}: {complaint}: {told:?}"));
                }
                *self.told(id) = told;
            }
        }
    }

    /// What does not fit together about one request.
    fn unfitting(
        &mut self,
        id: u32,
        told: &Account,
        client: &Client,
        before: &mut Before,
    ) -> Vec<&'static str> {
        let mut complaints = Vec::new();
        let mut demand = |holds: bool, complaint: &'static str| {
            if !holds {
                complaints.push(complaint);
            }
        };
        if told.sightings > 0 {
            demand(told.outcome.is_some(), "an origin saw it and nothing was recorded");
        }
        if let Some((status, passed_on)) = told.status_seen {
            let recorded = told.outcome.as_ref().and_then(|outcome| outcome.status);
            demand(recorded == Some(status), "the client saw another status than was recorded");
            if let (false, Some(outcome)) = (passed_on, &told.outcome) {
                demand(
                    self.own_status(id, outcome.reason) == Some(status),
                    "the status does not fit the reason",
                );
                let said = told.proxy_status.as_deref().and_then(|said| said.strip_prefix("weir; error="));
                let errors = proxy_errors(outcome.reason.as_str());
                demand(
                    said.is_some_and(|said| errors.contains(&said)),
                    "Proxy-Status does not fit the reason",
                );
            }
        }
        if let Some(complaint) = self.miscounted(id, told) {
            demand(false, complaint);
        }
        let index = Script::client_of(id);
        let is_aborted = self.client(index).aborted;
        let is_careful = !is_careless(&self.script, id) && client.reading == Pace::Prompt && !is_aborted;
        if told.began.is_some() && is_careful && !before.is_excused {
            let excuse = self.was_cut(id, told) || self.is_excused(told, client) || self.outlived_drain(told);
            if !excuse {
                self.applied("a request is answered");
            }
            demand(told.seen_all || excuse, "it was never answered");
        }
        let is_judged = is_careful && !before.is_excused && told.began.is_some();
        if is_judged && !told.was_grumbled_at && self.is_plain(id, told, client, before) {
            self.applied("a plain request ends as it deserves");
            let verdict = Verdict::on(&self.script, id);
            let reason = told.outcome.as_ref().map(|outcome| outcome.reason.as_str());
            demand(reason == Some(verdict.reason()), "it should have ended otherwise");
            if let Some(status) = verdict.status() {
                demand(told.status_seen == Some((status, false)), "it should have been told otherwise");
            }
            // A response that breaks its framing before its head went out is refused as a whole.
            let is_refused = told.status_seen == Some((502, false));
            let is_part = verdict == Verdict::CutResponse && !is_refused;
            demand(told.seen_all != is_part, "it should have gone well, or not");
        }
        if told.counted {
            self.applied("octets are counted as the client counts them");
        }
        demand(!self.was_closed_needlessly(id, told), "its connection was closed without need");
        demand(!self.was_kept_in_vain(id, told), "its connection was kept behind FIN");
        // What follows on this connection may go unanswered.
        let cut_short = told.seen_all && told.arrived_whole.is_none();
        before.is_excused |= told.said_close
            || self.was_cut(id, told)
            || !told.seen_all
            || cut_short
            || self.is_early(id, told);
        complaints
    }

    /// Whether the octets in an outcome are not those that its client and server count.
    fn miscounted(&self, id: u32, told: &Account) -> Option<&'static str> {
        let outcome = told.outcome.as_ref()?;
        let (received, sent) = (outcome.received, outcome.sent);
        let is_bad = Verdict::on(&self.script, id) == Verdict::BadBody;
        if !is_bad && received > wording::request_content(&self.script, id).len() as u64 {
            return Some("more was recorded as received than its client sent");
        }
        if received < told.reached as u64 {
            return Some("less was recorded as received than reached its server");
        }
        if sent < told.got as u64 || (told.counted && sent != told.got as u64) {
            return Some("not as many octets were recorded as sent as its client got");
        }
        None
    }

    /// Whether the response may be over before the request is, after which the connection closes.
    fn is_early(&self, id: u32, told: &Account) -> bool {
        let is_own_reply = told.status_seen.is_some_and(|(_, passed_on)| !passed_on);
        let is_early = self.script.answer(id).early || told.was_grumbled_at;
        wording::has_body(&self.script, id) && (is_early || is_own_reply)
    }

    /// Whether a request that nobody took up may have come too late: the proxy may close an idle connection. Of what it has
    /// read it must tell.
    fn is_excused(&self, told: &Account, client: &Client) -> bool {
        let may_be_closed_on = self.is_idle(client) || client.sending != Pace::Prompt;
        told.outcome.is_none() && told.heard.is_none() && (may_be_closed_on || self.script.drain_at.is_some())
    }

    /// Whether a client may think for longer than the proxy keeps its connection.
    fn is_idle(&self, client: &Client) -> bool {
        let think = Nanos::from(client.think) * MS + 5 * SECOND;
        limit(&self.script, "client.keepalive").is_some_and(|limit| think > limit)
    }

    /// Whether a drain may have to do with how it ended: it was taken up after the order, or still ran when the time for
    /// that was over.
    fn may_be_drained(&self, told: &Account) -> bool {
        let Some(order) = self.script.drain_at.map(|at| Nanos::from(at) * MS) else { return false };
        told.outcome.as_ref().is_none_or(|outcome| outcome.started.as_nanos() >= order)
            || self.outlived_drain(told)
    }

    /// Whether it ended when a drain's time was over, which waits for no reply.
    fn outlived_drain(&self, told: &Account) -> bool {
        let Some(over) = self.script.drain_ends() else { return false };
        told.outcome.as_ref().is_some_and(|outcome| outcome.ended.as_nanos() >= over)
    }

    /// Whether nothing in the whole script gives this request a reason to fail but what it says or is answered itself.
    fn is_plain(&self, id: u32, told: &Account, client: &Client, before: &mut Before) -> bool {
        let script = &self.script;
        let is_quiet = || DISTURBING.iter().all(|fault| !script.faults.contains(fault));
        let is_stale =
            || [Fault::StaleConnections, Fault::Nonsense].iter().any(|fault| script.faults.contains(fault));
        let is_deaf = || script.answers.iter().any(|answer| answer.deaf);
        let is_idempotent = || wording::is_idempotent(wording::method(script, id));
        client.sending == Pace::Prompt
            && is_quiet()
            && !self.may_be_drained(told)
            && !is_deaf()
            && !self.is_idle(client)
            && (!is_stale() || !Verdict::on(script, id).goes_on() || (is_idempotent() && self.is_kept(id)))
            && before.are_plain(id, |earlier| self.is_plain_exchange(earlier, client))
    }

    /// Whether all of a request is sure to be kept until the server proves alive: at most one read buffer is pinned for
    /// that, and what is shorter is copied.
    fn is_kept(&self, id: u32) -> bool {
        wording::ask(&self.script, id).octets.len() < 4_096
    }

    fn is_plain_exchange(&self, id: u32, client: &Client) -> bool {
        let (script, answer) = (&self.script, self.script.answer(id));
        let pace = match answer.pace {
            Pace::Prompt => 0,
            Pace::Drip { bytes, every } => {
                let whole = wording::answer(script, id, 0);
                Nanos::from(every) * MS * (whole.octets.len() as u64 / u64::from(bytes.max(1)) + 1)
            }
            Pace::Stops { .. } => return false,
        };
        let takes = Nanos::from(answer.delay) * MS + pace;
        let says_close = wording::says_close(script, id);
        (!says_close || client.leave != Leave::HalfCloses || !client.pipelined)
            && answer.end == AnswerEnd::Whole
            && !answer.deaf
            && (!answer.early || !wording::has_body(script, id))
            && answer.endless == 0
            && (!wording::switches(script, id) || (answer.closes && client.leave == Leave::Closes))
            && ["head", "read", "total", "stream.idle"]
                .iter()
                .all(|key| limit_of(script, id, key).is_none_or(|limit| takes + SECOND < limit))
            && are_ample(script, id)
    }
}
