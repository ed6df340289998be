//! HAProxy's HTTP log format, as near as our data come to it: the same fields in the same order, `-` for what we don't
//! have (cookies, connection counts, captured fields).

use super::Line;
use super::combined::write_request;
use super::text::{push_flags, push_millis, push_number, whole_millis};
use std::fmt::Write;

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    // Writing to a string cannot fail.
    let _ = write!(out, "{} [", outcome.peer);
    push_millis(out, line.stamp);
    for text in ["] ", &line.outcome.listener.name, " ", line.cluster().unwrap_or("<NONE>")] {
        out.push_str(text);
    }
    out.push('/');
    out.push_str(line.endpoint().unwrap_or("<NOSRV>"));
    write_times(line, out);
    match outcome.status {
        Some(status) => push_number(out, status.into()),
        None => out.push_str("-1"),
    }
    out.push(' ');
    push_number(out, outcome.sent);
    out.push_str(" - - ");
    push_flags(out, outcome);
    out.push_str("-- -/-/-/-/");
    push_number(out, outcome.attempts.len().saturating_sub(1) as u64);
    out.push_str(" -/- ");
    write_request(line, out);
    out.push('\n');
}

/// Head, queue, connection, response, all: in milliseconds.
fn write_times(line: &Line<'_>, out: &mut String) {
    let (outcome, times) = (line.outcome, &line.outcome.times());
    let total = outcome.ended.since(outcome.started);
    let all = [times.head, times.queue, times.connect, times.send + times.first_byte, total];
    for (before, took) in [' ', '/', '/', '/', '/'].into_iter().zip(all) {
        out.push(before);
        push_number(out, whole_millis(took));
    }
    out.push(' ');
}
