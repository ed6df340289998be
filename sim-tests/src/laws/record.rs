//! Every word of a record: what each field must say is worked out from the script and from when octets moved, never from
//! another field that says so.

use super::{Account, Carried, Facts};
use crate::model::routes;
use crate::model::verdict::Verdict;
use crate::script::{Method, Script};
use crate::setup;
use crate::stamps::{Clocks, Stamps};
use crate::time::{Nanos, nanos};
use crate::wording;
use proxy_core::{Attempt, AttemptResult, EndpointId, Marks, NetError, Outcome, Reason};
use std::collections::BTreeMap;

/// One record, and what is known from outside of what it tells.
struct Record<'a> {
    script: &'a Script,
    clocks: &'a Clocks,
    id: u32,
    told: &'a Account,
    outcome: &'a Outcome,
    /// When its client's connection was free for it.
    free: Nanos,
    /// The script's endpoints in the proxy's order.
    places: &'a [usize],
}

/// Laws that were applied, and whether they held.
type Judged = Vec<(&'static str, bool)>;

impl Facts {
    /// Checks the records of all requests, once the world is at rest.
    pub(super) fn check_records(&mut self, clocks: &Clocks) {
        let places = setup::endpoints(&self.script);
        let mut all = Vec::new();
        for (index, person) in self.people.iter().enumerate() {
            let mut free = 0;
            for (k, told) in (0..).zip(&person.requests) {
                let Some(outcome) = &told.outcome else { break };
                let id = Script::id(index, k);
                let record =
                    Record { script: &self.script, clocks, id, told, outcome, free, places: &places };
                all.push((id, record.judge()));
                free = told.recorded.1;
            }
        }
        for (id, judged) in all {
            for (law, holds) in judged {
                self.applied(law);
                if !holds {
                    let outcome = self.known(id).and_then(|told| told.outcome.as_ref());
                    self.violate(format!("{id}: the record is wrong about {law}: {outcome:?}"));
                }
            }
        }
        self.check_attempts(clocks, &places);
    }

    /// Each connection that was asked for belongs to one attempt that was recorded.
    fn check_attempts(&mut self, clocks: &Clocks, places: &[usize]) {
        let mut fresh = BTreeMap::<(usize, Nanos), i32>::new();
        for stamps in &clocks.servers {
            *fresh.entry((stamps.endpoint, stamps.opened)).or_default() += 1;
        }
        let attempts =
            self.all().filter_map(|told| told.outcome.as_ref()).flat_map(|outcome| &outcome.attempts);
        for attempt in attempts.filter(|attempt| !attempt.reused) {
            let place = places.get(attempt.endpoint.id.index()).copied().unwrap_or(usize::MAX);
            *fresh.entry((place, attempt.started.as_nanos())).or_default() -= 1;
        }
        if let Some(((place, at), count)) = fresh.iter().find(|(_, count)| **count != 0) {
            let what =
                format!("{count} more connections to endpoint {place} than attempts were made at {at}");
            self.violate(what);
        }
    }
}

impl Record<'_> {
    /// All laws that can be applied to it.
    fn judge(&self) -> Judged {
        let mut judged = Vec::new();
        let Outcome {
            started,
            ended,
            listener,
            peer,
            request,
            // Which status, reason and letters deserve each other is the concern of `ending`.
            status: _,
            reason,
            flags: _,
            rules,
            attempts,
            received,
            // What the client counts: see `expect`.
            sent: _,
            marks,
            streamed,
            id,
        } = self.outcome;
        let index = Script::client_of(self.id);
        let is_from_there = listener.id == setup::listener_of(self.script, index)
            && *peer == setup::client_addr(self.script, index);
        judged.push(("whom it came from", is_from_there));
        judged.push(("when it ended", ended.as_nanos() == self.told.recorded.1));
        self.judge_beginning(started.as_nanos(), &mut judged);
        if let Some(ends) = self.told.answer_ends.filter(|_| *reason == Reason::Ok) {
            judged.push(("whether its client took the last octet", self.told.recorded.0 >= ends));
        }
        if let Some(request) = request
            && self.script.raw_request(self.id).is_none()
        {
            let target = wording::target(self.script, self.id);
            judged.push(("what was asked", request.target == target.as_bytes()));
        }
        let place = self.place();
        judged.push(("its route", rules.matched.as_ref().map(|matched| matched.route.index()) == place));
        let home = place.and_then(|_| setup::cluster_of(self.script, self.id));
        judged.push((
            "its cluster",
            rules.matched.as_ref().map(|matched| matched.cluster.id.0) == home.map(u32::from),
        ));
        self.judge_attempts(attempts, &mut judged);
        self.judge_marks(*marks, &mut judged);
        self.judge_received(*received, &mut judged);
        judged.push(("whether it was a stream", *streamed == self.was_streamed(place, *marks)));
        if let Some(number) = self.told.number {
            judged.push(("its number", number == *id));
        }
        judged
    }

    /// The route that it took, unless it was refused before it was on its way.
    fn place(&self) -> Option<usize> {
        self.outcome.request.as_ref()?;
        let is_sent_on = !matches!(
            Verdict::on(self.script, self.id),
            Verdict::Refused(_) | Verdict::Answered | Verdict::NoRoute | Verdict::TooLong
        );
        routes::place_of(self.script, self.id).filter(|_| is_sent_on)
    }

    /// When so many octets of what its client sends were in the proxy's hands, and the connection was free for it.
    fn heard(&self, octets: usize) -> Option<Nanos> {
        let history = self.clocks.client_history(Script::client_of(self.id))?;
        history.taken.reached(octets).map(|at| at.max(self.free))
    }

    fn judge_beginning(&self, started: Nanos, judged: &mut Judged) {
        let Some([from, body, _]) = self.told.asked else { return };
        let octets = wording::ask(self.script, self.id).octets;
        // Empty lines before a request are none of it.
        let blank = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
        judged.push(("when it began", self.heard(from + blank + 1) == Some(started)));
        if blank == 0 && self.outcome.request.is_some() {
            let head = self.outcome.marks.head.as_nanos();
            judged.push(("when its head was whole", self.heard(body) == Some(head)));
        }
    }

    fn place_of(&self, endpoint: EndpointId) -> usize {
        self.places.get(endpoint.index()).copied().unwrap_or(usize::MAX)
    }

    /// The connection of the last attempt, if the server that it led to saw the request.
    fn carrier(&self) -> Option<(Carried, &Stamps)> {
        let (last, carried) = (self.outcome.attempts.last()?, self.told.carried?);
        let stamps = self.clocks.servers.get(carried.number)?;
        let began = last.started.as_nanos();
        let is_its = stamps.endpoint == self.place_of(last.endpoint.id)
            && if last.reused { stamps.opened <= began } else { stamps.opened == began };
        (is_its || self.outcome.attempts.len() == 1).then_some((carried, stamps))
    }

    fn judge_attempts(&self, attempts: &[Attempt], judged: &mut Judged) {
        if let (Some(last), Some((carried, stamps))) = (attempts.last(), self.carrier()) {
            judged.push(("which server had it", stamps.endpoint == self.place_of(last.endpoint.id)));
            judged.push(("whether the connection had served before", last.reused == (carried.from > 0)));
        }
        for attempt in attempts {
            let Attempt { endpoint, reused: _, started, took, result } = attempt;
            let (began, place) = (started.as_nanos(), self.place_of(endpoint.id));
            let ended = began + nanos(*took);
            let mut there = self.clocks.servers.iter().filter(|stamps| stamps.endpoint == place);
            match result {
                AttemptResult::ConnectFailed(error) => {
                    let failed = |stamps: &Stamps| {
                        let by_us = *error == NetError::TimedOut && stamps.closed == Some(ended);
                        stamps.opened == began && (stamps.died == Some((*error, ended)) || by_us)
                    };
                    judged.push(("how connecting failed", there.any(failed)));
                }
                AttemptResult::Stale => {
                    let died = |stamps: &Stamps| {
                        let at = stamps.died.map(|(_, at)| at);
                        stamps.opened <= began && (at == Some(ended) || stamps.closed == Some(ended))
                    };
                    judged.push(("when a connection proved stale", there.any(died)));
                }
                AttemptResult::Ok | AttemptResult::Failed(_) => {
                    let answered = self.outcome.marks.answered.as_nanos();
                    judged.push(("how long the last attempt took", ended == answered));
                }
                AttemptResult::Pending => judged.push(("how an attempt ended", false)),
            }
        }
    }

    fn judge_marks(&self, marks: Marks, judged: &mut Judged) {
        let Marks { head: _, leased, connected, sent, responded, answered } = marks;
        let attempts = &self.outcome.attempts;
        judged.push(("when it had a connection", leased == attempts.first().map(|first| first.started)));
        if let [only] = &attempts[..] {
            let stood = if only.reused { Some(only.started.as_nanos()) } else { self.stood(only) };
            judged.push(("when its connection stood", connected.map(proxy_core::Instant::as_nanos) == stood));
        }
        let Some((carried, _)) = self.carrier().filter(|_| !self.told.was_grumbled_at) else { return };
        let Some(history) = self.clocks.server_histories.get(carried.number) else { return };
        let answered = answered.as_nanos();
        // What happened at the very moment of the end may have come before it or after it.
        let fits = |mark: Option<proxy_core::Instant>, at: Option<Nanos>| match at {
            Some(at) if at < answered => mark.is_some_and(|mark| mark.as_nanos() == at),
            Some(at) if at == answered => mark.is_none_or(|mark| mark.as_nanos() == at),
            Some(_) | None => mark.is_none(),
        };
        if let Some(to) = carried.to {
            judged.push(("when the request was out", fits(sent, history.given.reached(to))));
        }
        let is_well = self.outcome.reason == Reason::Ok;
        let is_read =
            matches!(Verdict::on_answer(self.script, self.id), Verdict::Served | Verdict::CutResponse);
        let Some((head, ends)) = carried.answer.filter(|_| is_read) else { return };
        let at = history.taken.reached(head);
        judged.push((
            "when the response's head came",
            fits(responded, at) && (!is_well || responded.is_some()),
        ));
        if is_well && self.outcome.status != Some(101) {
            let whole = history.taken.reached(ends);
            let is_open = wording::is_close_delimited(self.script, self.id)
                && wording::method(self.script, self.id) != Method::Head;
            let at = if is_open { history.ended } else { whole };
            judged.push(("when the answer was whole", at == Some(answered)));
        }
    }

    /// When the connection of a fresh attempt stood, if it did.
    fn stood(&self, attempt: &Attempt) -> Option<Nanos> {
        let (began, place) = (attempt.started.as_nanos(), self.place_of(attempt.endpoint.id));
        let mut there =
            self.clocks.servers.iter().filter(|stamps| stamps.opened == began && stamps.endpoint == place);
        let (first, others) = (there.next()?, there.count());
        let has_failed = matches!(attempt.result, AttemptResult::ConnectFailed(_));
        // Several were asked for at the same moment: any of them.
        match self.carrier() {
            _ if has_failed => None,
            Some((_, stamps)) => stamps.stood,
            None if others == 0 => first.stood,
            None => self.outcome.marks.connected.map(proxy_core::Instant::as_nanos),
        }
    }

    fn judge_received(&self, received: u64, judged: &mut Judged) {
        let is_whole = self.told.carried.is_some_and(|carried| carried.to.is_some());
        let is_read = Verdict::on(self.script, self.id) != Verdict::BadBody;
        if self.outcome.reason == Reason::Ok && is_whole && is_read && self.outcome.status != Some(101) {
            let all = wording::request_content(self.script, self.id).len() as u64;
            let may_be_early = self.script.answer(self.id).early || self.told.was_grumbled_at;
            judged.push(("what came of its body", received == all || may_be_early));
        }
    }

    /// Whether `total` did not count for it: its route is for streams, or its answer was one.
    fn was_streamed(&self, place: Option<usize>, marks: Marks) -> bool {
        let Some(place) = place else { return false };
        let route = routes::all(self.script).get(place);
        let says_so = marks.responded.is_some() && wording::is_streamed(self.script, self.id);
        route.is_some_and(|route| route.stream) || (says_so && !self.told.was_grumbled_at)
    }
}
