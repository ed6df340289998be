//! Apache's combined log format. The core keeps no Referer and no User-Agent: both are `-`.

use super::Line;
use super::text::{push_escaped, push_ip, push_number, version};

pub(super) fn write(line: &Line<'_>, out: &mut String) {
    let outcome = line.outcome;
    push_ip(out, outcome.peer.ip());
    out.push_str(" - - [");
    out.push_str(line.stamp.second);
    out.push_str("] ");
    write_request(line, out);
    out.push(' ');
    push_or_dash(out, outcome.status.map(u64::from));
    out.push(' ');
    push_or_dash(out, Some(outcome.sent).filter(|sent| *sent > 0));
    out.push_str(" \"-\" \"-\"\n");
}

fn push_or_dash(out: &mut String, number: Option<u64>) {
    match number {
        Some(number) => push_number(out, number),
        None => out.push('-'),
    }
}

/// The request line in quotes.
pub(super) fn write_request(line: &Line<'_>, out: &mut String) {
    out.push('"');
    match &line.outcome.request {
        Some(request) => {
            push_escaped(out, &request.method);
            out.push(' ');
            push_escaped(out, &request.target);
            out.push(' ');
            out.push_str(version(request));
        }
        None => out.push('-'),
    }
    out.push('"');
}
