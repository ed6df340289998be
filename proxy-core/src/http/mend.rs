//! Puts right what is wrong in the form of a head and certain in its meaning: writes it anew as it should have been.
//!
//! Off the hot path: only heads that broke a rule come here, and what comes of them is read by that same rule again. Each
//! thing that is done here stands in docs/http.md. Knows nothing of bodies.

use alloc::vec::Vec;

use super::grammar::{decimal, is_space, is_token, trim};
use super::name::{Name, classify};

/// A request's head, if nothing else is wrong with it than a length with leading zeros, a `;` behind a connection option, or
/// a field that some servers would take for another one, which is left out. Wherever two parsers could read the same octets
/// differently a request is refused.
pub(super) fn request(head: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|octet| *octet == b'\n') {
        let Some((name, value)) = split(line.strip_suffix(b"\r\n")?).filter(|_| !mended.is_empty()) else {
            mended.extend_from_slice(line);
            continue;
        };
        match classify(name) {
            Name::Underscored if is_framing_or_routing(classify(&hyphenated(name))) => return None,
            Name::Underscored => {}
            Name::ContentLength => put_line(&mut mended, name, &plain_length(value)?),
            Name::Connection => put_line(&mut mended, name, &options(value)),
            _ => mended.extend_from_slice(line),
        }
    }
    Some(mended)
}

/// A response's head. It is written anew for the client anyway, and its only other reader is the one who wrote it.
pub(super) fn response(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines: Vec<&[u8]> = head.strip_suffix(b"\n")?.split(|octet| *octet == b'\n').collect();
    lines.iter_mut().for_each(|line| *line = line.strip_suffix(b"\r").unwrap_or(line));
    let (first, [fields @ .., []]) = lines.split_first()? else { return None };
    let mut mended = start_of_response(first);
    mended.extend_from_slice(b"\r\n");
    let mut fields = unfolded(fields)?;
    let length = one_length(&fields)?;
    fields.retain(|field| !field.is_identity());
    let mut has_length = false;
    for Line { name, value } in fields {
        match classify(name) {
            Name::ContentLength if has_length => {}
            Name::ContentLength => {
                has_length = true;
                put_line(&mut mended, name, length.as_deref()?);
            }
            Name::Connection => put_line(&mut mended, name, &options(&value)),
            Name::TransferEncoding => put_line(&mut mended, name, &value),
            _ => put_line(&mut mended, name, &harmless(value)),
        }
    }
    mended.extend_from_slice(b"\r\n");
    Some(mended)
}

/// As much of a status line as there is, with CRLF and a version that we speak: a later minor version of HTTP/1 is read as
/// the latest that we know (RFC 9110 §2.5).
pub(super) fn start_of_response(head: &[u8]) -> Vec<u8> {
    let mut lines = head.splitn(2, |octet| *octet == b'\n');
    let line = lines.next().unwrap_or_default();
    let is_whole = lines.next().is_some();
    let mut mended = match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9', rest @ ..] => [b"HTTP/1.1", rest].concat(),
        _ => line.into(),
    };
    if is_whole {
        let end = mended.strip_suffix(b"\r").map_or(mended.len(), <[u8]>::len);
        mended.truncate(end);
        mended.extend_from_slice(b"\r\n");
    }
    mended
}

/// A field line without the whitespace around its parts, and in one piece.
struct Line<'a> {
    name: &'a [u8],
    value: Vec<u8>,
}

impl Line<'_> {
    /// RFC 9112 §7 knows it no longer: it says that there is no coding.
    fn is_identity(&self) -> bool {
        classify(self.name) == Name::TransferEncoding && self.value.eq_ignore_ascii_case(b"identity")
    }
}

/// The fields in their lines. `None` where it is not certain which field an octet belongs to.
fn unfolded<'a>(lines: &[&'a [u8]]) -> Option<Vec<Line<'a>>> {
    let mut fields: Vec<Line<'a>> = Vec::new();
    for line in lines {
        if line.first().copied().is_some_and(is_space) {
            // RFC 9112 §5.2: one or more spaces take the place of the fold.
            let value = &mut fields.last_mut()?.value;
            value.push(b' ');
            value.extend_from_slice(trim(line));
            continue;
        }
        // §5.1: a proxy MUST remove whitespace before the colon of a response.
        let (name, value) = split(line)?;
        fields.push(Line { name: trim(name), value: trim(value).into() });
    }
    let are_names = fields.iter().all(|field| is_token(field.name) && is_safe(&field.value));
    are_names.then_some(fields)
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.get(1..)?))
}

/// What may end a line for somebody, or a string, is for nobody to guess (RFC 9110 §5.5).
fn is_safe(value: &[u8]) -> bool {
    !value.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0))
}

/// A value without control characters, for each of which there is a space.
fn harmless(mut value: Vec<u8>) -> Vec<u8> {
    for octet in value.iter_mut().filter(|octet| octet.is_ascii_control() && **octet != b'\t') {
        *octet = b' ';
    }
    trim(&value).into()
}

