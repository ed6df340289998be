//! Where a message's body ends (RFC 9112 §6.3): decided here, once. Afterwards nobody looks at
//! Content-Length or Transfer-Encoding again.

use super::bad_head::BadHead;
use super::fields::{Fields, Several};
use super::grammar::{decimal, is_token, trim};
use super::limits::HeadKind;
use super::name::Name;
use super::version::Version;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many octets.
    Length(u64),
    /// The chunked coding (RFC 9112 §7.1).
    Chunked,
    /// Close-delimited: all until the connection closes. Responses only.
    Close,
}

impl Framing {
    /// Whether not one octet of body can follow.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// Marks the message as framed by the chunked coding: the only coding that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunked;

/// What Content-Length and Transfer-Encoding say, each taken alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) coding: Option<Chunked>,
    pub(super) length: Option<u64>,
}

impl Declared {
    #[inline]
    pub(super) fn read(head: &[u8], fields: &Fields, version: Version) -> Result<Self, BadHead> {
        match (fields.has(Name::TransferEncoding), fields.has(Name::ContentLength)) {
            (false, false) => Ok(Self { coding: None, length: None }),
            (false, true) => Ok(Self { coding: None, length: length(head, fields)? }),
            (true, _) => Self::read_both(head, fields, version),
        }
    }

    #[inline(never)]
    fn read_both(head: &[u8], fields: &Fields, version: Version) -> Result<Self, BadHead> {
        let declared = Self { coding: coding(head, fields)?, length: length(head, fields)? };
        match declared {
            // §6.3 item 3 lets us drop Content-Length and go on; §6.1 lets us refuse. We refuse:
            // two parsers that never see the pair can never disagree about it (§11.2).
            Self { coding: Some(_), length: Some(_) } => Err(BadHead::LengthAndCoding),
            // §6.1: "MUST treat the message as if the framing is faulty".
            Self { coding: Some(_), .. } if version == Version::Http10 => Err(BadHead::CodingInHttp10),
            _ => Ok(declared),
        }
    }
}

impl Declared {
    /// Whether a response of this status may be followed by octets that belong to no message. A response to HEAD, and a 304
    /// with a length, say what GET would bring.
    pub(super) fn announces_octets_after(self, status: u16) -> bool {
        match status {
            100..=199 | 204 => self.coding.is_some() || self.length.is_some_and(|length| length > 0),
            304 => self.coding.is_some(),
            _ => false,
        }
    }
}

/// Finds where a request's body ends.
pub(super) fn request_framing(declared: Declared) -> Framing {
    match declared {
        Declared { coding: Some(Chunked), .. } => Framing::Chunked,
        Declared { length: Some(length), .. } => Framing::Length(length),
        // Item 7: a request is never close-delimited.
        Declared { coding: None, length: None } => Framing::None,
    }
}

/// Finds where a response's body ends.
pub(super) fn response_framing(
    declared: Declared,
    status: u16,
    to_head: bool,
    kind: HeadKind,
) -> Result<Framing, BadHead> {
    if kind == HeadKind::StrictResponse || matches!(status, 100 | 102..=199) {
        refuse_body(declared, status, kind)?;
    }
    match (status, declared) {
        // Item 1.
        (100..=199 | 204 | 304, _) => Ok(Framing::None),
        _ if to_head => Ok(Framing::None),
        (_, Declared { coding: Some(Chunked), .. }) => Ok(Framing::Chunked),
        (_, Declared { length: Some(length), .. }) => Ok(Framing::Length(length)),
        // Item 8.
        (_, Declared { coding: None, length: None }) => Ok(Framing::Close),
    }
}

/// RFC 9112 §6.1 and RFC 9110 §8.6 forbid to announce a body in 1xx and 204. Servers in use do it all the same, and their
/// 101 and 204 are passed on without: whatever follows, `announces_octets_after` keeps it from being taken for another
/// response. An interim response has one behind it: there only a length of 0 hides nothing.
fn refuse_body(declared: Declared, status: u16, kind: HeadKind) -> Result<(), BadHead> {
    let is_strict = kind == HeadKind::StrictResponse;
    match (status, declared) {
        (100..=199 | 204, Declared { coding: Some(_), .. }) => Err(BadHead::CodingWithoutBody),
        (100..=199 | 204, Declared { length: Some(1..), .. }) => Err(BadHead::LengthWithoutBody),
        (100..=199, Declared { length: Some(0), .. }) if is_strict => Err(BadHead::LengthWithoutBody),
        _ => Ok(()),
    }
}

fn coding(head: &[u8], fields: &Fields) -> Result<Option<Chunked>, BadHead> {
    match fields.only(Name::TransferEncoding).map(|field| field.map(|field| field.value(head))) {
        Ok(None) => Ok(None),
        Ok(Some(value)) if value.eq_ignore_ascii_case(b"chunked") => Ok(Some(Chunked)),
        Ok(Some(value)) => Err(bad_coding(value)),
        Err(Several) => Err(BadHead::SeveralCodings),
    }
}

/// A well-formed list that ends in its only `chunked` could be read by someone who knows the codings
/// before it: 501 (§6.1). Any other has no certain end: 400 (§6.3 item 4).
fn bad_coding(value: &[u8]) -> BadHead {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let mut from_last = value.rsplit(|&octet| octet == b',').map(trim);
    if from_last.next().is_some_and(is_chunked)
        && from_last.all(|coding| is_token(coding) && !is_chunked(coding))
    {
        BadHead::UnknownCoding
    } else {
        BadHead::BadCoding
    }
}

fn length(head: &[u8], fields: &Fields) -> Result<Option<u64>, BadHead> {
    match fields.only(Name::ContentLength).map(|field| field.map(|field| field.value(head))) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => one_length(value).map(Some),
        // RFC 9110 §8.6 lets us accept a repeated value as one; it gains an honest sender nothing.
        Err(Several) => Err(BadHead::SeveralLengths),
    }
}

/// The grammar allows leading zeros and any size. We do not: some parsers read `010` as eight, and
/// keep lengths in signed 64 bits.
fn one_length(value: &[u8]) -> Result<u64, BadHead> {
    match decimal(value).filter(|length| i64::try_from(*length).is_ok()) {
        Some(length) if value.len() == 1 || !value.starts_with(b"0") => Ok(length),
        Some(_) => Err(BadHead::BadLength),
        None if value.contains(&b',') => Err(BadHead::SeveralLengths),
        None => Err(BadHead::BadLength),
    }
}
