//! Why an exchange failed, as a sentence: who was waited for, for how long, and which limit ended it.

use super::Line;
use super::text::{bytes, duration};
use proxy_core::{AttemptResult, NetError, Outcome, Phase, Reason, Timer};
use proxy_tokio::config_file::TimeoutSetting;
use std::collections::BTreeSet;

impl Line<'_> {
    /// The limit that ended the exchange, if one did.
    pub(super) fn limit(&self) -> Option<TimeoutSetting<'_>> {
        let Reason::Timeout(timer) = self.outcome.reason else { return None };
        let rules = &self.outcome.rules;
        self.site.origins.timeout(&rules.timeouts, rules.route(), timer)
    }
}

/// What went wrong; `None` if nothing did.
pub(super) fn explain(line: &Line<'_>) -> Option<String> {
    let text = match line.outcome.reason {
        Reason::Ok => return None,
        Reason::Timeout(timer) => timed_out(line.outcome, timer),
        reason => failed(line, reason),
    };
    Some(match line.limit() {
        Some(limit) => format!("{text} ({limit})"),
        None => text,
    })
}

fn timed_out(outcome: &Outcome, timer: Timer) -> String {
    let times = &outcome.times();
    let total = duration(outcome.ended.since(outcome.started));
    match timer {
        Timer::ClientHead => {
            format!("the client sent part of a request head, and not the rest within {total}")
        }
        Timer::ClientBody => {
            format!("the client sent {} of its body and then too little", bytes(outcome.received))
        }
        Timer::ClientWrite => format!("the client stopped reading after {}", bytes(outcome.sent)),
        Timer::Queue => format!("waited {} for a free connection to the upstream", duration(times.queue)),
        Timer::Connect => {
            format!("the upstream did not accept a connection within {}", duration(times.connect))
        }
        Timer::UpstreamWrite => {
            format!("the upstream stopped reading the request after {}", duration(times.send))
        }
        Timer::UpstreamRead if outcome.flags.phase == Phase::Data => format!(
            "response began after {}, then fell silent after {}",
            duration(times.first_byte),
            bytes(outcome.sent)
        ),
        Timer::UpstreamRead | Timer::UpstreamHead => {
            let what = if timer == Timer::UpstreamHead { "response head" } else { "first byte" };
            format!(
                "sent request in {}, waited {} for the {what}",
                duration(times.send),
                duration(times.first_byte)
            )
        }
        Timer::Total => format!("took {total}: {}", phases(outcome)),
        Timer::StreamIdle => format!("nothing moved in the stream any more; {} sent", bytes(outcome.sent)),
        Timer::Drain => "shutting down, and the time for it was over".into(),
        // Nothing was measured that says more.
        _ => timer.limit().text.replace("{at}", ""),
    }
}

/// The phases that took time, in order.
fn phases(outcome: &Outcome) -> String {
    let times = &outcome.times();
    let phases = [
        ("head", times.head),
        ("queue", times.queue),
        ("connect", times.connect),
        ("send", times.send),
        ("first byte", times.first_byte),
        ("body", times.body),
    ];
    let told = phases.iter().filter(|(_, took)| took.as_millis() > 0);
    told.map(|(name, took)| format!("{name} {}", duration(*took))).collect::<Vec<_>>().join(", ")
}

