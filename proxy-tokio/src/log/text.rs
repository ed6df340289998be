//! Pieces that the formats share: what peers sent, made harmless, and numbers, durations and sizes as people read them.
//!
//! What stands in every line is pushed, without the formatting traits: they would take several times as long.

use super::clock::Stamp;
use bytesize::ByteSize;
use proxy_core::{Outcome, RequestSummary};
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

/// Octets from a peer as printable ASCII: no octet of theirs can end a line, close a quote or move a cursor.
pub(super) fn push_escaped(out: &mut String, octets: &[u8]) {
    // Nearly always; found out for many octets at once, as no branch depends on any of them.
    if octets.iter().fold(true, |all, octet| all & is_plain(*octet)) {
        return out.push_str(str::from_utf8(octets).unwrap_or_default());
    }
    let mut rest = octets;
    while let Some(octet) = rest.first() {
        let plain = rest.iter().take_while(|octet| is_plain(**octet)).count();
        let (run, after) = rest.split_at(plain);
        if run.is_empty() {
            // Writing to a string cannot fail, here and below.
            let _ = write!(out, "\\x{octet:02x}");
            rest = rest.split_first().map_or(&[], |(_, after)| after);
        } else {
            out.push_str(str::from_utf8(run).unwrap_or_default());
            rest = after;
        }
    }
}

const fn is_plain(octet: u8) -> bool {
    (octet > b' ') & (octet < 0x7f) & (octet != b'"') & (octet != b'\\')
}

/// The two letters that say who ended an exchange, in which phase.
pub(super) fn push_flags(out: &mut String, outcome: &Outcome) {
    out.extend(outcome.flags.letters().map(char::from));
}

pub(super) const fn version(request: &RequestSummary) -> &'static str {
    if request.http10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

/// A moment with the milliseconds behind its second.
pub(super) fn push_millis(out: &mut String, stamp: Stamp<'_>) {
    out.push_str(stamp.second);
    out.push('.');
    push_padded(out, (stamp.nanos / 1_000_000).into(), 3);
}

pub(super) fn push_ip(out: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            for (dot, octet) in [("", a), (".", b), (".", c), (".", d)] {
                out.push_str(dot);
                push_number(out, octet.into());
            }
        }
        IpAddr::V6(ip) => {
            let _ = write!(out, "{ip}");
        }
    }
}

pub(super) fn push_number(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// A number with zeros in front that make it `digits` long.
pub(super) fn push_padded(out: &mut String, number: u64, digits: usize) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number);
    (text.len()..digits).for_each(|_| out.push('0'));
    out.push_str(text);
}

/// Whole milliseconds.
pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration with about three digits.
pub(crate) fn duration(duration: Duration) -> String {
    let mut text = String::new();
    push_duration(&mut text, duration);
    text
}

/// A duration with about three digits.
pub(super) fn push_duration(out: &mut String, duration: Duration) {
    match whole_millis(duration) {
        0..10 => {
            let tenths = rounded(duration, 100_000);
            // A decimal unless it says nothing.
            if tenths.is_multiple_of(10) {
                push_number(out, tenths / 10);
            } else {
                push_decimal(out, tenths, 1);
            }
            out.push_str("ms");
        }
        10..1_000 => {
            push_number(out, rounded(duration, 1_000_000));
            out.push_str("ms");
        }
        1_000..10_000 => {
            push_decimal(out, rounded(duration, 10_000_000), 2);
            out.push('s');
        }
        10_000..60_000 => {
            push_decimal(out, rounded(duration, 100_000_000), 1);
            out.push('s');
        }
        _ => {
            let seconds = duration.as_secs();
            let _ = match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, seconds) => write!(out, "{minutes}m{seconds:02}s"),
                (hours, minutes, _) => write!(out, "{hours}h{minutes:02}m"),
            };
        }
    }
}

/// How many times `nanos` nanoseconds, rounded.
fn rounded(duration: Duration, nanos: u64) -> u64 {
    let all = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    all.saturating_add(nanos / 2) / nanos
}

/// A number of which the last `places` digits are decimals.
fn push_decimal(out: &mut String, number: u64, places: u8) {
    let one = 10_u64.pow(places.into());
    push_number(out, number / one);
    out.push('.');
    push_padded(out, number % one, places.into());
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

    fn pushed(push: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        push(&mut out);
        out
    }

    #[test]
    fn nothing_from_a_peer_can_end_a_line_close_a_quote_or_move_a_cursor() {
        let escaped = pushed(|out| push_escaped(out, b"a\r\nb\"c\\d\x1b[2J\xc2\x9b\x7f \0~"));
        assert_eq!(escaped, r"a\x0d\x0ab\x22c\x5cd\x1b[2J\xc2\x9b\x7f\x20\x00~");
    }

    #[test]
    fn addresses_are_written_as_everybody_writes_them() {
        for ip in ["192.0.2.7", "0.0.0.0", "255.255.255.255", "2001:db8::1"] {
            assert_eq!(pushed(|out| push_ip(out, ip.parse().unwrap())), ip);
        }
    }

    #[test]
    fn durations_have_about_three_digits() {
        let cases = [
            (0, "0ms"),
            (40, "0ms"),
            (1_240, "1.2ms"),
            (9_960, "10ms"),
            (10_400, "10ms"),
            (999_400, "999ms"),
            (1_234_000, "1.23s"),
            (5_004_000, "5.00s"),
            (15_020_000, "15.0s"),
            (65_000_000, "1m05s"),
            (3_725_000_000, "1h02m"),
        ];
        for (micros, text) in cases {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }
}
