//! Reads the lines of a head in one pass, and takes nothing that two parsers could read differently.
//!
//! Knows whether a line is well-formed, not what it means. Of a bad one it says nothing more: which rule was broken is
//! for `diagnose.rs` to find, off the hot path.

use core::iter;
use core::ops::Range;

use super::Version;
use super::fields::{Field, Fields, may_be_known};
use super::grammar::{is_space, is_tchar, is_value_octet, is_visible, trim};
use super::sixteen::{WINDOW, control, find, not_letter_or_hyphen, not_path, not_query, skip};

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
pub(super) struct RequestLine {
    pub(super) method_end: usize,
    pub(super) target: Target,
    pub(super) version: Version,
    pub(super) end: usize,
}

/// Where a request target is, and what no form of it can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) start: usize,
    /// Where its first `?` is, or else its end.
    pub(super) query_start: usize,
    pub(super) end: usize,
    /// Whether there is a `#` in it.
    pub(super) has_fragment: bool,
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
    let target = usual_target(head).or_else(|| any_target(head))?;
    let method_end = target.start - 1;
    if method_end == 0 || target.end == target.start {
        return None;
    }
    let end: &[u8; 11] = head.get(target.end..)?.first_chunk()?;
    let version = one_of(end, b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")?;
    Some(RequestLine { method_end, target, version, end: target.end + end.len() })
}

/// The target if the method has only letters and `-`, the target nothing unusual, and neither is near the end of `head`.
fn usual_target(head: &[u8]) -> Option<Target> {
    let (method_len, [b' ', target @ ..]) = find(head, 0, not_letter_or_hyphen)? else { return None };
    let start = method_len + 1;
    let (path_len, behind) = find(target, 0, not_path)?;
    let query_start = start + path_len;
    let (query_len, behind) = match behind {
        [b'?', ..] => find(behind, 0, not_query)?,
        _ => (0, behind),
    };
    if behind.first() != Some(&b' ') {
        return None;
    }
    let end = query_start + query_len;
    Some(Target { start, query_start, end, has_fragment: false })
}

#[cold]
fn any_target(head: &[u8]) -> Option<Target> {
    let method_end = head.iter().position(|octet| !is_tchar(*octet))?;
    let [b' ', behind @ ..] = head.get(method_end..)? else { return None };
    let len = behind.iter().position(|octet| !is_visible(*octet))?;
    let target = behind.get(..len)?;
    let path_len = target.iter().position(|octet| *octet == b'?').unwrap_or(len);
    let start = method_end + 1;
    Some(Target {
        start,
        query_start: start + path_len,
        end: start + len,
        has_fragment: target.contains(&b'#'),
    })
}

/// Reads the status line at the start of `head`. `None` if it is not whole or not well-formed.
pub(super) fn status_line(head: &[u8]) -> Option<StatusLine> {
    let start: &[u8; 12] = head.first_chunk()?;
    let version = one_of(start.first_chunk()?, b"HTTP/1.1 ", b"HTTP/1.0 ")?;
    let digits: &[u8; 3] = start.last_chunk()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let rest = match head.get(start.len()..)? {
        reason @ [b' ', ..] => match usual_value(reason) {
            Some((_, rest)) => rest,
            None => any_value(reason)?.1,
        },
        [b'\r', b'\n', rest @ ..] => rest,
        _ => return None,
    };
    Some(StatusLine { version, status, end: head.len() - rest.len() })
}

/// The version that `text` stands for. Comparing whole arrays, unlike matching a pattern, does not go octet by octet.
fn one_of<const N: usize>(text: &[u8; N], http11: &[u8; N], http10: &[u8; N]) -> Option<Version> {
    if text == http11 { Some(Version::Http11) } else { older(text == http10) }
}

/// Not inlined, so that what is kept is a version, and not the octets to compare them each time anew.
#[cold]
#[inline(never)]
fn older(is_http10: bool) -> Option<Version> {
    if is_http10 { Some(Version::Http10) } else { None }
}

/// Reads the field lines of `head` into `fields`, which has none yet but knows where they begin: where the empty line behind
/// them ends. `None` if they are not whole, not well-formed or more than `max`.
pub(super) fn field_lines(head: &[u8], max: usize, fields: &mut Fields) -> Option<usize> {
    let mut rest = head.get(fields.start()..)?;
    let mut left = max;
    loop {
        // What nearly every line looks like is recognised at once; the rest is left to functions that are not inlined, so
        // as not to burden it with their needs.
        while left > 0
            && let Some(line) = usual_line(rest)
        {
            if may_be_known(line.name_len, *rest.first()?) {
                fields.push(line.locate(head, rest));
            }
            rest = line.behind;
            left -= 1;
        }
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return Some(head.len() - body.len());
        }
        left = left.checked_sub(1)?;
        let line = any_line(rest)?;
        if may_be_known(line.name_len, *rest.first()?) {
            fields.push(line.locate(head, rest));
        }
        rest = line.behind;
    }
}

/// All field lines of `head`, whose lines begin at `at` and were found to be well-formed.
pub(super) fn all_lines(head: &[u8], at: usize) -> impl Iterator<Item = Field> {
    let mut rest = head.get(at..).unwrap_or_default();
    iter::from_fn(move || {
        let line = usual_line(rest).or_else(|| any_line(rest))?;
        let field = line.locate(head, rest);
        rest = line.behind;
        Some(field)
    })
}

/// `field-name ":" OWS field-value OWS CRLF` (RFC 9112 §5).
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    name_len: usize,
    /// Where the value lies in the line, without the whitespace around it.
    value: Range<usize>,
    /// What follows.
    behind: &'a [u8],
}

