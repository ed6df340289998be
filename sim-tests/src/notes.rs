//! Which interesting state an outcome is a sign of.

use crate::ledger::Ledger;
use crate::lines::{Fate, Line, OF_REQUESTS, OF_TRAILERS, chosen};
use crate::model::limits::limit_of;
use crate::model::verdict::Verdict;
use crate::script::{AnswerFraming, Leave, Script};
use crate::setup;
use crate::time::{MS, Nanos};
use crate::wording;
use proxy_core::{AttemptResult, Input, NetError, Outcome, Phase, Reason, Timer};
use std::time::Duration;

/// What led to an action, as far as the ledger cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Tick,
    Wanted,
    Granted,
    Other,
}

impl Cause {
    pub(crate) const fn of(input: &Input) -> Self {
        match input {
            Input::Tick => Self::Tick,
            Input::Wanted { .. } => Self::Wanted,
            Input::Granted { .. } => Self::Granted,
            _ => Self::Other,
        }
    }
}

/// Notes what the end of a request is a sign of.
pub(crate) fn note(ledger: &mut Ledger, script: &Script, id: u32, outcome: &Outcome) {
    note_end(ledger, outcome);
    note_lateness(ledger, script, id, outcome);
    note_attempts(ledger, outcome);
    if outcome.reason == Reason::Ok {
        note_served(ledger, script, id, outcome);
    }
    if Verdict::on(script, id).reason() == outcome.reason.as_str() {
        ledger.note_entry(script.raw_request(id).map(|raw| raw.name));
        ledger.note_entry(script.raw_answer(id).map(|raw| raw.name));
    }
}

fn note_lateness(ledger: &mut Ledger, script: &Script, id: u32, outcome: &Outcome) {
    let lasted = outcome.ended.since(outcome.started).as_nanos();
    let is_total_over = limit_of(script, id, "total").is_some_and(|total| lasted > total.into());
    match outcome.reason {
        Reason::Timeout(Timer::Total) | Reason::Ok => {}
        Reason::Timeout(_) if is_total_over && !outcome.streamed && outcome.request.is_some() => {
            ledger.note("several limits of one request were over at once");
        }
        _ => {}
    }
}

fn note_end(ledger: &mut Ledger, outcome: &Outcome) {
    let own = |status| outcome.status == Some(status);
    let name = match (outcome.reason, outcome.flags.phase) {
        (Reason::Ok, _) if own(200) => "200",
        (Reason::BadRequest, _) => "400: a request that no proxy may accept",
        (Reason::Timeout(Timer::ClientHead), _) => "408: head",
        (Reason::Timeout(Timer::ClientBody), _) if own(408) => "408: body",
        (Reason::Timeout(Timer::ClientBody), _) => "cut: the client stopped sending",
        (Reason::ClientAborted, Phase::Request) => "499: while reading the head",
        (Reason::ClientAborted, Phase::Connect) => "499: while connecting",
        (Reason::ClientAborted, Phase::Queue) => "499: queued",
        (Reason::ClientAborted, Phase::Head) => "499: before the response head",
        (Reason::ClientAborted, Phase::Data) => "499: in the response body",
        (Reason::ConnectRefused, _) => "502: refused",
        (Reason::UpstreamReset, Phase::Head) => "502: reset before the response head",
        (Reason::UpstreamClosedEarly, Phase::Head) => "502: closed before the response head",
        (Reason::UpstreamBadResponse, Phase::Head) => "502: not HTTP",
        (Reason::UpstreamBadResponse, Phase::Data) => "cut: upstream broke a rule in the body",
        (Reason::UpstreamHeadTooLarge, _) => "502: response head too large",
        (Reason::ConnectUnreachable, _) => "502: unreachable",
        (Reason::ConnectExhausted, _) => "502: out of descriptors",
        (Reason::NoHealthyEndpoint, _) => "503: no server",
        (Reason::NoRoute, _) => "404: no route",
        (Reason::RequestTooLarge, Phase::Request) if own(413) => "413: by its length",
        (Reason::RequestTooLarge, _) if own(413) => "413: by counting",
        (Reason::RequestTooLarge, _) => "414, 431: a head over a limit",
        (Reason::Timeout(Timer::StreamIdle), _) if own(101) => "cut: an idle tunnel",
        (Reason::Timeout(Timer::StreamIdle), _) => "cut: an idle stream",
        (Reason::QueueFull, _) => "503: queue full",
        (Reason::Timeout(Timer::Queue), _) => "503: queue timeout",
        (Reason::Timeout(Timer::Connect), _) => "504: connect",
        (Reason::Timeout(Timer::UpstreamRead), _) if own(504) => "504: read",
        (Reason::Timeout(Timer::UpstreamRead), _) => "cut: upstream late in the body",
        (Reason::Timeout(Timer::UpstreamHead), _) => "504: head",
        (Reason::Timeout(Timer::UpstreamWrite), _) if own(504) => "504: write",
        (Reason::Timeout(Timer::UpstreamWrite), _) => "cut: upstream stopped reading",
        (Reason::Timeout(Timer::Total), _) if own(504) => "504: total",
        (Reason::Timeout(Timer::Total), _) => "cut: total",
        (Reason::Timeout(Timer::ClientWrite), _) => "cut: the client stopped reading",
        (Reason::Draining, _) => "cut: drain",
        (Reason::UpstreamReset | Reason::UpstreamClosedEarly, Phase::Data) => {
            "cut: upstream ended in the body"
        }
        _ => return,
    };
    ledger.note(name);
}

