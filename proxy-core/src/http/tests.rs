//! The wire layer from outside, in tables. In the texts `|` stands for CRLF.

mod bodies;
mod heads;
mod properties;
mod refusals;

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use super::{BadHead, HeadKind, HeadLimits, HeadScanner, RequestHead, ResponseHead};

pub(crate) const LIMITS: HeadLimits =
    HeadLimits { head_bytes: 16 * 1024, fields: 100, target_bytes: 8 * 1024 };

pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('|', "\r\n").into_bytes()
}

/// A request head the short way, for texts that must be good.
pub(crate) fn request(text: &str) -> RequestHead {
    RequestHead::parse(wire(text).into(), &LIMITS).unwrap()
}

/// A response head the short way, for texts that must be good.
pub(crate) fn response(text: &str) -> ResponseHead {
    ResponseHead::parse(wire(text).into(), false, &LIMITS).unwrap()
}

/// Reads a request as a connection would: `step` octets at a time, empty lines skipped.
fn read_request(octets: &[u8], step: usize, limits: &HeadLimits) -> Result<Option<RequestHead>, BadHead> {
    match find_head(octets, step, HeadKind::Request, limits)? {
        Some(head) => RequestHead::parse(head, limits).map(Some),
        None => Ok(None),
    }
}

fn read_response(octets: &[u8], step: usize, limits: &HeadLimits) -> Result<Option<ResponseHead>, BadHead> {
    match find_head(octets, step, HeadKind::Response, limits)? {
        Some(head) => ResponseHead::parse(head, false, limits).map(Some),
        None => Ok(None),
    }
}

fn read_strictly(octets: &[u8], step: usize, limits: &HeadLimits) -> Result<Option<ResponseHead>, BadHead> {
    let kind = HeadKind::StrictResponse;
    match find_head(octets, step, kind, limits)? {
        Some(head) => ResponseHead::parse_as(kind, head, false, limits).map(Some),
        None => Ok(None),
    }
}

fn find_head(
    octets: &[u8],
    step: usize,
    kind: HeadKind,
    limits: &HeadLimits,
) -> Result<Option<Bytes>, BadHead> {
    let mut scanner = HeadScanner::default();
    let mut buf = Vec::new();
    for part in octets.chunks(step) {
        buf.extend_from_slice(part);
        if kind == HeadKind::Request {
            let blank = scanner.blank_lines(&buf)?;
            buf.drain(..blank);
        }
        if let Some(len) = scanner.feed(&buf, kind, limits)? {
            return Ok(Some(Bytes::from(buf).copy_to_bytes(len)));
        }
    }
    Ok(None)
}

/// Reads `text` whole, an octet at a time, in sevens, and with another message behind it, and insists
/// that each gives the same.
fn in_every_way<T: PartialEq + core::fmt::Debug>(
    octets: &[u8],
    read: impl Fn(&[u8], usize) -> Result<Option<T>, BadHead>,
) -> Result<Option<T>, BadHead> {
    let shown = String::from_utf8_lossy(octets);
    let whole = read(octets, octets.len().max(1));
    for step in [1, 7] {
        assert_eq!(read(octets, step), whole, "in steps of {step}: {shown:?}");
    }
    if octets.ends_with(b"\r\n\r\n") {
        let pipelined = [octets, b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"].concat();
        for step in [1, pipelined.len()] {
            assert_eq!(read(&pipelined, step), whole, "with more behind, in steps of {step}: {shown:?}");
        }
    }
    whole
}
