//! Pieces that the formats share: what peers sent, made harmless, and durations and sizes as people read them.

use bytesize::ByteSize;
use proxy_core::{Outcome, RequestSummary};
use std::fmt::{self, Display};
use std::time::Duration;

/// Octets from a peer as printable ASCII: no octet of theirs can end a line, close a quote or move a cursor.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |octet: &u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\');
        let mut rest = self.0;
        while let Some(octet) = rest.first() {
            let plain = rest.iter().take_while(|octet| is_plain(octet)).count();
            let (run, after) = rest.split_at(plain);
            if run.is_empty() {
                write!(f, "\\x{octet:02x}")?;
                rest = rest.split_first().map_or(&[], |(_, after)| after);
            } else {
                f.write_str(str::from_utf8(run).unwrap_or_default())?;
                rest = after;
            }
        }
        Ok(())
    }
}

/// The two letters that say who ended an exchange, in which phase.
pub(super) fn flags(outcome: &Outcome) -> String {
    outcome.flags.letters().map(char::from).iter().collect()
}

pub(super) const fn version(request: &RequestSummary) -> &'static str {
    if request.http10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

/// A duration with about three digits.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        0..10 => format!("{}ms", rounded(duration.as_secs_f64() * 1e3)),
        10..1_000 => format!("{:.0}ms", duration.as_secs_f64() * 1e3),
        1_000..10_000 => format!("{:.2}s", duration.as_secs_f64()),
        10_000..60_000 => format!("{:.1}s", duration.as_secs_f64()),
        _ => {
            let seconds = duration.as_secs();
            match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
                (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
            }
        }
    }
}

/// One decimal, unless it says nothing.
fn rounded(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(String::from).unwrap_or(text)
}

/// A number of octets as people read it.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        1 => "1 byte".into(),
        0..1_024 => format!("{size} bytes"),
        _ => ByteSize(size).display().iec().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_peer_can_end_a_line_close_a_quote_or_move_a_cursor() {
        let escaped = Escaped(b"a\r\nb\"c\\d\x1b[2J\xc2\x9b\x7f \0~").to_string();
        assert_eq!(escaped, r"a\x0d\x0ab\x22c\x5cd\x1b[2J\xc2\x9b\x7f\x20\x00~");
    }

    #[test]
    fn durations_have_about_three_digits() {
        let cases = [
            (0, "0ms"),
            (40, "0ms"),
            (1_240, "1.2ms"),
            (10_400, "10ms"),
            (999_400, "999ms"),
            (1_234_000, "1.23s"),
            (15_020_000, "15.0s"),
            (65_000_000, "1m05s"),
            (3_725_000_000, "1h02m"),
        ];
        for (micros, text) in cases {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }
}
