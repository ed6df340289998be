//! The trailer section of a chunked body: validated, and rid of what must not come late (RFC 9110 §6.5.1).
//!
//! Does not know whether anybody wants trailers.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::bad_head::BadHead;
use super::field::Field;
use super::name::Name;
use super::strict;

/// Field lines that followed a body, ready to be sent on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trailers {
    /// Whole lines, each with its CRLF.
    lines: Bytes,
}

impl Trailers {
    /// Parses a whole trailer section, its empty line included. `None` if nothing worth sending is in it.
    pub(super) fn parse(section: &[u8]) -> Result<Option<Self>, BadHead> {
        // There nearly never are any.
        if section == b"\r\n" {
            return Ok(None);
        }
        let mut lines = Vec::new();
        for field in strict::trailers(section)?.iter().filter(|field| may_come_late(field, section)) {
            lines.extend_from_slice(section.get(field.start()..field.end()).unwrap_or_default());
        }
        Ok(if lines.is_empty() { None } else { Some(Self { lines: lines.into() }) })
    }

    /// The same without the fields of these names. `None` if nothing is left.
    pub(crate) fn without(self, names: &[String]) -> Option<Self> {
        let is_named = |line: &[u8]| {
            let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
            names.iter().any(|named| name.eq_ignore_ascii_case(named.as_bytes()))
        };
        let all = self.lines.split_inclusive(|octet| *octet == b'\n');
        let lines: Vec<u8> = all.filter(|line| !is_named(line)).flatten().copied().collect();
        (!lines.is_empty()).then(|| Self { lines: lines.into() })
    }

    /// The lines, each with its CRLF; without the empty line that ends the section.
    pub fn lines(&self) -> &Bytes {
        &self.lines
    }
}

/// What frames, routes, authenticates or controls a message has done its work before the body; coming
/// after it, it can only mislead those who merge trailers into the head.
fn may_come_late(field: &Field, section: &[u8]) -> bool {
    let name = field.name_bytes(section);
    field.name() == Name::Other
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
