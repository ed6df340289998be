//! Names the rule that a bad head broke. `lines.rs` says only that it broke one; this walks the lines
//! again, off the hot path, and finds the first fault.

use memchr::memchr;

use super::bad_head::BadHead;
use super::fields::FIELDS_MAX;
use super::grammar::{is_space, is_tchar, is_token, is_value_octet, is_visible};
use super::method::METHOD_BYTES_MAX;
use super::scan::{HeadKind, HeadLimits, is_tls};

/// The first fault of `head`, which `lines.rs` refused.
pub(super) fn head(head: &[u8], kind: HeadKind, limits: &HeadLimits) -> BadHead {
    match faults(head, kind, limits) {
        Err(fault) => fault,
        Ok(()) => BadHead::Incomplete,
    }
}

fn faults(head: &[u8], kind: HeadKind, limits: &HeadLimits) -> Result<(), BadHead> {
    start_line(head, kind, limits)?;
    for (before, line) in Lines(head).skip(1).enumerate() {
        match line? {
            [] => break,
            _ if before >= limits.fields.min(FIELDS_MAX) => return Err(BadHead::TooManyFields),
            line => field_line(line)?,
        }
    }
    Ok(())
}

/// Judges the first line of `head`; it need not be followed by anything.
pub(super) fn start_line(head: &[u8], kind: HeadKind, limits: &HeadLimits) -> Result<(), BadHead> {
    if is_tls(head) {
        return Err(BadHead::TlsHandshake);
    }
    let line = Lines(head).next().ok_or(BadHead::Incomplete)??;
    match kind {
        HeadKind::Request => request_line(line, limits),
        HeadKind::Response => status_line(line),
    }
}

fn request_line(line: &[u8], limits: &HeadLimits) -> Result<(), BadHead> {
    if line == b"PRI * HTTP/2.0" {
        return Err(BadHead::Http2Preface);
    }
    let (method, rest) = cut(line);
    let (target, version) = cut(rest);
    if !method.iter().copied().all(is_tchar) {
        return Err(BadHead::BadMethod);
    }
    if method.len() > METHOD_BYTES_MAX {
        return Err(BadHead::MethodTooLong);
    }
    if !target.iter().copied().all(is_visible) {
        return Err(BadHead::BadTarget);
    }
    if target.len() > limits.target_bytes {
        return Err(BadHead::TargetTooLong);
    }
    match version {
        _ if method.is_empty() || target.is_empty() => Err(BadHead::BadRequestLine),
        b"HTTP/1.0" | b"HTTP/1.1" => Ok(()),
        _ if is_version(version) => Err(BadHead::UnsupportedVersion),
        _ => Err(BadHead::BadRequestLine),
    }
}

fn status_line(line: &[u8]) -> Result<(), BadHead> {
    let (version, rest) = cut(line);
    let (status, reason) = cut(rest);
    if !version.starts_with(b"HTTP/") {
        return Err(BadHead::NotHttp);
    }
    if version != b"HTTP/1.0" && version != b"HTTP/1.1" {
        return Err(if is_version(version) { BadHead::UnsupportedVersion } else { BadHead::BadStatusLine });
    }
    if status.len() != 3 || !status.iter().all(u8::is_ascii_digit) {
        return Err(BadHead::BadStatusLine);
    }
    match reason.iter().copied().all(is_value_octet) {
        true => Ok(()),
        false => Err(BadHead::BadStatusLine),
    }
}

pub(super) fn field_line(line: &[u8]) -> Result<(), BadHead> {
    if line.first().copied().is_some_and(is_space) {
        return Err(BadHead::ObsFold);
    }
    let colon = memchr(b':', line).ok_or(BadHead::NoColon)?;
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    match name {
        [] => Err(BadHead::EmptyFieldName),
        [.., last] if is_space(*last) => Err(BadHead::SpaceBeforeColon),
        _ if !is_token(name) => Err(BadHead::BadFieldName),
        _ if !value.iter().copied().all(is_value_octet) => Err(BadHead::BadFieldValue),
        _ => Ok(()),
    }
}

/// `HTTP/` and a number with or without a dot: HTTP, but perhaps not a version that we speak.
fn is_version(text: &[u8]) -> bool {
    text.strip_prefix(b"HTTP/")
        .is_some_and(|number| !number.is_empty() && number.iter().all(|o| o.is_ascii_digit() || *o == b'.'))
}

/// What stands before the first space, and what behind it.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text).and_then(|at| text.split_at_checked(at)) {
        Some((before, behind)) => (before, behind.get(1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// The complete lines, without their CRLF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], BadHead>;

    fn next(&mut self) -> Option<Self::Item> {
        let lf = memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at_checked(lf + 1)?;
        self.0 = rest;
        Some(match line.strip_suffix(b"\r\n") {
            None => Err(BadHead::BareLf),
            Some(line) if memchr(b'\r', line).is_some() => Err(BadHead::BareCr),
            Some(line) => Ok(line),
        })
    }
}
