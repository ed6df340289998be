//! Every limit on waiting, to the moment: none may fire early, or later than a tick after it was due. What restarts a
//! limit is seen from outside, on the proxy's connections.

use super::Facts;
use crate::faults::Fault;
use crate::model::limits::{limit, limit_of};
use crate::model::routes;
use crate::script::Script;
use crate::setup;
use crate::stamps::{Clocks, Stamps};
use crate::time::{MS, Nanos, SECOND, nanos, within};
use crate::wording;
use proxy_core::{AttemptResult, NetError, Outcome, Reason, Timer};

/// What speaks against the times of an outcome. `decided`: when it was clear how it would end; a reply of the proxy's own
/// may take its time after that.
pub(super) struct Timing<'a> {
    pub(super) script: &'a Script,
    pub(super) id: u32,
    pub(super) outcome: &'a Outcome,
    pub(super) decided: Nanos,
    pub(super) slack: Nanos,
    pub(super) clocks: &'a Clocks,
    /// When all of the request had reached the proxy's kernel.
    pub(super) sent: Option<Nanos>,
}

/// Faults that may keep the proxy from reading of a client.
const DELAYING: [Fault; 4] = [Fault::Splits, Fault::SmallWindows, Fault::Bandwidth, Fault::EarlyAnswers];