/// The length that all Content-Length fields agree on, in plain digits (RFC 9110 §8.6). `Some(None)`: there is none.
fn one_length(fields: &[Line<'_>]) -> Option<Option<Vec<u8>>> {
    let lengths = fields.iter().filter(|field| classify(field.name) == Name::ContentLength);
    let mut elements = lengths.flat_map(|field| field.value.split(|octet| *octet == b',')).map(trim);
    let Some(first) = elements.next() else { return Some(None) };
    let length = decimal(first)?;
    elements.all(|element| decimal(element) == Some(length)).then(|| plain_length(first))
}

/// The same number without leading zeros.
fn plain_length(value: &[u8]) -> Option<Vec<u8>> {
    Some(itoa::Buffer::new().format(decimal(trim(value))?).into())
}

/// Connection options, each without a `;` behind it.
fn options(value: &[u8]) -> Vec<u8> {
    let options = value.split(|octet| *octet == b',').map(|option| {
        let option = trim(option);
        trim(option.strip_suffix(b";").unwrap_or(option))
    });
    options.collect::<Vec<_>>().join(&b", "[..])
}

/// What `name` stands for with servers that turn `-` into `_`.
fn hyphenated(name: &[u8]) -> Vec<u8> {
    name.iter().map(|octet| if *octet == b'_' { b'-' } else { *octet }).collect()
}

/// Whether a message would end, or go, elsewhere for whoever takes such a field for the real one.
fn is_framing_or_routing(name: Name) -> bool {
    matches!(name, Name::Host | Name::ContentLength | Name::TransferEncoding)
}

fn put_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::wire;
    use alloc::string::String;

    fn shown(mended: Option<Vec<u8>>) -> Option<String> {
        mended.map(|head| String::from_utf8_lossy(&head).replace("\r\n", "|"))
    }

    #[test]
    fn a_response_is_written_as_it_should_have_been() {
        let cases = [
            ("HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK|A: b||"),
            ("HTTP/1.1 200 OK|A: b\n|", "HTTP/1.1 200 OK|A: b||"),
            ("HTTP/1.2 200 OK|A:b||", "HTTP/1.1 200 OK|A: b||"),
            ("HTTP/1.1 200 OK|A \t: b||", "HTTP/1.1 200 OK|A: b||"),
            ("HTTP/1.1 200 OK|A: b| c|\td||", "HTTP/1.1 200 OK|A: b c d||"),
            ("HTTP/1.1 200 OK|A: \u{1}b\u{7f}c||", "HTTP/1.1 200 OK|A: b c||"),
            ("HTTP/1.1 200 OK|Content-Length: 0005||", "HTTP/1.1 200 OK|Content-Length: 5||"),
            ("HTTP/1.1 200 OK|Content-Length: 5, 05||", "HTTP/1.1 200 OK|Content-Length: 5||"),
            (
                "HTTP/1.1 200 OK|Content-Length: 5|A: b|content-length: 5||",
                "HTTP/1.1 200 OK|Content-Length: 5|A: b||",
            ),
            ("HTTP/1.1 200 OK|Transfer-Encoding: Identity|A: b||", "HTTP/1.1 200 OK|A: b||"),
            ("HTTP/1.1 200 OK|Connection: keep-alive;||", "HTTP/1.1 200 OK|Connection: keep-alive||"),
        ];
        for (head, mended) in cases {
            assert_eq!(shown(response(&wire(head))).as_deref(), Some(mended), "{head:?}");
        }
    }

    #[test]
    fn what_is_not_certain_is_not_put_right() {
        let cases = [
            "HTTP/1.1 200 OK|",
            "HTTP/1.1 200 OK||A: b||",
            "HTTP/1.1 200 OK|A: b\rc||",
            "HTTP/1.1 200 OK|A: b\0c||",
            "HTTP/1.1 200 OK| A: b||",
            "HTTP/1.1 200 OK|A||",
            "HTTP/1.1 200 OK|: b||",
            "HTTP/1.1 200 OK|A b: c||",
            "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 6||",
            "HTTP/1.1 200 OK|Content-Length: 5, 6||",
            "HTTP/1.1 200 OK|Content-Length: 5,||",
            "HTTP/1.1 200 OK|Content-Length: +5||",
        ];
        for head in cases {
            assert_eq!(shown(response(&wire(head))), None, "{head:?}");
        }
        let head = wire("HTTP/1.1 200 OK|Transfer-Encoding: \u{b}chunked||");
        assert_eq!(response(&head), Some(head), "a control character in a coding stays, and is refused");
    }

    #[test]
    fn of_a_request_only_three_things_are_put_right() {
        let cases = [
            (
                "POST / HTTP/1.1|Host: a|Content-Length: 0005||",
                Some("POST / HTTP/1.1|Host: a|Content-Length: 5||"),
            ),
            (
                "GET / HTTP/1.1|Connection: close;|Host: a||",
                Some("GET / HTTP/1.1|Connection: close|Host: a||"),
            ),
            ("GET / HTTP/1.1|X_Request_Id: b|Host: a||", Some("GET / HTTP/1.1|Host: a||")),
            ("GET / HTTP/1.1|Content_Length: 5|Host: a||", None),
            ("GET / HTTP/1.1|Transfer_Encoding: chunked|Host: a||", None),
            ("GET / HTTP/1.1|Content-Length: 5, 5|Host: a||", None),
            ("GET / HTTP/1.1\nHost: a||", None),
        ];
        for (head, mended) in cases {
            assert_eq!(shown(request(&wire(head))).as_deref(), mended, "{head:?}");
        }
    }
}
