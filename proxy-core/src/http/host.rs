//! `uri-host [":" port]`, in Host or in a target's authority (RFC 9110 §7.2, RFC 3986 §3.2).
//!
//! Does not know which hosts exist.

use core::net::Ipv6Addr;

use super::bad_head::BadHead;
use super::grammar::decimal;
use super::limits::offset;
use super::sixteen::{find, not_host};

/// Where a validated authority lies in its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostSpan {
    start: u16,
    host_end: u16,
    end: u16,
    port: Option<u16>,
}

impl HostSpan {
    /// Validates `head[start..end]`.
    pub(super) fn validate(head: &[u8], start: usize, end: usize) -> Result<Self, BadHead> {
        if let Some((len @ 1.., _)) = head.get(start..).and_then(|text| find(text, 0, not_host))
            && start + len == end
        {
            return Ok(Self { start: offset(start), host_end: offset(end), end: offset(end), port: None });
        }
        Self::validate_any(head, start, end)
    }

    #[cold]
    fn validate_any(head: &[u8], start: usize, end: usize) -> Result<Self, BadHead> {
        let text = head.get(start..end).unwrap_or_default();
        let (host, port) = split_port(text)?;
        if !is_host(host) {
            return Err(BadHead::BadHost);
        }
        Ok(Self {
            start: offset(start),
            host_end: offset(start + host.len()),
            end: offset(end),
            port: number(port)?,
        })
    }

    /// The host without its port, as it was spelt; an IPv6 address keeps its brackets.
    pub fn host<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(self.start.into()..self.host_end.into()).unwrap_or_default()
    }

    /// The same without the dot of the root, with which a name may end: both are one name (RFC 1034 §3.1).
    pub(super) fn relative_host<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        let host = self.host(head);
        match host.strip_suffix(b".") {
            Some(relative) if !relative.is_empty() && !relative.ends_with(b".") => relative,
            _ => host,
        }
    }

    /// All of it, as it was spelt.
    pub fn authority<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(self.start.into()..self.end.into()).unwrap_or_default()
    }

    /// The port, if one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether both name the same server, given the scheme's own port.
    pub(super) fn agrees(&self, other: &Self, head: &[u8], scheme_port: u16) -> bool {
        self.port.unwrap_or(scheme_port) == other.port.unwrap_or(scheme_port)
            && self.host(head).eq_ignore_ascii_case(other.host(head))
    }
}

/// The host, and what follows its colon.
fn split_port(text: &[u8]) -> Result<(&[u8], &[u8]), BadHead> {
    let host_end = match text.first() {
        Some(b'[') => text.iter().position(|&octet| octet == b']').map(|at| at + 1),
        _ => Some(text.iter().position(|&octet| !is_name_octet(octet)).unwrap_or(text.len())),
    };
    let (host, rest) = host_end.and_then(|at| text.split_at_checked(at)).ok_or(BadHead::BadHost)?;
    match rest {
        [] => Ok((host, rest)),
        [b':', port @ ..] => Ok((host, port)),
        _ => Err(BadHead::BadHost),
    }
}

/// `*DIGIT`: a colon with nothing behind it is allowed (RFC 3986 §3.2.3).
fn number(port: &[u8]) -> Result<Option<u16>, BadHead> {
    if port.is_empty() {
        return Ok(None);
    }
    let number = if port.len() <= 5 { decimal(port) } else { None };
    number.and_then(|port| u16::try_from(port).ok()).map(Some).ok_or(BadHead::BadHost)
}

/// Whether what `split_port` took for a host is one: of a name it only remains to be seen that it is
/// not empty.
fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => {
            core::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        name => !name.is_empty(),
    }
}

/// RFC 3986's `reg-name` without percent-encoding and sub-delims: no DNS name needs them, while `%2f`,
/// or the comma of two Hosts that someone joined, is read differently from one parser to the next.
fn is_name_octet(octet: u8) -> bool {
    NAME_OCTET.get(usize::from(octet)).copied().unwrap_or_default()
}

static NAME_OCTET: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0x21u8;
    while octet < 0x7f {
        table[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
        octet += 1;
    }
    table
};
