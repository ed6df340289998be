//! The trailer section of a chunked body: validated, and rid of what must not come late (RFC 9110 §6.5.1).
//!
//! Does not know whether anybody wants trailers.

use alloc::vec::Vec;

use bytes::Bytes;
use memchr::memchr;

use super::bad_head::BadHead;
use super::diagnose::field_line;
use super::fields::{Name, classify};

/// Field lines that followed a body, ready to be sent on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trailers {
    /// Whole lines, each with its CRLF.
    lines: Bytes,
}

impl Trailers {
    /// Parses a whole trailer section, its empty line included. `None` if nothing worth sending is in it.
    pub(super) fn parse(section: &[u8]) -> Result<Option<Self>, BadHead> {
        let mut lines = Vec::new();
        for line in section.split_inclusive(|&octet| octet == b'\n') {
            let text = line.strip_suffix(b"\r\n").ok_or(BadHead::BareLf)?;
            if text.is_empty() {
                break;
            }
            field_line(text)?;
            if may_come_late(text) {
                lines.extend_from_slice(line);
            }
        }
        Ok(if lines.is_empty() { None } else { Some(Self { lines: lines.into() }) })
    }

    /// The lines, each with its CRLF; without the empty line that ends the section.
    pub fn lines(&self) -> &Bytes {
        &self.lines
    }
}

/// What frames, routes, authenticates or controls a message has done its work before the body; coming
/// after it, it can only mislead those who merge trailers into the head.
fn may_come_late(line: &[u8]) -> bool {
    let name = memchr(b':', line).and_then(|colon| line.get(..colon)).unwrap_or_default();
    classify(name) == Name::Other
        && !name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"if-"))
        && !TOO_LATE.iter().any(|late| name.eq_ignore_ascii_case(late))
}

const TOO_LATE: [&[u8]; 16] = [
    b"age",
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-range",
    b"cookie",
    b"date",
    b"expires",
    b"location",
    b"pragma",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"vary",
    b"warning",
    b"www-authenticate",
];
