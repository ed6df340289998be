//! Which of the field names that matter to a proxy a name is.
//!
//! Knows spellings only: not what any field means, nor where it lies.

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
    XRealIp,
    /// A field in which a proxy tells of the client, and which is nobody's to send but a proxy's.
    ClientClaim,
    ContentType,
    Date,
}

impl Name {
    pub(super) fn bit(self) -> u32 {
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
    const FOUR: &[Known] = &[known(b"host", Name::Host), known(b"date", Name::Date)];
    const PROXY: &[Known] = &[known(b"proxy", Name::ClientClaim)];
    const EXPECT: &[Known] = &[known(b"expect", Name::Expect)];
    const SEVEN: &[Known] = &[known(b"upgrade", Name::Upgrade), known(b"trailer", Name::Trailer)];
    const NINE: &[Known] = &[known(b"forwarded", Name::Forwarded), known(b"x-real-ip", Name::XRealIp)];
    const TEN: &[Known] = &[known(b"connection", Name::Connection), known(b"keep-alive", Name::KeepAlive)];
    const ELEVEN: &[Known] = &[known(b"x-client-ip", Name::ClientClaim)];
    const TWELVE: &[Known] = &[
        known(b"content-type", Name::ContentType),
        known(b"x-request-id", Name::XRequestId),
        known(b"max-forwards", Name::MaxForwards),
    ];
    const FOURTEEN: &[Known] = &[
        known(b"content-length", Name::ContentLength),
        known(b"http2-settings", Name::Http2Settings),
        known(b"true-client-ip", Name::ClientClaim),
    ];
    const FIFTEEN: &[Known] =
        &[known(b"x-forwarded-for", Name::XForwardedFor), known(b"x-forwarded-ssl", Name::ClientClaim)];
    const SIXTEEN: &[Known] = &[
        known(b"x-forwarded-host", Name::XForwardedHost),
        known(b"proxy-connection", Name::ProxyConnection),
        known(b"x-forwarded-port", Name::ClientClaim),
    ];
    const SEVENTEEN: &[Known] = &[
        known(b"transfer-encoding", Name::TransferEncoding),
        known(b"x-forwarded-proto", Name::XForwardedProto),
    ];
    const EIGHTEEN: &[Known] = &[
        known(b"proxy-authenticate", Name::ProxyAuthenticate),
        known(b"x-forwarded-prefix", Name::ClientClaim),
        known(b"x-forwarded-server", Name::ClientClaim),
    ];
    const AUTHORIZATION: &[Known] = &[known(b"proxy-authorization", Name::ProxyAuthorization)];
    const INFO: &[Known] = &[known(b"proxy-authentication-info", Name::ProxyAuthenticationInfo)];
    let mut by_length: [&[Known]; 26] = [&[]; 26];
    let all = [
        TE,
        VIA,
        FOUR,
        PROXY,
        EXPECT,
        SEVEN,
        NINE,
        TEN,
        ELEVEN,
        TWELVE,
        FOURTEEN,
        FIFTEEN,
        SIXTEEN,
        SEVENTEEN,
        EIGHTEEN,
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
