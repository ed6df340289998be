//! Connection options: what the sender asks of this hop, and which fields end here (RFC 9110 §7.6.1).
//!
//! Does not know what becomes of the connection.

use super::bad_head::BadHead;
use super::fields::{Fields, Name, Several, classify};
use super::grammar::{is_token, list};

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
    pub(super) fn read(head: &[u8], fields: &mut Fields) -> Result<Self, BadHead> {
        let mut options = Self::default();
        match fields.only(Name::Connection).map(|field| field.map(|field| field.value(head))) {
            Ok(None) => return Ok(options),
            Ok(Some(b"keep-alive" | b"Keep-Alive")) => return Ok(Self { keep_alive: true, ..options }),
            Ok(Some(b"close")) => return Ok(Self { close: true, ..options }),
            Ok(Some(_)) | Err(Several) => {}
        }
        let mut count = 0;
        let mut at = 0;
        while let Some(value) = next_connection(head, fields, &mut at) {
            for option in list(value) {
                count += 1;
                if count > OPTIONS_MAX || !is_token(option) {
                    return Err(BadHead::BadConnection);
                }
                options.take(option, head, fields)?;
            }
        }
        Ok(options)
    }

    fn take(&mut self, option: &[u8], head: &[u8], fields: &mut Fields) -> Result<(), BadHead> {
        if option.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
        } else if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
        } else if option.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        } else {
            end_named(option, head, fields)?;
        }
        Ok(())
    }

    /// Whether the connection outlives the message, as far as its sender is concerned (RFC 9112 §9.3).
    pub(super) fn persist(self, version: super::Version) -> bool {
        match version {
            super::Version::Http11 => !self.close,
            super::Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// The value of the next Connection field at or after `at`.
fn next_connection<'a>(head: &'a [u8], fields: &Fields, at: &mut usize) -> Option<&'a [u8]> {
    let (skipped, field) =
        fields.iter().skip(*at).enumerate().find(|(_, field)| field.name() == Name::Connection)?;
    *at += skipped + 1;
    Some(field.value(head))
}

/// Stripping what frames or routes the message would let the sender choose what the next hop sees in
/// its place; no honest sender asks for it ("MUST NOT send a connection option corresponding to a
/// field that is intended for all recipients").
fn end_named(option: &[u8], head: &[u8], fields: &mut Fields) -> Result<(), BadHead> {
    if matches!(classify(option), Name::Host | Name::ContentLength | Name::TransferEncoding) {
        return Err(BadHead::ConnectionNamesFraming);
    }
    for field in fields.iter_mut() {
        if field.name_bytes(head).eq_ignore_ascii_case(option) {
            field.end_here();
        }
    }
    Ok(())
}
