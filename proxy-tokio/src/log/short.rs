//! For people: one line per exchange, and below it, indented, in words what went wrong.

use super::Line;
use super::explain::{explain, tried};
use super::text::{Escaped, duration, flags};
use std::fmt::Write;

/// As wide as the time that stands before the first line.
const INDENT: &str = "             ";

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    let status = outcome.status.map_or_else(|| "---".into(), |status| status.to_string());
    let color = |code: &'static str| if line.site.color { code } else { "" };
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        out,
        "{}{}{} {}{status}{} ",
        color(DIM),
        line.ended.strftime("%H:%M:%S%.3f"),
        color(RESET),
        color(status_color(outcome.status)),
        color(RESET)
    );
    write_request(line, out);
    write_upstream(line, out);
    let total = duration(outcome.ended.since(outcome.started));
    let _ = write!(out, "  {total}  {} {}", flags(outcome), outcome.reason.as_str());
    if outcome.streamed {
        out.push_str(" stream");
    }
    out.push('\n');
    for text in [explain(line), tried(line)].into_iter().flatten() {
        let _ = writeln!(out, "{INDENT}{}{text}{}", color(DIM), color(RESET));
    }
}

fn write_request(line: &Line<'_>, out: &mut String) {
    let Some(request) = &line.outcome.request else {
        let _ = write!(out, "(no request) from {}", line.outcome.peer);
        return;
    };
    let _ = write!(out, "{} ", Escaped(&request.method));
    // The absolute form names the host itself.
    if !request.target.starts_with(b"http") {
        let _ = write!(out, "{}", Escaped(&request.host));
    }
    let _ = write!(out, "{}", Escaped(&request.target));
}

fn write_upstream(line: &Line<'_>, out: &mut String) {
    let _ = match (line.cluster(), line.endpoint()) {
        (Some(cluster), Some(endpoint)) => write!(out, " → {cluster}/{endpoint}"),
        (Some(cluster), None) => write!(out, " → {cluster}"),
        (None, _) => Ok(()),
    };
}

const fn status_color(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=299) => "\x1b[32m",
        Some(300..=399) => "\x1b[36m",
        Some(400..=499) => "\x1b[33m",
        Some(_) | None => "\x1b[31m",
    }
}
