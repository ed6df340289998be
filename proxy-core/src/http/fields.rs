//! The field lines of a head: where each lies in the head's octets, and which of the names that matter
//! to a proxy it bears.
//!
//! Nothing is copied. Does not know what any value means.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use super::lines::all_lines;

/// Most field lines that a head can have, whatever the limit in force.
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
    /// A well-formed line that begins at `start` with `name` and ends at `end`; `value` is where its value lies.
    #[expect(clippy::cast_possible_truncation, reason = "a head is at most HEAD_BYTES_MAX long")]
    pub(super) fn locate(start: usize, name: &[u8], value: Range<usize>, end: usize) -> Self {
        Self {
            start: start as u16,
            name_end: (start + name.len()) as u16,
            value_start: value.start as u16,
            value_end: value.end as u16,
            end: end as u16,
            name: classify(name),
            named_by_connection: false,
        }
    }

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

/// The field lines of a head: where they begin, and those of them that a proxy must take notice of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fields {
    /// The lines with a name that matters to a proxy, in order. Of the others there are some only if Connection was asked
    /// what it names.
    list: Vec<Field>,
    /// One bit for each `Name` that occurs, so that the usual absences cost nothing.
    seen: u32,
    /// One bit for each that occurs more than once.
    repeated: u32,
    start: u16,
}

/// A name is borne by more than one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Several;

impl Fields {
    /// None yet, of lines that begin at `start`. The list takes over `memory`.
    pub(super) fn none(memory: &mut Vec<Field>, start: usize) -> Self {
        memory.clear();
        Self { list: mem::take(memory), seen: 0, repeated: 0, start: to_u16(start) }
    }

    /// Gives the memory back, and the lines with it.
    pub(crate) fn take_memory(&mut self) -> Vec<Field> {
        mem::take(&mut self.list)
    }

    /// Takes notice of a line, which lies behind those before it, if a proxy must.
    pub(super) fn push(&mut self, field: Field) {
        let name = field.name;
        if name != Name::Other {
            self.repeated |= self.seen & name.bit();
            self.seen |= name.bit();
            self.list.push(field);
        }
    }

    /// The lines of which a proxy must take notice: those with a name that it knows or that Connection names.
    pub(crate) fn notable(&self) -> impl Iterator<Item = &Field> {
        self.list.iter().filter(|field| field.name != Name::Other || field.named_by_connection)
    }

    /// All lines in order, read anew.
    pub fn all(&self, head: &[u8]) -> impl Iterator<Item = Field> {
        all_lines(head, self.start()).map(|line| {
            let noted = self.list.binary_search_by_key(&line.start, |field| field.start);
            noted.ok().and_then(|at| self.list.get(at)).copied().unwrap_or(line)
        })
    }

    /// Lists all lines, to find those that Connection names.
    pub(super) fn list_all(&mut self, head: &[u8]) -> &mut [Field] {
        self.list.clear();
        self.list.extend(all_lines(head, self.start()));
        &mut self.list
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

    /// The only line that bears `name`, if any does.
    pub(super) fn only(&self, name: Name) -> Result<Option<&Field>, Several> {
        if self.repeated & name.bit() != 0 { Err(Several) } else { Ok(self.named(name).next()) }
    }

    /// Where the lines begin, or the empty line if there are none.
    pub fn start(&self) -> usize {
        self.start.into()
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

/// Recognises a name by its length and first octet, then by its two ends at once. It must be a token.
#[inline]
pub(super) fn classify(name: &[u8]) -> Name {
    match name.first() {
        Some(first) if may_be_known(name.len(), *first) => recognise(name),
        _ => Name::Other,
    }
}

/// Whether any known name has this length and this first octet: most others don't.
pub(super) fn may_be_known(len: usize, first: u8) -> bool {
    let lengths = KNOWN_LENGTHS.get(usize::from(first % 32)).copied().unwrap_or_default();
    lengths >> (len % 32) & 1 == 1
}

fn recognise(name: &[u8]) -> Name {
    let candidates = KNOWN.get(name.len()).copied().unwrap_or_default();
    let ends = Ends::of(name);
    // Up to 16 octets the two ends are all there is.
    match candidates.iter().find(|known| ends == known.ends) {
        Some(known) if name.len() <= 16 => known.name,
        _ => recognise_by_all(name, candidates),
    }
}

#[cold]
fn recognise_by_all(name: &[u8], candidates: &[Known]) -> Name {
    for known in candidates {
        if name.eq_ignore_ascii_case(known.spelling) {
            return known.name;
        }
        if is_underscored(name, known.spelling) {
            return Name::Underscored;
        }
    }
    Name::Other
}

struct Known {
    spelling: &'static [u8],
    ends: Ends,
    name: Name,
}

/// The first and the last octets of a name, up to eight each, in lower case.
///
/// Setting bit 5 lowers letters, and maps onto a letter, a digit or `-` nothing else that a token may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends(u64, u64);

const LOWER: u64 = 0x2020_2020_2020_2020;

impl Ends {
    const fn of(name: &[u8]) -> Self {
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            return Self(u64::from_le_bytes(*first) | LOWER, u64::from_le_bytes(*last) | LOWER);
        }
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            return Self(u32::from_le_bytes(*first) as u64 | LOWER, u32::from_le_bytes(*last) as u64 | LOWER);
        }
        match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => {
                Self(u16::from_le_bytes(*first) as u64 | LOWER, u16::from_le_bytes(*last) as u64 | LOWER)
            }
            _ => Self(0, 0),
        }
    }
}