/// What is told of a request that was served although these limits were off.
const SERVED_WITHOUT: [(&str, &str); 12] = [
    ("client.head", "served without `client.head`"),
    ("client.body", "served without `client.body`"),
    ("client.write", "served without `client.write`"),
    ("client.keepalive", "served without `client.keepalive`"),
    ("queue", "served without `queue`"),
    ("connect", "served without `connect`"),
    ("write", "served without `write`"),
    ("read", "served without `read`"),
    ("total", "served without `total`"),
    ("stream.idle", "served without `stream.idle`"),
    ("upstream.keepalive", "served without `upstream.keepalive`"),
    ("drain", "served without `drain`"),
];

const USUAL_TOTAL: Duration = Duration::from_secs(30);

const SLOWLY: Duration = Duration::from_millis(50);

fn note_attempts(ledger: &mut Ledger, outcome: &Outcome) {
    for attempt in &outcome.attempts {
        let is_other = attempt.result == AttemptResult::ConnectFailed(NetError::Other);
        if is_other && outcome.status == Some(502) {
            ledger.note("502: connecting failed otherwise");
        }
        match (attempt.reused, attempt.result) {
            (_, AttemptResult::ConnectFailed(_)) if outcome.reason == Reason::Ok => {
                ledger.note("a connect failed and the next endpoint served");
            }
            (_, AttemptResult::Stale) => {
                ledger.note("a pooled connection was stale and the request went on elsewhere");
            }
            (true, AttemptResult::Ok) => ledger.note("a pooled connection was reused"),
            (true, AttemptResult::Failed(Reason::UpstreamReset | Reason::UpstreamClosedEarly))
                if outcome.status == Some(502) =>
            {
                ledger.note("a pooled connection was stale and the request could not be sent again");
            }
            _ => {}
        }
    }
}

