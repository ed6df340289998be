//! What must have happened by the end: every request answered or excused, and the plain ones answered well.

use super::ending::is_careless;
use super::{Facts, Told};
use crate::faults::Fault;
use crate::script::{AnswerEnd, Client, Leave, Method, Pace, Request, Script};
use crate::time::{MS, Nanos, SECOND};
use crate::wording;
use proxy_core::Reason;

impl Facts {
    /// Checks everything once the world is at rest.
    pub(crate) fn finish(&mut self) {
        let clients = self.script.clients.clone();
        for (index, client) in clients.iter().enumerate() {
            // A RST that cuts one response can destroy the ones before it that are still on their way.
            let ids = || (0..Script::count(client)).map(|k| Script::id(index, k));
            let was_cut = ids().any(|id| self.requests.get(&id).is_some_and(Told::was_cut));
            let mut excused = was_cut && self.client(index).was_reset;
            for id in ids() {
                let told = self.told(id).clone();
                for complaint in self.unfitting(id, &told, client, &mut excused) {
                    self.violate(format!("{id}: {complaint}: {told:?}"));
                }
            }
        }
    }

    /// What does not fit together about one request. `excused`: an earlier one on its connection ended that.
    fn unfitting(&mut self, id: u32, told: &Told, client: &Client, excused: &mut bool) -> Vec<&'static str> {
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
            // A reply to a head that was never read is recorded without a name.
            let is_nameless = told.outcome.is_none() && !passed_on && matches!(status, 400 | 408);
            demand(
                is_nameless || recorded == Some(status),
                "the client saw another status than was recorded",
            );
            let reason = told.outcome.as_ref().map(|outcome| outcome.reason);
            if let (false, Some(reason)) = (passed_on, reason) {
                demand(Self::status_of(reason) == Some(status), "the status does not fit the reason");
            }
        }
        let end = self.clients.get(&Script::client_of(id)).copied().unwrap_or_default();
        let is_careful = !is_careless(client.leave) && client.reading == Pace::Prompt && !end.aborted;
        if told.began.is_some() && is_careful && !*excused {
            let excuse = told.was_cut() || self.is_excused(told, client) || self.outlived_drain(told);
            demand(told.seen_all || excuse, "it was never answered");
        }
        if is_careful && self.is_plain(id, client) && !*excused && told.began.is_some() {
            let is_ok = told.outcome.as_ref().is_some_and(|outcome| outcome.reason == Reason::Ok);
            demand(is_ok && told.seen_all, "it should have gone well");
        }
        // What follows on this connection may go unanswered.
        let cut_short = told.seen_all && told.arrived_whole.is_none();
        *excused |= told.said_close || told.was_cut() || !told.seen_all || cut_short || self.is_early(id);
        complaints
    }

    /// Whether the response may be over before the request is, after which the connection closes.
    fn is_early(&self, id: u32) -> bool {
        let own_reply =
            self.requests.get(&id).and_then(|told| told.status_seen).is_some_and(|(_, passed)| !passed);
        wording::request_octets(&self.script.request(id)) > 0 && (self.script.answer(id).early || own_reply)
    }

    /// Whether a request that nobody took up may have come too late: the proxy may close an idle connection.
    fn is_excused(&self, told: &Told, client: &Client) -> bool {
        let is_idle = client.think > 70_000 || client.sending != Pace::Prompt;
        told.outcome.is_none() && (is_idle || self.script.drain_at.is_some())
    }

    /// Whether it ended when a drain's time was over, which waits for no reply.
    fn outlived_drain(&self, told: &Told) -> bool {
        let Some(at) = self.script.drain_at else { return false };
        let over = Nanos::from(at) * MS + self.script.drain_seconds() * SECOND;
        told.outcome.as_ref().is_some_and(|outcome| outcome.ended.as_nanos() >= over)
    }

    /// Whether nothing in the whole script gives this request a reason to fail.
    fn is_plain(&self, id: u32, client: &Client) -> bool {
        let script = &self.script;
        let quiet = [
            Fault::Connects,
            Fault::Descriptors,
            Fault::Bandwidth,
            Fault::Limits,
            Fault::Drain,
            Fault::Stalls,
        ]
        .iter()
        .all(|fault| !script.faults.contains(fault));
        let (request, answer) = (script.request(id), script.answer(id));
        let first = id - id % 16;
        let before = (first..id).all(|earlier| self.is_plain_exchange(earlier, client));
        let stale =
            script.faults.contains(&Fault::StaleConnections) || script.faults.contains(&Fault::Nonsense);
        let deaf = script.answers.iter().any(|answer| answer.deaf);
        quiet
            && !deaf
            && client.sending == Pace::Prompt
            && client.think < 70_000
            && (!stale || (request.method != Method::Post && self.is_kept(&request)))
            && !matches!(answer.end, AnswerEnd::OverLong)
            && before
            && self.is_plain_exchange(id, client)
    }

    /// Whether all of a request fits into what is kept of it until the server proves alive.
    fn is_kept(&self, request: &Request) -> bool {
        let buffer = match self.script.limits.buffer_kib {
            0 => 32,
            kib => usize::from(kib).max(4),
        };
        wording::request_octets(request) < buffer * 1_024 / 2
    }

    fn is_plain_exchange(&self, id: u32, client: &Client) -> bool {
        let (request, answer) = (self.script.request(id), self.script.answer(id));
        let whole = wording::answer(id, request.method, &answer, 0, false);
        let pace = match answer.pace {
            Pace::Prompt => 0,
            Pace::Drip { bytes, every } => {
                Nanos::from(every) * MS * (whole.octets.len() as u64 / u64::from(bytes.max(1)) + 1)
            }
            Pace::Stops { .. } => return false,
        };
        let head_limit = match self.script.limits.head_seconds {
            0 => 14 * SECOND,
            seconds => (Nanos::from(seconds) * SECOND).saturating_sub(SECOND),
        };
        let takes = Nanos::from(answer.delay) * MS + pace;
        !request.smuggles
            && (!request.closes || client.leave != Leave::HalfCloses || !client.pipelined)
            && answer.end == AnswerEnd::Whole
            && !answer.deaf
            && (!answer.early || wording::request_octets(&request) == 0)
            && takes < head_limit
    }
}