impl Timing<'_> {
    fn limit(&self, key: &str) -> Option<Nanos> {
        limit_of(self.script, self.id, key)
    }

    /// Whether a limit that runs since then fired when it was due.
    fn is_due(&self, key: &str, since: Nanos) -> bool {
        self.limit(key).is_some_and(|limit| within(self.decided.saturating_sub(since), limit, self.slack))
    }

    /// Whether a limit that runs since some moment between the two fired when it was due.
    fn is_due_between(&self, key: &str, earliest: Nanos, latest: Nanos) -> bool {
        self.limit(key).is_some_and(|limit| {
            earliest + limit <= self.decided && self.decided <= latest + limit + self.slack
        })
    }

    /// The connection that the request was on when the end was decided: one of these.
    fn servers(&self) -> Vec<Stamps> {
        let Some(attempt) = self.outcome.attempts.last() else { return Vec::new() };
        let place = setup::endpoints(self.script).get(attempt.endpoint.id.index()).copied();
        let began = attempt.started.as_nanos();
        place.map_or_else(Vec::new, |place| self.clocks.closed_at(self.decided, place, began))
    }

    /// What is wrong.
    pub(super) fn complaints(&self) -> Vec<&'static str> {
        let mut complaints = Vec::new();
        complaints.extend(self.wrong_limit());
        complaints.extend(self.overdue_limit());
        complaints.extend(self.wrong_phases());
        complaints.extend(self.wrong_attempts());
        complaints
    }

    /// Whether the limit that ended it was due.
    fn wrong_limit(&self) -> Option<&'static str> {
        let Reason::Timeout(timer) = self.outcome.reason else { return None };
        let mut servers = self.servers();
        if servers.is_empty() {
            servers.push(Stamps::default());
        }
        let complaints = servers.iter().map(|server| self.wrong_limit_on(timer, server)).collect::<Vec<_>>();
        if complaints.contains(&None) { None } else { complaints.into_iter().flatten().next() }
    }

    fn wrong_limit_on(&self, timer: Timer, server: &Stamps) -> Option<&'static str> {
        let outcome = self.outcome;
        let client = self.clocks.client(Script::client_of(self.id));
        let started = outcome.started.as_nanos();
        let last = outcome.attempts.last();
        // What the client did while it took a reply of the proxy's own is of no interest.
        let latest = if outcome.ended.as_nanos() == self.decided {
            server.moved().max(client.moved())
        } else {
            Nanos::MAX / 2
        };
        let (holds, complaint) = match timer {
            Timer::Queue => {
                let head_ends = started + nanos(outcome.times().head);
                let tried = last.map(|attempt| attempt.started.as_nanos() + nanos(attempt.took));
                (self.is_due("queue", tried.unwrap_or(head_ends)), "`queue` fired at another time")
            }
            Timer::Connect => {
                let began = last.map_or(0, |attempt| attempt.started.as_nanos());
                (self.is_due("connect", began), "`connect` fired at another time")
            }
            Timer::UpstreamHead => {
                let sent = self.decided - nanos(outcome.times().first_byte);
                (self.is_due("head", sent), "`head` fired at another time")
            }
            Timer::UpstreamRead => {
                (self.is_due_between("read", server.moved(), latest), "`read` fired early or late")
            }
            Timer::UpstreamWrite => {
                let earliest = server.took.max(server.stood.unwrap_or(0));
                (self.is_due_between("write", earliest, latest), "`write` fired at another time")
            }
            Timer::Total => {
                // Before the head is read nobody knows which route's it is.
                let head_ends = started + nanos(outcome.times().head);
                let is_due = self.is_due("total", started) || within(self.decided, head_ends, self.slack);
                // A stream has all the time that it takes, but for `stream.idle`.
                let is_due = is_due && !outcome.streamed;
                (is_due, "`total` fired at another time")
            }
            Timer::ClientBody => {
                let earliest = if latest < self.decided { client.heard } else { 0 };
                let is_due = self.is_due_between("client.body", earliest, latest) || self.is_too_slow();
                (is_due, "`client.body` fired at another time")
            }
            Timer::ClientWrite => (
                self.is_due_between("client.write", client.took, Nanos::MAX / 2),
                "`client.write` fired early",
            ),
            Timer::StreamIdle => {
                let moved = self.client_moved().max(server.moved());
                (self.is_due("stream.idle", moved), "`stream.idle` fired at another time")
            }
            Timer::ClientHead
            | Timer::ClientKeepAlive
            | Timer::Linger
            | Timer::UpstreamKeepAlive
            | Timer::Drain => (false, "an exchange can't end so"),
        };
        (!holds).then_some(complaint)
    }

    /// When octets last moved on the client's connection before the end was decided: what came is delivered after that.
    fn client_moved(&self) -> Nanos {
        let history = self.clocks.client_history(Script::client_of(self.id));
        let courses = history.into_iter().flat_map(|history| [&history.taken, &history.given]);
        courses.filter_map(|course| course.last_before(self.decided)).max().unwrap_or(0)
    }

    /// Whether the client's body fell behind the least rate.
    fn is_too_slow(&self) -> bool {
        let rate = Nanos::from(setup::body_rate(self.script));
        let (Some(limit), Some(deserved)) =
            (self.limit("client.body"), (self.outcome.received * 1_000).checked_div(rate))
        else {
            return false;
        };
        self.outcome.started.as_nanos() + limit + deserved * MS <= self.decided
    }

    /// Whether a body came whole although it was below the least rate, with nobody but its client to wait for.
    fn was_let_dawdle(&self) -> bool {
        let (outcome, times) = (self.outcome, &self.outcome.times());
        let rate = Nanos::from(setup::body_rate(self.script));
        let (Some(sent), Some(limit), Some(deserved)) =
            (self.sent, self.limit("client.body"), (outcome.received * 1_000).checked_div(rate))
        else {
            return false;
        };
        let ready =
            outcome.started.as_nanos() + nanos(times.head) + nanos(times.queue) + nanos(times.connect);
        let is_slow = ready + limit + deserved * MS + self.slack < sent;
        is_slow
            && outcome.reason == Reason::Ok
            && outcome.attempts.len() == 1
            && !wording::expects(self.script, self.id)
            && !wording::upgrades(self.script, self.id)
            && DELAYING.iter().all(|fault| !self.script.faults.contains(fault))
    }

    /// Whether another limit should have ended it before.
    fn overdue_limit(&self) -> Option<&'static str> {
        let (outcome, times) = (self.outcome, &self.outcome.times());
        let is_over = |key, lasted: Nanos| self.limit(key).is_some_and(|limit| lasted > limit + self.slack);
        let lasted = self.decided - outcome.started.as_nanos();
        let is_at_once = within(lasted, nanos(times.head), self.slack);
        if self.was_let_dawdle() {
            return Some("`client.body_rate` was not kept");
        }
        if is_over("queue", nanos(times.queue)) {
            return Some("`queue` was overrun");
        }
        if is_over("head", nanos(times.first_byte)) {
            return Some("`head` was overrun");
        }
        let route =
            routes::place_of(self.script, self.id).and_then(|at| routes::all(self.script).get(at).copied());
        let is_stream = route.is_some_and(|route| route.stream) && outcome.route().is_some();
        if outcome.streamed && !is_stream && !wording::is_streamed(self.script, self.id) {
            return Some("it is no stream");
        }
        if !outcome.streamed && is_stream {
            return Some("it is a stream");
        }
        if !outcome.streamed && !is_at_once && is_over("total", lasted) {
            return Some("`total` was overrun");
        }
        let late = |result| matches!(result, AttemptResult::ConnectFailed(_));
        let mut failed = outcome.attempts.iter().filter(|attempt| late(attempt.result));
        if failed.any(|attempt| is_over("connect", nanos(attempt.took))) {
            return Some("`connect` was overrun");
        }
        None
    }

    /// Whether each phase lasts from the end of the one before it.
    fn wrong_phases(&self) -> Option<&'static str> {
        let times = &self.outcome.times();
        let phases = [times.head, times.queue, times.connect, times.send, times.first_byte, times.body];
        let sum = phases.into_iter().map(nanos).sum::<Nanos>();
        let lasted = nanos(self.outcome.ended.since(self.outcome.started));
        // An early response overlaps with its request, and so may what a server says that closes an idle connection.
        let is_early = self.script.answer(self.id).early || self.outcome.status == Some(408);
        let fits = sum == lasted || (sum > lasted && is_early);
        (!fits).then_some("its phases do not add up")
    }

    fn wrong_attempts(&self) -> Option<&'static str> {
        let outcome = self.outcome;
        let ends = |at: usize| outcome.attempts[at].started.after(outcome.attempts[at].took);
        for (at, attempt) in outcome.attempts.iter().enumerate() {
            let begins = if at == 0 { outcome.started } else { ends(at - 1) };
            if attempt.started < begins || ends(at) > outcome.ended {
                return Some("an attempt began before the one ahead of it ended");
            }
            let is_last = at + 1 == outcome.attempts.len();
            let fits = match attempt.result {
                AttemptResult::Pending => false,
                // What went wrong after it was whole was the client's doing.
                AttemptResult::Ok => is_last,
                AttemptResult::Failed(reason) => is_last && reason == outcome.reason,
                AttemptResult::Stale => attempt.reused,
                AttemptResult::ConnectFailed(_) => !attempt.reused,
            };
            if !fits {
                return Some("an attempt ended otherwise than the request");
            }
            let again = |other: &proxy_core::Attempt| {
                other.endpoint == attempt.endpoint && matches!(other.result, AttemptResult::ConnectFailed(_))
            };
            if outcome.attempts[..at].iter().any(again) {
                return Some("an endpoint was tried again that could not be reached");
            }
        }
        None
    }
}

