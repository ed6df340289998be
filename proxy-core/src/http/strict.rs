//! The slow path of reading heads: httparse, and our own rules where it takes what two parsers could read differently.
//! It alone decides what a head is, and names what is wrong with one.
//!
//! `lines.rs` reads the usual heads faster; whatever it does not know comes here. Nothing here knows what a field means.

use alloc::vec::Vec;
use core::ops::Range;

use httparse::{EMPTY_HEADER, Error, Header, Status};
use memchr::{memchr, memchr2_iter};

use super::bad_head::BadHead;
use super::field::Field;
use super::fields::Fields;
use super::grammar::{is_space, is_tchar, is_token, is_visible};
use super::limits::{FIELDS_MAX, HeadLimits};
use super::method::METHOD_BYTES_MAX;
use super::start_line::{RequestLine, StatusLine, Target};
use super::version::Version;

/// Reads a whole request head: `head` ends with its empty line. The list of fields takes over `memory`.
pub(super) fn request(
    head: &[u8],
    limits: &HeadLimits,
    memory: &mut Vec<Field>,
) -> Result<(RequestLine, Fields), BadHead> {
    request_begins(head)?;
    line_ends(head)?;
    let mut headers = [EMPTY_HEADER; FIELDS_MAX];
    let mut read = httparse::Request::new(headers.get_mut(..limits.fields()).unwrap_or_default());
    is_all(read.parse(head), head, request_fault)?;
    let (Some(method), Some(path)) = (read.method, read.path) else { return Err(BadHead::Incomplete) };
    let target = target(place(head, path.as_bytes()), path.as_bytes())?;
    let line = RequestLine {
        method_end: method.len(),
        target,
        version: version(read.version),
        // "HTTP/1.1" and CRLF stand behind the target and its space.
        end: target.end + " HTTP/1.1\r\n".len(),
    };
    let fields = fields(head, line.end, read.headers, memory);
    Ok((line, fields))
}

/// Reads a whole response head: `head` ends with its empty line. The list of fields takes over `memory`.
pub(super) fn response(
    head: &[u8],
    limits: &HeadLimits,
    memory: &mut Vec<Field>,
) -> Result<(StatusLine, Fields), BadHead> {
    response_begins(head)?;
    line_ends(head)?;
    let mut headers = [EMPTY_HEADER; FIELDS_MAX];
    let mut read = httparse::Response::new(headers.get_mut(..limits.fields()).unwrap_or_default());
    is_all(read.parse(head), head, response_fault)?;
    let line = StatusLine {
        version: version(read.version),
        status: read.code.unwrap_or_default(),
        end: first_line(head).len() + "\r\n".len(),
    };
    let fields = fields(head, line.end, read.headers, memory);
    Ok((line, fields))
}

/// Reads a whole trailer section, which ends with its empty line.
pub(super) fn trailers(section: &[u8]) -> Result<Vec<Field>, BadHead> {
    line_ends(section)?;
    let mut headers = [EMPTY_HEADER; FIELDS_MAX];
    match httparse::parse_headers(section, &mut headers) {
        Ok(Status::Complete((len, headers))) if len == section.len() => {
            Ok(located(section, headers).collect())
        }
        Ok(_) => Err(BadHead::Incomplete),
        Err(error) => Err(field_fault(error, section)),
    }
}

/// Judges the start line of a request that is not whole yet: whether it is good, or can still become so.
pub(super) fn request_so_far(head: &[u8], limits: &HeadLimits) -> Result<(), BadHead> {
    let line = start_line(head);
    request_begins(line)?;
    line_ends(line)?;
    match httparse::Request::new(&mut []).parse(line) {
        Err(Error::Version) if may_become_version(line, version_of_request) => {}
        Err(error) => return Err(request_fault(error, line)),
        Ok(_) => {}
    }
    sizes(line, limits)
}

/// The same of a response.
pub(super) fn response_so_far(head: &[u8]) -> Result<(), BadHead> {
    let line = start_line(head);
    response_begins(line)?;
    line_ends(line)?;
    match httparse::Response::new(&mut []).parse(line) {
        Err(Error::Version) if may_become_version(line, version_of_response) => Ok(()),
        Err(error) => Err(response_fault(error, line)),
        Ok(_) => Ok(()),
    }
}

/// Whether a head that has reached its limit is still within its target.
pub(super) fn is_in_target(head: &[u8]) -> bool {
    first_line(head).iter().filter(|octet| **octet == b' ').count() < 2
}

