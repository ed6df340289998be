//! One chunk-size line on its way in: `1*HEXDIG [chunk-ext] CRLF` (RFC 9112 §7.1).
//!
//! Knows nothing of what lies between two such lines.

use bytes::{Buf, Bytes};

use super::bad_body::BadBody;
use super::grammar::{is_space, is_tchar, is_value_octet};
use super::limits::HeadKind;

/// Longest line in octets, extensions included. Nobody reads extensions; they only cost.
const LINE_MAX: u16 = 256;

/// Most digits of a size, leading zeros included.
const DIGITS_MAX: u8 = 16;

/// A size with a bit here or above can't take another digit: like lengths, sizes are below 2^63, for many parsers keep
/// them in signed numbers.
const FULL_FROM_BIT: u32 = 59;

/// How far a line has come.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub(super) struct ChunkLine {
    size: u64,
    digits: u8,
    octets: u16,
    place: Place,
}

/// `chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    #[default]
    Size,
    /// Whitespace behind the size: nothing but an extension may follow, or, though not by the grammar, the end.
    BehindSize,
    /// Behind `;`.
    BeforeName,
    Name,
    BehindName,
    /// Behind `=`.
    BeforeValue,
    Value,
    Quoted,
    /// Behind a backslash in quotes.
    Escaped,
    BehindValue,
    /// An extension that we don't look at.
    Unseen,
    Lf,
}

impl ChunkLine {
    /// Reads on; the chunk's size when the line is whole.
    pub(super) fn read(&mut self, input: &mut Bytes, kind: HeadKind) -> Result<Option<u64>, BadBody> {
        for (at, &octet) in input.iter().enumerate() {
            if self.take(octet, kind)? {
                input.advance(at + 1);
                return Ok(Some(self.size));
            }
        }
        *input = Bytes::new();
        Ok(None)
    }

    fn take(&mut self, octet: u8, kind: HeadKind) -> Result<bool, BadBody> {
        self.octets += 1;
        if self.octets > LINE_MAX {
            return Err(BadBody::ChunkLineTooLong);
        }
        match (self.place, octet) {
            (Place::Lf, b'\n') => return Ok(true),
            (Place::Lf, _) | (_, b'\n') => return Err(BadBody::BadChunkLineEnd),
            (Place::Size, _) if octet.is_ascii_hexdigit() => self.digit(octet)?,
            (Place::Size | Place::BehindSize, _) => self.place = self.behind_size(octet, kind)?,
            _ => self.place = self.extension(octet, kind).ok_or(BadBody::BadChunkExtension)?,
        }
        Ok(false)
    }

    fn behind_size(&self, octet: u8, kind: HeadKind) -> Result<Place, BadBody> {
        match octet {
            _ if self.digits == 0 => Err(BadBody::BadChunkSize),
            b'\r' if self.place == Place::BehindSize && kind == HeadKind::StrictResponse => {
                Err(BadBody::BadChunkSize)
            }
            b'\r' => Ok(Place::Lf),
            // A response is framed anew for the client, who sees no extension.
            b';' if kind == HeadKind::Response => Ok(Place::Unseen),
            b';' => Ok(Place::BeforeName),
            b' ' | b'\t' => Ok(Place::BehindSize),
            _ => Err(BadBody::BadChunkSize),
        }
    }

    fn extension(&self, octet: u8, kind: HeadKind) -> Option<Place> {
        match (self.place, octet) {
            (Place::BehindName | Place::BehindValue, b'\r') if kind == HeadKind::StrictResponse => None,
            (Place::Name | Place::BehindName | Place::Value | Place::BehindValue | Place::Unseen, b'\r') => {
                Some(Place::Lf)
            }
            (Place::Unseen | Place::Escaped | Place::Quoted, _) if !is_value_octet(octet) => None,
            (Place::Unseen, _) => Some(Place::Unseen),
            (Place::Quoted, b'"') => Some(Place::BehindValue),
            (Place::Quoted, b'\\') => Some(Place::Escaped),
            (Place::Quoted | Place::Escaped, _) => Some(Place::Quoted),
            (Place::BeforeName | Place::BehindName | Place::BeforeValue | Place::BehindValue, _)
                if is_space(octet) =>
            {
                Some(self.place)
            }
            (Place::Name, _) if is_space(octet) => Some(Place::BehindName),
            (Place::Value, _) if is_space(octet) => Some(Place::BehindValue),
            (Place::Name | Place::BehindName | Place::Value | Place::BehindValue, b';') => {
                Some(Place::BeforeName)
            }
            (Place::Name | Place::BehindName, b'=') => Some(Place::BeforeValue),
            (Place::BeforeValue, b'"') => Some(Place::Quoted),
            (Place::BeforeName | Place::Name, _) if is_tchar(octet) => Some(Place::Name),
            (Place::BeforeValue | Place::Value, _) if is_tchar(octet) => Some(Place::Value),
            _ => None,
        }
    }

    fn digit(&mut self, octet: u8) -> Result<(), BadBody> {
        self.digits += 1;
        if self.digits > DIGITS_MAX || self.size >> FULL_FROM_BIT != 0 {
            return Err(BadBody::ChunkSizeTooLarge);
        }
        let value = match octet {
            b'0'..=b'9' => octet - b'0',
            _ => (octet | 0x20) - b'a' + 10,
        };
        self.size = (self.size << 4) | u64::from(value);
        Ok(())
    }
}
