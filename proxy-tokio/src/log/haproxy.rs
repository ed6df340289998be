//! HAProxy's HTTP log format, as near as our data come to it: the same fields in the same order, `-` for what we don't
//! have (cookies, connection counts, captured fields).

use super::Line;
use super::combined::write_request;
use super::text::flags;
use std::fmt::Write;

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    let times = &outcome.times;
    let time = line.started.strftime("%d/%b/%Y:%H:%M:%S%.3f");
    let server = line.endpoint().map_or_else(|| "<NOSRV>".into(), |addr| addr.to_string());
    let status = outcome.status.map_or_else(|| "-1".into(), |status| status.to_string());
    let retries = outcome.attempts.len().saturating_sub(1);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{} [{time}] {} {}/{server} {}/{}/{}/{}/{} {status} {} - - {}-- -/-/-/-/{retries} -/- ",
        outcome.peer,
        line.listener(),
        line.cluster().unwrap_or("<NONE>"),
        times.head.as_millis(),
        times.queue.as_millis(),
        times.connect.as_millis(),
        (times.send + times.first_byte).as_millis(),
        outcome.ended.since(outcome.started).as_millis(),
        outcome.sent,
        flags(outcome),
    );
    write_request(line, out);
    out.push('\n');
}
