//! Reads the lines of a head in one pass, and takes nothing that two parsers could read differently.
//!
//! Knows whether a line is well-formed, not what it means. Of a bad one it says nothing more: which rule was broken is
//! for `diagnose.rs` to find, off the hot path.

use alloc::vec::Vec;

use super::Version;
use super::fields::{Field, Fields};
use super::grammar::{is_tchar, is_value_octet, trim};

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
pub(super) struct RequestLine {
    pub(super) method_end: usize,
    pub(super) target_start: usize,
    pub(super) target_end: usize,
    pub(super) version: Version,
    pub(super) end: usize,
}

/// `HTTP-version SP status-code SP [reason-phrase] CRLF` (RFC 9112 §4); without a reason, servers in use leave out the
/// space before it, too.
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) end: usize,
}

/// Reads the request line at the start of `head`. `None` if it is not whole or not well-formed.
pub(super) fn request_line(head: &[u8]) -> Option<RequestLine> {
    let (method, rest) = split_token(b' ', head)?;
    let target_start = method.len() + 1;
    let target_end = target_start + visible(rest);
    if target_end == target_start {
        return None;
    }
    let end = head.get(target_end..)?.first_chunk()?;
    let version = one_of(end, b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")?;
    Some(RequestLine {
        method_end: method.len(),
        target_start,
        target_end,
        version,
        end: target_end + end.len(),
    })
}

/// Reads the status line at the start of `head`. `None` if it is not whole or not well-formed.
pub(super) fn status_line(head: &[u8]) -> Option<StatusLine> {
    let version = one_of(head.first_chunk()?, b"HTTP/1.1 ", b"HTTP/1.0 ")?;
    let digits: &[u8; 3] = head.get(9..)?.first_chunk()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let rest = match head.get(12..)? {
        [b' ', reason @ ..] => split_value(reason)?.1,
        [b'\r', b'\n', rest @ ..] => rest,
        _ => return None,
    };
    Some(StatusLine { version, status, end: head.len() - rest.len() })
}

/// The version that `text` stands for. Comparing whole arrays, unlike matching a pattern, does not go octet by octet.
fn one_of<const N: usize>(text: &[u8; N], http11: &[u8; N], http10: &[u8; N]) -> Option<Version> {
    if text == http11 {
        Some(Version::Http11)
    } else if text == http10 {
        Some(Version::Http10)
    } else {
        None
    }
}

/// Reads the field lines of `head` from `at` on, and where the empty line behind them ends. `None` if they are not whole,
/// not well-formed or more than `max`. They lie in `memory` if they are.
pub(super) fn field_lines(
    head: &[u8],
    at: usize,
    max: usize,
    memory: &mut Vec<Field>,
) -> Option<(Fields, usize)> {
    let mut fields = Fields::none(memory);
    let mut rest = head.get(at..)?;
    while let Some((field, behind)) = field_line(head.len(), rest) {
        if fields.len() == max {
            return None;
        }
        fields.push(field);
        rest = behind;
    }
    let body = rest.strip_prefix(b"\r\n")?;
    Some((fields, head.len() - body.len()))
}

/// `field-name ":" OWS field-value OWS CRLF` (RFC 9112 §5), at the start of `text`, which is the end of a head of `len`
/// octets; and what is behind it.
fn field_line(len: usize, text: &[u8]) -> Option<(Field, &[u8])> {
    let (name, rest) = split_token(b':', text)?;
    let rest = trim_start(rest);
    let (value, behind) = split_value(rest)?;
    let (start, value_start) = (len - text.len(), len - rest.len());
    let value = value_start..value_start + trim_end(value).len();
    Some((Field::locate(start, name, value, len - behind.len()), behind))
}

// What nearly every line looks like is recognised at once; the rest is left to functions that are not inlined, so as not to
// burden it with their needs.

/// The token that `text` begins with, and what is behind the octet `end`, which must follow it.
fn split_token(end: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = skip_eights(text, not_letter_or_hyphen);
    match text.split_at_checked(len) {
        Some((token @ [_, ..], [octet, rest @ ..])) if *octet == end => Some((token, rest)),
        _ => split_any_token(end, text),
    }
}

#[cold]
fn split_any_token(end: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().position(|octet| !is_tchar(*octet))?;
    match text.split_at_checked(len)? {
        (token @ [_, ..], [octet, rest @ ..]) if *octet == end => Some((token, rest)),
        _ => None,
    }
}

/// The field value, or reason phrase, that `text` begins with, and what is behind its CRLF. `None` if there is none yet, or
/// something before it that no value may hold.
fn split_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = skip_eights(text, control);
    match text.split_at_checked(len) {
        Some((value, [b'\r', b'\n', rest @ ..])) => Some((value, rest)),
        _ => split_any_value(text),
    }
}