const fn known(spelling: &'static [u8], name: Name) -> Known {
    Known { spelling, ends: Ends::of(spelling), name }
}

/// One bit for the length of each known name, by the lowest five bits of its first octet: they tell letters apart, but for
/// case.
static KNOWN_LENGTHS: [u32; 32] = {
    let mut lengths = [0; 32];
    let mut length = 0;
    while length < KNOWN.len() {
        let mut at = 0;
        while at < KNOWN[length].len() {
            lengths[KNOWN[length][at].spelling[0] as usize % 32] |= 1 << length;
            at += 1;
        }
        length += 1;
    }
    lengths
};

/// The known names by length.
static KNOWN: [&[Known]; 26] = {
    const TE: &[Known] = &[known(b"te", Name::Te)];
    const VIA: &[Known] = &[known(b"via", Name::Via)];
    const HOST: &[Known] = &[known(b"host", Name::Host)];
    const EXPECT: &[Known] = &[known(b"expect", Name::Expect)];
    const SEVEN: &[Known] = &[known(b"upgrade", Name::Upgrade), known(b"trailer", Name::Trailer)];
    const FORWARDED: &[Known] = &[known(b"forwarded", Name::Forwarded)];
    const TEN: &[Known] = &[known(b"connection", Name::Connection), known(b"keep-alive", Name::KeepAlive)];
    const TWELVE: &[Known] = &[
        known(b"content-type", Name::ContentType),
        known(b"x-request-id", Name::XRequestId),
        known(b"max-forwards", Name::MaxForwards),
    ];
    const FOURTEEN: &[Known] =
        &[known(b"content-length", Name::ContentLength), known(b"http2-settings", Name::Http2Settings)];
    const FOR: &[Known] = &[known(b"x-forwarded-for", Name::XForwardedFor)];
    const SIXTEEN: &[Known] = &[
        known(b"x-forwarded-host", Name::XForwardedHost),
        known(b"proxy-connection", Name::ProxyConnection),
    ];
    const SEVENTEEN: &[Known] = &[
        known(b"transfer-encoding", Name::TransferEncoding),
        known(b"x-forwarded-proto", Name::XForwardedProto),
    ];
    const AUTHENTICATE: &[Known] = &[known(b"proxy-authenticate", Name::ProxyAuthenticate)];
    const AUTHORIZATION: &[Known] = &[known(b"proxy-authorization", Name::ProxyAuthorization)];
    const INFO: &[Known] = &[known(b"proxy-authentication-info", Name::ProxyAuthenticationInfo)];
    let mut by_length: [&[Known]; 26] = [&[]; 26];
    let all = [
        TE,
        VIA,
        HOST,
        EXPECT,
        SEVEN,
        FORWARDED,
        TEN,
        TWELVE,
        FOURTEEN,
        FOR,
        SIXTEEN,
        SEVENTEEN,
        AUTHENTICATE,
        AUTHORIZATION,
        INFO,
    ];
    let mut row = 0;
    while row < all.len() {
        by_length[all[row][0].spelling.len()] = all[row];
        row += 1;
    }
    by_length
};

/// `known`, but for one `_` or more in the place of `-`.
fn is_underscored(name: &[u8], known: &[u8]) -> bool {
    name.iter()
        .zip(known)
        .all(|(octet, known)| octet.eq_ignore_ascii_case(known) || (*octet == b'_' && *known == b'-'))
}

fn slice(head: &[u8], start: u16, end: u16) -> &[u8] {
    head.get(start.into()..end.into()).unwrap_or_default()
}

/// Saturates beyond `HEAD_BYTES_MAX`, which no head exceeds.
pub(super) fn to_u16(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