impl Line<'_> {
    /// Where in `head` its parts are, if `text` begins with it, which is what is left of `head`.
    #[inline(always)]
    fn locate(&self, head: &[u8], text: &[u8]) -> Field {
        let start = head.len() - text.len();
        let value = start + self.value.start..start + self.value.end;
        Field::locate(
            start,
            text.get(..self.name_len).unwrap_or_default(),
            value,
            head.len() - self.behind.len(),
        )
    }
}

/// The line that `text` begins with if it looks like nearly every one: letters and `-`, a colon, one space, no tabs, and
/// not among the last octets.
#[inline(always)]
fn usual_line(text: &[u8]) -> Option<Line<'_>> {
    let (name_len, end) = find(text, 0, not_letter_or_hyphen)?;
    if name_len == 0 || end.first_chunk() != Some(b": ") || *end.get(2)? <= b' ' {
        return None;
    }
    let (last, behind) = usual_value(end.get(1..)?)?;
    if last <= b' ' {
        return None;
    }
    Some(Line { name_len, value: name_len + 2..text.len() - behind.len() - 2, behind })
}

/// Passes over the value, or reason phrase, behind the octet that `text` begins with, if it has no tabs and is not among
/// the last octets: its last octet, or if it is empty the one before, and what follows CRLF.
#[inline(always)]
fn usual_value(text: &[u8]) -> Option<(u8, &[u8])> {
    let (_, end) = find(text, 1, control)?;
    if end.get(1..)?.first_chunk() != Some(b"\r\n") {
        return None;
    }
    Some((*end.first()?, end.get(3..)?))
}

/// The line that `text` begins with, whatever it looks like.
#[cold]
fn any_line(text: &[u8]) -> Option<Line<'_>> {
    last_line(text).or_else(|| unusual_line(text))
}

/// The same as `usual_line` for what is too near to the end of a head, with room made behind it.
fn last_line(text: &[u8]) -> Option<Line<'_>> {
    let mut roomy = [0; 64];
    if text.len() > roomy.len() - WINDOW {
        return None;
    }
    roomy.get_mut(..text.len())?.copy_from_slice(text);
    let line = usual_line(&roomy)?;
    Some(Line {
        name_len: line.name_len,
        value: line.value,
        behind: text.get(roomy.len() - line.behind.len()..)?,
    })
}

fn unusual_line(text: &[u8]) -> Option<Line<'_>> {
    let name_len = text.iter().position(|octet| !is_tchar(*octet))?;
    let ([_, ..], end @ [b':', ..]) = text.split_at_checked(name_len)? else { return None };
    let (value, behind) = any_value(end)?;
    let value_start = name_len + 1 + value.iter().take_while(|octet| is_space(**octet)).count();
    Some(Line { name_len, value: value_start..value_start + trim(value).len(), behind })
}

/// The value, or reason phrase, behind the octet that `text` begins with, and what follows its CRLF. `None` if there is none
/// yet, or something before it that no value may hold.
#[cold]
fn any_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.get(1..)?;
    let usual = skip(text, control);
    let len = usual + text.get(usual..)?.iter().position(|octet| !is_value_octet(*octet))?;
    match text.split_at_checked(len)? {
        (value, [b'\r', b'\n', behind @ ..]) => Some((value, behind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What lies behind a line, or stands in the place of its end.
    const BEHIND: &[u8] = b"\r\nAccept: a/b, c;q=1, d/*\r\nX: y\r\n\r\n";

    fn name_or_value(len: usize, odd: Option<u8>) -> impl Iterator<Item = Vec<u8>> {
        (0..len.max(1)).map(move |place| {
            let mut text: Vec<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').cycle().take(len).collect();
            if let (Some(octet), Some(odd)) = (text.get_mut(place), odd) {
                *octet = odd;
            }
            text
        })
    }

    #[test]
    fn a_usual_line_is_read_as_if_it_were_any_wherever_it_lies() {
        let odd =
            [None, Some(b' '), Some(b'\t'), Some(b':'), Some(b'1'), Some(b'\r'), Some(0x7f), Some(0xff)];
        for (odd, name_len) in odd.into_iter().flat_map(|odd| [0, 1, 2, 15, 16, 17, 33].map(|len| (odd, len)))
        {
            for name in name_or_value(name_len, odd) {
                check_line(&[&name[..], b": ", b"value"].concat());
            }
            for value in name_or_value(name_len, odd) {
                for colon in [&b":"[..], b": ", b":  "] {
                    check_line(&[b"Name", colon, &value].concat());
                }
            }
        }
    }

    fn check_line(line: &[u8]) {
        for len in 0..BEHIND.len() {
            let text = [line, &BEHIND[..len]].concat();
            let any = unusual_line(&text);
            assert_eq!(any_line(&text), any, "{}", text.escape_ascii());
            if let Some(usual) = usual_line(&text) {
                assert_eq!(Some(usual), any, "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn a_usual_target_is_read_as_if_it_were_any() {
        let odd = [None, Some(b'?'), Some(b'#'), Some(b'!'), Some(b' '), Some(0x7f), Some(0x80), Some(b'\r')];
        let lens = [1, 2, 15, 16, 17, 33];
        for (odd, len) in odd.into_iter().flat_map(|odd| lens.map(|len| (odd, len))) {
            for part in name_or_value(len, odd) {
                for start in ["GET /", "G-T /?", "G1T ", ""] {
                    let head = [start.as_bytes(), &part, b" HTTP/1.1\r\nHost: example.org\r\n\r\n"].concat();
                    if let Some(usual) = usual_target(&head) {
                        assert_eq!(Some(usual), any_target(&head), "{}", head.escape_ascii());
                    }
                }
            }
        }
    }
}
