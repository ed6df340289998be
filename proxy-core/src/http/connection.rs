//! Connection options: what the sender asks of this hop, and which fields end here (RFC 9110 §7.6.1).
//!
//! Does not know what becomes of the connection.

use super::bad_head::BadHead;
use super::field::Field;
use super::fields::{Fields, Several};
use super::grammar::{is_token, list};
use super::name::{Name, classify};
use super::version::Version;

/// The options that mean something to us.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ConnectionOptions {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

/// Most options in one head. Each is compared with each field name, so that an unbounded list would
/// buy a client much work for few octets.
const OPTIONS_MAX: usize = 32;

impl ConnectionOptions {
    /// Reads every Connection field, and marks the fields that they name.
    #[inline]
    pub(super) fn read(head: &[u8], fields: &mut Fields) -> Result<Self, BadHead> {
        if fields.has(Name::Connection) { Self::read_some(head, fields) } else { Ok(Self::default()) }
    }

    fn read_some(head: &[u8], fields: &mut Fields) -> Result<Self, BadHead> {
        match fields.only(Name::Connection).map(|field| field.map(|field| field.value(head))) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(b"keep-alive" | b"Keep-Alive")) => Ok(Self { keep_alive: true, ..Self::default() }),
            Ok(Some(b"close")) => Ok(Self { close: true, ..Self::default() }),
            Ok(Some(_)) | Err(Several) => Self::read_any(head, fields.list_all(head)),
        }
    }

    #[cold]
    fn read_any(head: &[u8], lines: &mut [Field]) -> Result<Self, BadHead> {
        let mut options = Self::default();
        let mut count = 0;
        let mut at = 0;
        while let Some(value) = next_connection(head, lines, &mut at) {
            for option in list(value) {
                count += 1;
                if count > OPTIONS_MAX || !is_token(option) {
                    return Err(BadHead::BadConnection);
                }
                options.take(option, head, lines)?;
            }
        }
        Ok(options)
    }

    fn take(&mut self, option: &[u8], head: &[u8], lines: &mut [Field]) -> Result<(), BadHead> {
        if option.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
        } else if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
        } else if option.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        } else {
            end_named(option, head, lines)?;
        }
        Ok(())
    }

    /// Whether the connection outlives the message, as far as its sender is concerned (RFC 9112 §9.3).
    pub(super) fn persist(self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// The value of the next Connection field at or after `at`.
fn next_connection<'a>(head: &'a [u8], lines: &[Field], at: &mut usize) -> Option<&'a [u8]> {
    let (skipped, field) =
        lines.iter().skip(*at).enumerate().find(|(_, field)| field.name() == Name::Connection)?;
    *at += skipped + 1;
    Some(field.value(head))
}

/// Stripping what frames or routes the message would let the sender choose what the next hop sees in
/// its place; no honest sender asks for it ("MUST NOT send a connection option corresponding to a
/// field that is intended for all recipients").
fn end_named(option: &[u8], head: &[u8], lines: &mut [Field]) -> Result<(), BadHead> {
    if matches!(classify(option), Name::Host | Name::ContentLength | Name::TransferEncoding) {
        return Err(BadHead::ConnectionNamesFraming);
    }
    for field in lines {
        if field.name_bytes(head).eq_ignore_ascii_case(option) {
            field.end_here();
        }
    }
    Ok(())
}
