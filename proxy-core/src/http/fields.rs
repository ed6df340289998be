//! The field lines of a head: where each lies in the head's octets, and which of the names that matter
//! to a proxy it bears.
//!
//! Nothing is copied. Does not know what any value means.

use alloc::vec::Vec;

use super::bad_head::BadHead;

/// Most field lines that a head can have, whatever the limit in force: httparse fills an array of
/// this many entries (32 octets each) on the stack.
pub const FIELDS_MAX: usize = 256;

/// The names that a proxy treats specially.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the field of that name")]
pub enum Name {
    Other,
    /// One of the others, with `_` for `-`. Servers that turn `-` into `_` (CGI, WSGI, FastCGI) take it
    /// for the real one: a way past whoever checks only that.
    Underscored,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    ProxyConnection,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyAuthenticationInfo,
    Te,
    Trailer,
    Upgrade,
    Http2Settings,
    Expect,
    MaxForwards,
    Via,
    Forwarded,
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
    XRequestId,
    ContentType,
}

/// One field line, as offsets into the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
    end: u16,
    name: Name,
    /// Connection names this field: it goes no further (RFC 9110 §7.6.1).
    named_by_connection: bool,
}

impl Field {
    /// Which name it bears.
    pub fn name(&self) -> Name {
        self.name
    }

    /// Whether Connection named it as an option, so that it ends here.
    pub fn is_named_by_connection(&self) -> bool {
        self.named_by_connection
    }

    /// Where the line starts in the head.
    pub fn start(&self) -> usize {
        self.start.into()
    }

    /// Where the next line starts.
    pub fn end(&self) -> usize {
        self.end.into()
    }

    pub(super) fn value_start(&self) -> usize {
        self.value_start.into()
    }

    /// Where the value ends, optional whitespace and CRLF excluded.
    pub fn value_end(&self) -> usize {
        self.value_end.into()
    }

    /// The name as it was spelt.
    pub fn name_bytes<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, self.start, self.name_end)
    }

    /// The value without the whitespace around it.
    pub fn value<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, self.value_start, self.value_end)
    }
}

/// All field lines of a head, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fields {
    list: Vec<Field>,
    /// One bit for each `Name` that occurs, so that the usual absences cost nothing.
    seen: u32,
}

impl Fields {
    /// Locates what httparse found in `head`, and checks that each line ends in CRLF: httparse makes
    /// do with LF.
    pub(super) fn locate(head: &[u8], found: &[httparse::Header<'_>]) -> Result<Self, BadHead> {
        let blank_line = head.len().checked_sub(2).ok_or(BadHead::Incomplete)?;
        let mut fields = Self { list: Vec::with_capacity(found.len()), seen: 0 };
        for header in found {
            let start = offset(head, header.name.as_bytes());
            fields.end_line(head, start)?;
            fields.push(start, head, header)?;
        }
        fields.end_line(head, to_u16(blank_line))?;
        if head.get(blank_line) == Some(&b'\r') { Ok(fields) } else { Err(BadHead::BareLf) }
    }

    /// The line before `next` ends there. httparse has seen LF in front of it.
    fn end_line(&mut self, head: &[u8], next: u16) -> Result<(), BadHead> {
        if let Some(last) = self.list.last_mut() {
            last.end = next;
        }
        match usize::from(next).checked_sub(2).and_then(|at| head.get(at)) {
            Some(b'\r') => Ok(()),
            _ => Err(BadHead::BareLf),
        }
    }

    fn push(&mut self, start: u16, head: &[u8], header: &httparse::Header<'_>) -> Result<(), BadHead> {
        let name = classify(header.name.as_bytes());
        let value_start = offset(head, header.value);
        self.seen |= name.bit();
        self.list.push(Field {
            start,
            name_end: start.saturating_add(to_u16(header.name.len())),
            value_start,
            value_end: value_start.saturating_add(to_u16(header.value.len())),
            end: value_start,
            name,
            named_by_connection: false,
        });
        Ok(())
    }

    /// The lines in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Field> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> core::slice::IterMut<'_, Field> {
        self.list.iter_mut()
    }

    /// Whether any line bears `name`.
    pub fn has(&self, name: Name) -> bool {
        self.seen & name.bit() != 0
    }

    /// The lines that bear `name`.
    pub fn named(&self, name: Name) -> impl Iterator<Item = &Field> {
        let list = if self.has(name) { self.list.as_slice() } else { &[] };
        list.iter().filter(move |field| field.name == name)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where the field lines begin; `None` if there are none.
    pub fn start(&self) -> Option<usize> {
        self.list.first().map(Field::start)
    }
}

impl Field {
    pub(super) fn end_here(&mut self) {
        self.named_by_connection = true;
    }
}

impl Name {
    fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Recognises a name by its length first, so that the usual one costs a comparison or two.
pub(super) fn classify(name: &[u8]) -> Name {
    let candidates: &[(&[u8], Name)] = match name.len() {
        2 => &[(b"te", Name::Te)],
        3 => &[(b"via", Name::Via)],
        4 => &[(b"host", Name::Host)],
        6 => &[(b"expect", Name::Expect)],
        7 => &[(b"upgrade", Name::Upgrade), (b"trailer", Name::Trailer)],
        9 => &[(b"forwarded", Name::Forwarded)],
        10 => &[(b"connection", Name::Connection), (b"keep-alive", Name::KeepAlive)],
        12 => &[
            (b"content-type", Name::ContentType),
            (b"x-request-id", Name::XRequestId),
            (b"max-forwards", Name::MaxForwards),
        ],
        14 => &[(b"content-length", Name::ContentLength), (b"http2-settings", Name::Http2Settings)],
        15 => &[(b"x-forwarded-for", Name::XForwardedFor)],
        16 => &[(b"x-forwarded-host", Name::XForwardedHost), (b"proxy-connection", Name::ProxyConnection)],
        17 => {
            &[(b"transfer-encoding", Name::TransferEncoding), (b"x-forwarded-proto", Name::XForwardedProto)]
        }
        18 => &[(b"proxy-authenticate", Name::ProxyAuthenticate)],
        19 => &[(b"proxy-authorization", Name::ProxyAuthorization)],
        25 => &[(b"proxy-authentication-info", Name::ProxyAuthenticationInfo)],
        _ => &[],
    };
    for (known, class) in candidates {
        if name.first().map(|first| first | 0x20) != known.first().copied() {
            continue;
        }
        if name.eq_ignore_ascii_case(known) {
            return *class;
        }
        if is_underscored(name, known) {
            return Name::Underscored;
        }
    }
    Name::Other
}

/// `known`, but for one `_` or more in the place of `-`.
fn is_underscored(name: &[u8], known: &[u8]) -> bool {
    name.iter()
        .zip(known)
        .all(|(&octet, &known)| octet.eq_ignore_ascii_case(&known) || (octet == b'_' && known == b'-'))
}

fn slice(head: &[u8], start: u16, end: u16) -> &[u8] {
    head.get(start.into()..end.into()).unwrap_or_default()
}

/// Where `part` lies in `head`. The head is at most `HEAD_BYTES_MAX` long, so that this never saturates.
pub(super) fn offset(head: &[u8], part: &[u8]) -> u16 {
    to_u16((part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize))
}

pub(super) fn to_u16(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
