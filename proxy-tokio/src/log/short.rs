//! For people: one line per exchange, and below it, indented, in words what went wrong.

use super::Line;
use super::explain::{explain, tried};
use super::text::{push_duration, push_escaped, push_flags, push_millis, push_number};
use std::fmt::Write;

/// As wide as the time that stands before the first line.
const INDENT: &str = "             ";

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    painted(line, DIM, out, |out| push_millis(out, line.stamp));
    out.push(' ');
    painted(line, status_color(outcome.status), out, |out| match outcome.status {
        Some(status) => push_number(out, status.into()),
        None => out.push_str("---"),
    });
    out.push(' ');
    write_request(line, out);
    write_upstream(line, out);
    out.push_str("  ");
    push_duration(out, outcome.ended.since(outcome.started));
    out.push_str("  ");
    push_flags(out, outcome);
    out.push(' ');
    out.push_str(outcome.reason.as_str());
    if outcome.streamed {
        out.push_str(" stream");
    }
    out.push('\n');
    for text in [explain(line), tried(line)].into_iter().flatten() {
        out.push_str(INDENT);
        painted(line, DIM, out, |out| out.push_str(&text));
        out.push('\n');
    }
}

fn painted(line: &Line<'_>, color: &str, out: &mut String, push: impl FnOnce(&mut String)) {
    if line.site.color {
        out.push_str(color);
        push(out);
        out.push_str(RESET);
    } else {
        push(out);
    }
}

fn write_request(line: &Line<'_>, out: &mut String) {
    let Some(request) = &line.outcome.request else {
        // Writing to a string cannot fail.
        let _ = write!(out, "(no request) from {}", line.outcome.peer);
        return;
    };
    push_escaped(out, &request.method);
    out.push(' ');
    // The absolute form names the host itself.
    if !request.target.starts_with(b"http") {
        push_escaped(out, &request.host);
    }
    push_escaped(out, &request.target);
}

fn write_upstream(line: &Line<'_>, out: &mut String) {
    let Some(cluster) = line.cluster() else { return };
    out.push_str(" → ");
    out.push_str(cluster);
    if let Some(endpoint) = line.endpoint() {
        out.push('/');
        out.push_str(endpoint);
    }
}

const fn status_color(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=299) => "\x1b[32m",
        Some(300..=399) => "\x1b[36m",
        Some(400..=499) => "\x1b[33m",
        Some(_) | None => "\x1b[31m",
    }
}