fn failed(line: &Line<'_>, reason: Reason) -> String {
    let outcome = line.outcome;
    let server = line.endpoint().unwrap_or("the upstream");
    let so_far = match outcome.sent {
        0 => "before any of the response body was passed on".into(),
        sent => format!("after {} of the response body", bytes(sent)),
    };
    let limits = &line.outcome.rules.limits;
    match reason {
        Reason::ConnectRefused => format!("nobody listens on {server}: connection refused"),
        Reason::ConnectUnreachable => format!("{server} can't be reached: no route to it"),
        Reason::ConnectExhausted => {
            format!("no connection to {server}: this machine is out of file descriptors, ports or memory")
        }
        Reason::UpstreamReset => format!("{server} reset the connection, {so_far}"),
        Reason::UpstreamClosedEarly => format!("{server} closed before the response was whole, {so_far}"),
        Reason::UpstreamBadResponse => format!("{server} sent what is not HTTP/1.1"),
        Reason::UpstreamHeadTooLarge => format!(
            "the response head of {server} is over limits.head_bytes ({}) or limits.fields ({})",
            bytes(limits.head_bytes.into()),
            limits.fields
        ),
        Reason::NoHealthyEndpoint => "the upstream has no server that could be tried".into(),
        Reason::QueueFull => "too many requests wait for a connection already (max_queue)".into(),
        Reason::NoRoute => "no route matches this host and path".into(),
        Reason::BadRequest => "the request is not HTTP/1.1; the reply names the rule".into(),
        Reason::RequestTooLarge => too_large(line),
        Reason::ClientAborted => format!(
            "the client left after {}; {}",
            duration(outcome.ended.since(outcome.started)),
            phases_or_nothing(outcome)
        ),
        Reason::Draining => "shutting down".into(),
        Reason::Ok | Reason::Timeout(_) => String::new(),
    }
}

fn phases_or_nothing(outcome: &Outcome) -> String {
    let phases = phases(outcome);
    if phases.is_empty() { "nothing took noticeable time".into() } else { phases }
}

fn too_large(line: &Line<'_>) -> String {
    let limits = &line.outcome.rules.limits;
    match line.outcome.status {
        Some(413) => "the request body is over limits.request_body".into(),
        Some(414) => {
            format!("the request target is over limits.target_bytes ({})", bytes(limits.target_bytes.into()))
        }
        _ => format!(
            "the request head is over limits.head_bytes ({}) or limits.fields ({})",
            bytes(limits.head_bytes.into()),
            limits.fields
        ),
    }
}

/// What every server said, if more than one try failed or helped.
pub(super) fn tried(line: &Line<'_>) -> Option<String> {
    let attempts = &line.outcome.attempts;
    // A pooled connection that had died meanwhile is nobody's fault and happens every day.
    if attempts.iter().filter(|attempt| attempt.result != AttemptResult::Stale).count() < 2 {
        return None;
    }
    let servers: BTreeSet<_> = attempts.iter().map(|attempt| attempt.endpoint.id).collect();
    let told = attempts.iter().map(|attempt| {
        format!("{} {} ({})", attempt.endpoint.text, result(attempt.result), duration(attempt.took))
    });
    let told = told.collect::<Vec<_>>().join(", ");
    Some(match servers.len() {
        1 => format!("tried {} times: {told}", attempts.len()),
        servers => format!("tried {servers} servers: {told}"),
    })
}

const fn result(result: AttemptResult) -> &'static str {
    match result {
        AttemptResult::Pending => "not done",
        AttemptResult::Ok => "answered",
        AttemptResult::ConnectFailed(NetError::Refused) => "refused",
        AttemptResult::ConnectFailed(NetError::Unreachable) => "unreachable",
        AttemptResult::ConnectFailed(NetError::Reset) => "reset",
        AttemptResult::ConnectFailed(NetError::TimedOut) => "did not connect",
        AttemptResult::ConnectFailed(NetError::Exhausted) => "could not be tried",
        AttemptResult::ConnectFailed(NetError::Other) => "failed",
        AttemptResult::Stale => "stale",
        AttemptResult::Failed(Reason::Timeout(Timer::Connect)) => "did not connect",
        AttemptResult::Failed(Reason::Timeout(Timer::UpstreamRead | Timer::UpstreamHead)) => "silent",
        AttemptResult::Failed(Reason::ConnectRefused) => "refused",
        AttemptResult::Failed(Reason::ConnectUnreachable) => "unreachable",
        AttemptResult::Failed(reason) => reason.as_str(),
    }
}