#[cold]
fn split_any_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().position(|octet| !is_value_octet(*octet))?;
    match text.split_at_checked(len)? {
        (value, [b'\r', b'\n', rest @ ..]) => Some((value, rest)),
        _ => None,
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    match text.split_first() {
        Some((b' ', rest)) if rest.first() > Some(&b' ') => rest,
        _ => trim_any_start(text),
    }
}

#[cold]
fn trim_any_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn trim_end(text: &[u8]) -> &[u8] {
    match text {
        [] | [.., b'!'..=0xff] => text,
        _ => trim(text),
    }
}

/// With how many octets of visible ASCII `text` begins.
fn visible(text: &[u8]) -> usize {
    let mut len = skip_eights(text, not_visible);
    while text.get(len).is_some_and(u8::is_ascii_graphic) {
        len += 1;
    }
    len
}

/// Goes on, eight octets at a time, to the first that is among `stops`, or until fewer than eight are left.
fn skip_eights(text: &[u8], stops: impl Fn(u64) -> u64) -> usize {
    let mut len = 0;
    for eight in text.as_chunks().0 {
        let stops = stops(u64::from_le_bytes(*eight));
        if stops != 0 {
            return len + (stops.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    len
}

// Each of these looks at eight octets at once, and sets the highest bit of those that it is about. Sums of seven bits
// each never carry into the next octet; a difference may borrow from the octets above a hit, and there it finds too many:
// the lowest hit, which is what counts, is always a true one.

const HIGH: u64 = 0x8080_8080_8080_8080;

const fn all(octet: u8) -> u64 {
    u64::from_ne_bytes([octet; 8])
}

/// Octets that are neither letters nor `-`: few names have others, and these are looked at one by one.
fn not_letter_or_hyphen(eight: u64) -> u64 {
    let low = eight & !HIGH;
    let lower_case = low | all(0x20);
    let letter = (lower_case + all(0x80 - b'a')) & !(lower_case + all(0x7f - b'z'));
    let not_hyphen = (low ^ all(b'-')) + all(0x7f);
    ((!letter & not_hyphen) | eight) & HIGH
}

/// Octets that are not visible ASCII.
fn not_visible(eight: u64) -> u64 {
    let low = eight & !HIGH;
    let visible = (low + all(0x80 - b'!')) & !(low + all(0x7f - b'~'));
    (!visible | eight) & HIGH
}

/// Control characters.
fn control(eight: u64) -> u64 {
    let below_space = eight.wrapping_sub(all(0x20)) & !eight;
    let not_delete = eight ^ all(0x7f);
    let delete = not_delete.wrapping_sub(all(1)) & !not_delete;
    (below_space | delete) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts each octet at each of eight places among octets that are no hit.
    fn hits(classify: impl Fn(u64) -> u64, among: u8, expected: impl Fn(u8) -> bool) {
        for octet in 0..=255 {
            for place in 0..8 {
                let mut eight = [among; 8];
                eight[place] = octet;
                let found = classify(u64::from_le_bytes(eight));
                let first = (found != 0).then(|| found.trailing_zeros() as usize / 8);
                assert_eq!(first, expected(octet).then_some(place), "{octet:#x} at {place}");
            }
        }
    }

    #[test]
    fn eight_octets_at_once_are_classified_like_one_by_one() {
        for among in [b'a', b'Z', b'-'] {
            hits(not_letter_or_hyphen, among, |octet| !octet.is_ascii_alphabetic() && octet != b'-');
        }
        for among in [b'!', b'~', b'0'] {
            hits(not_visible, among, |octet| !octet.is_ascii_graphic());
        }
        for among in [b' ', b'~', 0x80, 0xff] {
            hits(control, among, |octet| octet < 0x20 || octet == 0x7f);
        }
    }
}
