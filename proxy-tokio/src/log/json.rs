//! One JSON object per line, with every field of an outcome under a stable name. Times are milliseconds.

use super::Line;
use super::clock::Stamp;
use super::text::{push_escaped, push_flags, push_padded};
use proxy_core::{Attempt, AttemptResult, NetError};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

#[derive(Serialize)]
struct Record<'a> {
    time: String,
    id: String,
    listener: &'a str,
    client: String,
    method: Option<String>,
    host: Option<String>,
    target: Option<String>,
    version: Option<&'static str>,
    status: Option<u16>,
    reason: &'static str,
    flags: String,
    route: Option<&'a str>,
    upstream: Option<&'a str>,
    server: Option<&'a str>,
    attempts: Vec<AttemptRecord<'a>>,
    received: u64,
    sent: u64,
    streamed: bool,
    /// The limit that ran out, its value and where that was said.
    limit: Option<String>,
    ms: Milliseconds,
}

#[derive(Serialize)]
struct AttemptRecord<'a> {
    server: &'a str,
    reused: bool,
    result: &'static str,
    ms: f64,
}

#[derive(Serialize)]
struct Milliseconds {
    head: f64,
    queue: f64,
    connect: f64,
    send: f64,
    first_byte: f64,
    body: f64,
    total: f64,
}

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    // Writing to a string fails only for values that JSON can't say, and there is none in a record.
    let json = serde_json::to_string(&record(line)).unwrap_or_default();
    let _ = writeln!(out, "{json}");
}

fn record<'a>(line: &'a Line<'_>) -> Record<'a> {
    let (outcome, times) = (line.outcome, line.outcome.times());
    let request = outcome.request.as_ref();
    let text = |octets: &[u8]| pushed(|out| push_escaped(out, octets));
    Record {
        time: time(line.stamp),
        id: format!("{:016x}", outcome.id),
        listener: &outcome.listener.name,
        client: outcome.peer.to_string(),
        method: request.map(|request| text(&request.method)),
        host: request.map(|request| text(&request.host)),
        target: request.map(|request| text(&request.target)),
        version: request.map(super::text::version),
        status: outcome.status,
        reason: outcome.reason.as_str(),
        flags: pushed(|out| push_flags(out, outcome)),
        route: line.route(),
        upstream: line.cluster(),
        server: line.endpoint(),
        attempts: outcome.attempts.iter().map(attempt_record).collect(),
        received: outcome.received,
        sent: outcome.sent,
        streamed: outcome.streamed,
        limit: line.limit().map(|limit| limit.to_string()),
        ms: Milliseconds {
            head: ms(times.head),
            queue: ms(times.queue),
            connect: ms(times.connect),
            send: ms(times.send),
            first_byte: ms(times.first_byte),
            body: ms(times.body),
            total: ms(outcome.ended.since(outcome.started)),
        },
    }
}

fn pushed(push: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    push(&mut text);
    text
}

/// To the microsecond, in UTC.
fn time(stamp: Stamp<'_>) -> String {
    pushed(|out| {
        out.push_str(stamp.second);
        out.push('.');
        push_padded(out, (stamp.nanos / 1_000).into(), 6);
        out.push('Z');
    })
}

fn attempt_record(attempt: &Attempt) -> AttemptRecord<'_> {
    AttemptRecord {
        server: &attempt.endpoint.text,
        reused: attempt.reused,
        result: result(attempt.result),
        ms: ms(attempt.took),
    }
}

const fn result(result: AttemptResult) -> &'static str {
    match result {
        AttemptResult::Pending => "pending",
        AttemptResult::Ok => "ok",
        AttemptResult::ConnectFailed(NetError::Refused) => "connect_refused",
        AttemptResult::ConnectFailed(NetError::Unreachable) => "connect_unreachable",
        AttemptResult::ConnectFailed(NetError::Reset) => "connect_reset",
        AttemptResult::ConnectFailed(NetError::TimedOut) => "connect_timeout",
        AttemptResult::ConnectFailed(NetError::Exhausted) => "connect_exhausted",
        AttemptResult::ConnectFailed(NetError::Other) => "connect_failed",
        AttemptResult::Stale => "stale",
        AttemptResult::Failed(reason) => reason.as_str(),
    }
}

/// Milliseconds to the microsecond.
fn ms(duration: Duration) -> f64 {
    // 2⁵³ µs are 285 years.
    #[expect(clippy::cast_precision_loss, reason = "a duration that long is not exact anyway")]
    let micros = duration.as_micros() as f64;
    micros / 1e3
}