/// What the first octets can tell before there is a line: what comes is no HTTP at all.
pub(super) fn request_begins(head: &[u8]) -> Result<(), BadHead> {
    match head {
        [] | [b'\r'] => Ok(()),
        _ if is_tls(head) => Err(BadHead::TlsHandshake),
        [b'\r', second, ..] if *second != b'\n' => Err(BadHead::BareCr),
        [b'\n', ..] => Err(BadHead::BareLf),
        [b' ' | b'\t', ..] => Err(BadHead::BadRequestLine),
        [first, ..] if is_tchar(*first) => Ok(()),
        _ => Err(BadHead::NotHttp),
    }
}

/// The same of a response.
pub(super) fn response_begins(head: &[u8]) -> Result<(), BadHead> {
    match head {
        _ if head.iter().zip(b"HTTP/").all(|(octet, http)| octet == http) => Ok(()),
        _ if is_tls(head) => Err(BadHead::TlsHandshake),
        _ => Err(BadHead::NotHttp),
    }
}

/// A TLS record: handshake, then version 3.x (RFC 8446 §5.1).
fn is_tls(head: &[u8]) -> bool {
    matches!(head, [0x16] | [0x16, 0x03, ..])
}

/// httparse takes LF alone for the end of a line. Others do not.
fn line_ends(head: &[u8]) -> Result<(), BadHead> {
    for at in memchr2_iter(b'\r', b'\n', head) {
        match head.get(at) {
            Some(b'\r') if head.get(at + 1).is_some_and(|next| *next != b'\n') => {
                return Err(BadHead::BareCr);
            }
            Some(b'\n') if at.checked_sub(1).and_then(|before| head.get(before)) != Some(&b'\r') => {
                return Err(BadHead::BareLf);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Insists that the head is whole and nothing follows it.
fn is_all(
    read: httparse::Result<usize>,
    head: &[u8],
    fault: impl Fn(Error, &[u8]) -> BadHead,
) -> Result<(), BadHead> {
    match read {
        Ok(Status::Complete(len)) if len == head.len() => Ok(()),
        Ok(_) => Err(BadHead::Incomplete),
        Err(error) => Err(fault(error, head)),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::Http11 } else { Version::Http10 }
}

/// httparse lets other than visible ASCII into a target.
fn target(place: Range<usize>, text: &[u8]) -> Result<Target, BadHead> {
    if !text.iter().copied().all(is_visible) {
        return Err(BadHead::BadTarget);
    }
    Ok(Target {
        start: place.start,
        query_start: place.start + memchr(b'?', text).unwrap_or(text.len()),
        end: place.end,
        has_fragment: memchr(b'#', text).is_some(),
    })
}

fn fields(head: &[u8], start: usize, headers: &[Header<'_>], memory: &mut Vec<Field>) -> Fields {
    let mut fields = Fields::none(memory, start);
    located(head, headers).for_each(|field| fields.push(field));
    fields
}

/// Where in `head` the lines lie that httparse read from it. Each ends where the next one begins.
fn located<'a>(head: &'a [u8], headers: &'a [Header<'_>]) -> impl Iterator<Item = Field> {
    let behind_all = head.len().saturating_sub("\r\n".len());
    let starts = headers.iter().map(|header| place(head, header.name.as_bytes()).start);
    headers.iter().zip(starts.skip(1).chain([behind_all])).map(|(header, end)| {
        let name = header.name.as_bytes();
        let start = place(head, name).start;
        let field = Field::locate(start, name, place(head, header.value), end);
        debug_assert_eq!(Field::read(head, start), Some(field), "a line is taken apart differently");
        field
    })
}

/// Where `part` lies in `head`, of which it is a slice.
fn place(head: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(head.as_ptr().addr());
    start..start + part.len()
}

/// What httparse has no limit for.
fn sizes(head: &[u8], limits: &HeadLimits) -> Result<(), BadHead> {
    let mut words = first_line(head).split(|octet| *octet == b' ');
    if words.next().is_some_and(|method| method.len() > METHOD_BYTES_MAX) {
        return Err(BadHead::MethodTooLong);
    }
    match words.next() {
        Some(target) if target.len() > limits.target_bytes => Err(BadHead::TargetTooLong),
        _ => Ok(()),
    }
}

/// The rule that the request head breaks that httparse refused with `error`.
fn request_fault(error: Error, head: &[u8]) -> BadHead {
    let line = first_line(head);
    let mut words = line.splitn(3, |octet| *octet == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match error {
        Error::HeaderName | Error::HeaderValue | Error::TooManyHeaders => {
            field_fault(error, behind(line, head))
        }
        Error::Version if line.starts_with(b"PRI * HTTP/2.0") => BadHead::Http2Preface,
        Error::Version if is_other_version(version_of_request(line)) => BadHead::UnsupportedVersion,
        Error::Token if !method.iter().copied().all(is_tchar) => BadHead::BadMethod,
        Error::Token if !target.iter().copied().all(is_visible) => BadHead::BadTarget,
        Error::Version | Error::Token | Error::NewLine | Error::Status => BadHead::BadRequestLine,
    }
}

/// The same of a response head.
fn response_fault(error: Error, head: &[u8]) -> BadHead {
    let line = first_line(head);
    match error {
        Error::HeaderName | Error::HeaderValue | Error::TooManyHeaders => {
            field_fault(error, behind(line, head))
        }
        Error::Version if is_other_version(version_of_response(line)) => BadHead::UnsupportedVersion,
        Error::Version | Error::Token | Error::NewLine | Error::Status => BadHead::BadStatusLine,
    }
}

/// What follows the first line of `head`.
fn behind<'a>(line: &[u8], head: &'a [u8]) -> &'a [u8] {
    head.get(line.len()..).unwrap_or_default()
}

/// The rule that the first bad one of `lines` breaks.
fn field_fault(error: Error, lines: &[u8]) -> BadHead {
    match error {
        Error::TooManyHeaders => BadHead::TooManyFields,
        Error::HeaderValue => BadHead::BadFieldValue,
        _ => lines.split(|octet| *octet == b'\n').find_map(name_fault).unwrap_or(BadHead::BadFieldName),
    }
}

fn name_fault(line: &[u8]) -> Option<BadHead> {
    match memchr(b':', line).and_then(|colon| line.get(..colon)) {
        _ if matches!(line, [] | [b'\r']) => None,
        _ if line.first().copied().is_some_and(is_space) => Some(BadHead::ObsFold),
        None => Some(BadHead::NoColon),
        Some([]) => Some(BadHead::EmptyFieldName),
        Some([.., last]) if is_space(*last) => Some(BadHead::SpaceBeforeColon),
        Some(name) if !is_token(name) => Some(BadHead::BadFieldName),
        Some(_) => None,
    }
}

/// What stands in the place of the version, as far as it is there.
fn version_of_request(line: &[u8]) -> &[u8] {
    line.splitn(3, |octet| *octet == b' ').nth(2).unwrap_or_default()
}

fn version_of_response(line: &[u8]) -> &[u8] {
    line.split(|octet| *octet == b' ').next().unwrap_or_default()
}

/// Whether `text` is an `HTTP-version` (RFC 9112 §2.3).
fn is_version(text: &[u8]) -> bool {
    matches!(text.strip_prefix(b"HTTP/"), Some([b'0'..=b'9', b'.', b'0'..=b'9']))
}

/// Whether `text` is a version that we do not speak. From HTTP/2 on they have no minor number.
fn is_other_version(text: &[u8]) -> bool {
    match text.strip_prefix(b"HTTP/") {
        Some([b'2'..=b'9']) => true,
        Some(b"1.0" | b"1.1") => false,
        _ => is_version(text),
    }
}

/// Whether `head` ends within its version, so that nothing can be said of that yet.
fn may_become_version(head: &[u8], version: impl Fn(&[u8]) -> &[u8]) -> bool {
    let text = version(first_line(head));
    let missing = b"HTTP/1.1".get(text.len()..).unwrap_or_default();
    // The last octets themselves, not others that look alike: a version may stand at both ends of a line.
    let ends_there = text.as_ptr_range().end == head.as_ptr_range().end && !missing.is_empty();
    ends_there && is_version(&[text, missing].concat())
}

/// The first line of `head` with its end, or what there is of it.
fn start_line(head: &[u8]) -> &[u8] {
    let end = memchr(b'\n', head).map_or(head.len(), |lf| lf + 1);
    head.get(..end).unwrap_or_default()
}

/// The first line of `head` without its CRLF, or what there is of it.
fn first_line(head: &[u8]) -> &[u8] {
    let end = head.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(head.len());
    head.get(..end).unwrap_or_default()
}
