//! Apache's combined log format. The core keeps no Referer and no User-Agent: both are `-`.

use super::Line;
use super::text::Escaped;
use std::fmt::Write;

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    let time = line.started.strftime("%d/%b/%Y:%H:%M:%S %z");
    // Writing to a string cannot fail, here and below.
    let _ = write!(out, "{} - - [{time}] ", outcome.peer.ip());
    write_request(line, out);
    let _ = match outcome.status {
        Some(status) => write!(out, " {status} "),
        None => write!(out, " - "),
    };
    let _ = match outcome.sent {
        0 => writeln!(out, "- \"-\" \"-\""),
        sent => writeln!(out, "{sent} \"-\" \"-\""),
    };
}

/// The request line in quotes.
pub(super) fn write_request(line: &Line<'_>, out: &mut String) {
    let _ = match &line.outcome.request {
        Some(request) => {
            let version = super::text::version(request);
            write!(out, "\"{} {} {version}\"", Escaped(&request.method), Escaped(&request.target))
        }
        None => write!(out, "\"-\""),
    };
}