fn note_served(ledger: &mut Ledger, script: &Script, id: u32, outcome: &Outcome) {
    let client = script.client(Script::client_of(id));
    let answer = script.answer(id);
    if !outcome.times().queue.is_zero() {
        ledger.note("a request was queued and then served");
    }
    let sent = wording::request_content(script, id).len() as u64;
    if answer.early && outcome.received < sent {
        ledger.note("an answer came before the request was over");
    }
    if client.http10 && answer.framing == AnswerFraming::Chunked && outcome.sent > 0 {
        ledger.note("an answer to a 1.0 client was ended by closing");
    }
    if client.leave == Leave::HalfCloses
        && id == Script::id(Script::client_of(id), Script::count(&client) - 1)
    {
        ledger.note("a client half-closed and was served");
    }
    if wording::expects(script, id) && !client.pipelined {
        ledger.note("a request waited for 100");
    }
    note_limits(ledger, script, id, outcome);
    note_tunnel(ledger, script, id);
    note_fields(ledger, script, id);
    let endpoint = outcome.attempts.last().and_then(|attempt| {
        setup::endpoints(script).get(attempt.endpoint.id.index()).map(|place| script.endpoint(*place))
    });
    let cycle = endpoint
        .filter(|endpoint| endpoint.down > 0)
        .map(|endpoint| endpoint.up.saturating_add(endpoint.down));
    if cycle.is_some_and(|cycle| outcome.started.as_nanos() > Nanos::from(cycle) * MS) {
        ledger.note("an endpoint served after it had been down");
    }
    if outcome.status == Some(408) {
        ledger.note("a server's farewell crossed a request");
    }
    let lasted = outcome.ended.since(outcome.started).as_nanos();
    if outcome.streamed && limit_of(script, id, "total").is_some_and(|total| lasted > total.into()) {
        ledger.note("a stream outlived `total`");
    }
    if client.pipelined && id > Script::id(Script::client_of(id), 0) {
        ledger.note("pipelined requests were answered in order");
    }
}

fn note_limits(ledger: &mut Ledger, script: &Script, id: u32, outcome: &Outcome) {
    for (key, name) in SERVED_WITHOUT {
        if limit_of(script, id, key).is_none() {
            ledger.note(name);
        }
    }
    let lasted = outcome.ended.since(outcome.started);
    if limit_of(script, id, "total").is_none() && !outcome.streamed && lasted > USUAL_TOTAL {
        ledger.note("served later than the usual `total`, which was off");
    }
    if !script.bandwidths.is_empty() && lasted > SLOWLY {
        ledger.note("octets came slowly over a slow connection");
    }
    match outcome.status {
        Some(101) => ledger.note("a 101 was the answer"),
        Some(_) if outcome.streamed => ledger.note("a stream was served"),
        _ => {}
    }
}

fn note_tunnel(ledger: &mut Ledger, script: &Script, id: u32) {
    if !wording::upgrades(script, id) {
        return;
    }
    let (is_eager, answer) = (wording::is_eager(script, id), script.answer(id));
    ledger.note(match (wording::switches(script, id), answer.closes) {
        (true, _) if is_eager => "octets for a tunnel came behind the request for it",
        (true, true) => "a tunnel was ended by its server first",
        (true, false) => "a tunnel was ended by its client first",
        (false, _) if is_eager => "octets came for a tunnel that was refused",
        (false, _) => "a tunnel was refused",
    });
}

fn note_fields(ledger: &mut Ledger, script: &Script, id: u32) {
    let (index, request, answer) = (Script::client_of(id), script.request(id), script.answer(id));
    if request.raw == 0 {
        let is_claim = |line: &Line| matches!(line.fate, Fate::Believed | Fate::Joined);
        if chosen(&OF_REQUESTS, request.lines).any(is_claim) {
            ledger.note(if setup::is_trusted(script, index) {
                "a trusted proxy was believed"
            } else {
                "a stranger was not believed"
            });
        }
    }
    let has_kept = |bits: u8| chosen(&OF_TRAILERS, bits.into()).any(|line| line.fate == Fate::Kept);
    if request.raw == 0 && has_kept(request.trailers) && wording::is_chunked_request(script, id) {
        ledger.note("trailers went to a server");
    }
    let method = wording::method(script, id);
    if answer.raw == 0 && has_kept(answer.trailers) && wording::is_chunked(&answer, method) {
        ledger.note("trailers came from a server");
    }
    if answer.raw == 0 && !wording::all_interims(script, id).is_empty() {
        ledger.note("interim responses went ahead of a final one");
    }
    if answer.raw == 0 && answer.http10 {
        ledger.note("a 1.0 server served");
    }
    if script.crowd > 0 {
        ledger.note("a crowd was served");
    }
}
