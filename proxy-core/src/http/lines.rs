//! The fast path of reading heads: takes the usual ones in one pass, sixteen octets at a time.
//!
//! Knows whether a line is well-formed, not what it means. May be stricter than `strict.rs`, never laxer: a head of which it
//! does not know every line is left to that one. With debug assertions on, it has to agree with it on each head it takes.

use super::field::Field;
use super::fields::Fields;
use super::name::may_be_known;
use super::sixteen::{WINDOW, control, find, not_host, not_letter_or_hyphen, not_path, not_query};
use super::start_line::{RequestLine, StatusLine, Target};
use super::version::Version;
use core::ops::Range;
use wide::u8x16;

/// Reads the request line at the start of `head`, if it is whole and usual.
pub(super) fn request_line(head: &[u8]) -> Option<RequestLine> {
    let target = usual_target(head)?;
    let method_end = target.start - 1;
    if method_end == 0 || target.end == target.start {
        return None;
    }
    let end: &[u8; 11] = head.get(target.end..)?.first_chunk()?;
    let version = one_of(end, b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")?;
    Some(RequestLine { method_end, target, version, end: target.end + end.len() })
}

/// Where the target lies, if method and target are made of the octets they usually have and enough follows them.
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

/// Reads the status line at the start of `head`, if it is whole and usual.
pub(super) fn status_line(head: &[u8]) -> Option<StatusLine> {
    let start: &[u8; 12] = head.first_chunk()?;
    let version = one_of(start.first_chunk()?, b"HTTP/1.1 ", b"HTTP/1.0 ")?;
    let digits: &[u8; 3] = start.last_chunk()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let rest = match head.get(start.len()..)? {
        reason @ [b' ', ..] => usual_value(reason)?.1,
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

/// Reads the usual field lines of `head` into `fields`, which is empty and knows where they begin. Returns where the head
/// ends. `None` if a line is unusual or missing, or there are more than `max`.
pub(super) fn field_lines(head: &[u8], max: usize, fields: &mut Fields) -> Option<usize> {
    let mut rest = head.get(fields.start()..)?;
    let mut left = max;
    loop {
        // Kept apart from the lines below, whose needs would slow it down.
        while left > 0
            && let Some(line) = usual_line(rest)
        {
            take(&line, head, rest, fields)?;
            rest = line.behind;
            left -= 1;
        }
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return Some(head.len() - body.len());
        }
        left = left.checked_sub(1)?;
        let line = less_usual_line(rest)?;
        take(&line, head, rest, fields)?;
        rest = line.behind;
    }
}

/// Notes a line that `text`, the rest of `head`, begins with, if a proxy might have to know it.
#[inline(always)]
fn take(line: &Line<'_>, head: &[u8], text: &[u8], fields: &mut Fields) -> Option<()> {
    if may_be_known(line.name_len, *text.first()?) {
        fields.push(line.locate(head, text));
    }
    debug_assert_eq!(Field::read(head, head.len() - text.len()), Some(line.locate(head, text)));
    Some(())
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

/// The line that `text` begins with if it looks like nearly every one: a name of letters and `-`, a colon, one space, a value
/// without tabs that is not empty, and enough behind it.
#[inline(always)]
fn usual_line(text: &[u8]) -> Option<Line<'_>> {
    line(text, not_letter_or_hyphen)
}

#[inline(always)]
fn line(text: &[u8], not_name: impl Fn(u8x16) -> u32) -> Option<Line<'_>> {
    let (name_len, end) = find(text, 0, not_name)?;
    if name_len == 0 || end.first_chunk() != Some(b": ") || *end.get(2)? <= b' ' {
        return None;
    }
    let (last, behind) = usual_value(end.get(1..)?)?;
    if last <= b' ' {
        return None;
    }
    Some(Line { name_len, value: name_len + 2..text.len() - behind.len() - 2, behind })
}

/// Finds the end of a value, or reason phrase, that `text` holds behind its first octet: returns the last octet before
/// CRLF and what follows CRLF. `None` if there is a tab in it, or too little behind it.
#[inline(always)]
fn usual_value(text: &[u8]) -> Option<(u8, &[u8])> {
    let (_, end) = find(text, 1, control)?;
    if end.get(1..)?.first_chunk() != Some(b"\r\n") {
        return None;
    }
    Some((*end.first()?, end.get(3..)?))
}

/// The same for the last lines of a head, and for a name with digits or dots in it.
#[cold]
fn less_usual_line(text: &[u8]) -> Option<Line<'_>> {
    if text.len() > ROOMY - WINDOW {
        return line(text, not_host);
    }
    let mut roomy = [0; ROOMY];
    roomy.get_mut(..text.len())?.copy_from_slice(text);
    let line = usual_line(&roomy).or_else(|| line(&roomy, not_host))?;
    Some(Line { name_len: line.name_len, value: line.value, behind: text.get(ROOMY - line.behind.len()..)? })
}

/// Size of the copy that a head's last lines are read from, so that there is room behind them, as vectors need.
const ROOMY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::strict;
    use crate::http::tests::LIMITS;
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
    fn a_usual_line_is_read_as_the_slow_path_reads_it_wherever_it_lies() {
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
            for read in [usual_line(&text), less_usual_line(&text)].into_iter().flatten() {
                let end = text.len() - read.behind.len();
                let head = [b"GET / HTTP/1.1\r\n", &text[..end], b"\r\n"].concat();
                let (start, fields) = strict::request(&head, &LIMITS, &mut Vec::new()).unwrap();
                let lines: Vec<_> = fields.all(&head).collect();
                let place = |at: usize| start.end + at;
                let value = place(read.value.start)..place(read.value.end);
                let expected = Field::locate(start.end, &text[..read.name_len], value, place(end));
                assert_eq!(lines, [expected], "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn a_usual_target_is_read_as_the_slow_path_reads_it() {
        let odd = [None, Some(b'?'), Some(b'#'), Some(b'!'), Some(b' '), Some(0x7f), Some(0x80), Some(b'\r')];
        let lens = [1, 2, 15, 16, 17, 33];
        for (odd, len) in odd.into_iter().flat_map(|odd| lens.map(|len| (odd, len))) {
            for part in name_or_value(len, odd) {
                for start in ["GET /", "G-T /?", "G1T ", ""] {
                    let head = [start.as_bytes(), &part, b" HTTP/1.1\r\nHost: example.org\r\n\r\n"].concat();
                    if let Some(usual) = request_line(&head) {
                        let slow = strict::request(&head, &LIMITS, &mut Vec::new()).map(|(line, _)| line);
                        assert_eq!(Ok(usual), slow, "{}", head.escape_ascii());
                    }
                }
            }
        }
    }
}