impl Facts {
    /// The proxy closed a connection that owed nobody anything, because its time was over.
    pub(crate) fn idled(&mut self, now: Nanos, is_client: bool, stamps: Stamps, slack: Nanos) {
        let script = &self.script;
        if script.drain_ends().is_some_and(|at| at <= now) {
            return;
        }
        let (what, since, limit) = match (is_client, stamps.shut) {
            (true, Some(shut)) => ("lingered for", shut, Some(LINGER)),
            (true, None) => ("kept", stamps.opened.max(stamps.took), limit(script, "client.keepalive")),
            (false, _) => ("pooled", stamps.heard, self.pooled_for(stamps.endpoint)),
        };
        let waited = now - since;
        let has_raw = script.answers.iter().any(|answer| answer.raw > 0);
        // How long a client waited until it was let in is not known here.
        let may_be_late = is_client && script.limits.clients > 0;
        let fits = limit.is_some_and(|limit| within(waited, limit, slack) || (may_be_late && waited > limit));
        // Not all of those hint at anything.
        let fits = fits
            || (!is_client
                && has_raw
                && self::limit(script, "upstream.keepalive")
                    .is_some_and(|limit| within(waited, limit, slack)));
        if !fits {
            self.violate(format!("a connection was {what} {} ms, and not {limit:?}", waited / MS));
        }
    }

    /// How long a connection to an endpoint may idle.
    fn pooled_for(&self, endpoint: usize) -> Option<Nanos> {
        let own = limit(&self.script, "upstream.keepalive");
        let hint = Nanos::from(self.script.endpoint(endpoint).hint);
        let hinted = (hint > 0).then(|| (hint - 1) * SECOND);
        own.into_iter().chain(hinted).min()
    }
}

/// Whether the result of an attempt is that connecting took too long.
pub(super) const fn was_late(result: AttemptResult) -> bool {
    matches!(result, AttemptResult::ConnectFailed(NetError::TimedOut))
}

/// How long a client that may still send is read from after FIN; fixed, says docs/timeouts.md.
const LINGER: Nanos = 2 * SECOND;
