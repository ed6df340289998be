//! What must hold of a head written for the next hop, in the oracle's eyes (RFC 9110 §7.6).

use crate::oracle::{Body, Head, Read};
use proxy_core::http::Framing;

/// Fields that a gateway consumes on this hop (RFC 9110 §7.6.1, §11.7), whatever Connection says.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Fields in which a proxy tells of the client: from others they go no further.
pub const OF_PROXIES: [&str; 8] = [
    "forwarded",
    "proxy",
    "true-client-ip",
    "x-client-ip",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-ssl",
];

/// Fields that go on but that a gateway may set, join or count down.
const OURS: [&str; 10] = [
    "host",
    "via",
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-request-id",
    "max-forwards",
    "expect",
    "content-length",
];

/// The oracle's head, which must be there whole.
pub fn whole(read: Read<Head>, octets: &[u8]) -> Head {
    match read {
        Read::Whole(head) => head,
        other => panic!("{other:?}: {:?}", String::from_utf8_lossy(octets)),
    }
}

/// Whether both mean the same end of body.
pub fn same_framing(ours: Framing, oracle: Body) -> bool {
    match (ours, oracle) {
        (Framing::None, Body::None) | (Framing::Chunked, Body::Chunked) | (Framing::Close, Body::Close) => {
            true
        }
        (Framing::Length(ours), Body::Length(oracle)) => ours == oracle,
        _ => false,
    }
}

/// What came in must go out, but for what ends at this hop: same fields, order, case and duplicates.
pub fn keeps_end_to_end_fields(received: &Head, written: &Head) {
    let named = received.list("connection");
    let goes_on = |(name, _): &&(Vec<u8>, Vec<u8>)| {
        let lower = name.to_ascii_lowercase();
        let lists = [&HOP_BY_HOP[..], &OURS, &OF_PROXIES, &["date", "content-type"]];
        let is_known = |name: &[u8]| lists.iter().any(|list| is_in(list, name));
        // Some servers take it for the field with hyphens: it goes no further, either.
        let hyphenated: Vec<u8> = lower.iter().map(|octet| if *octet == b'_' { b'-' } else { *octet }).collect();
        let is_plain = matches!(&lower[..], b"date" | b"content-type");
        is_plain || !is_known(&lower) && !is_known(&hyphenated)
    };
    let expected: Vec<_> = received
        .fields
        .iter()
        .filter(goes_on)
        .filter(|(name, _)| !named.contains(&name.to_ascii_lowercase()))
        .collect();
    let found: Vec<_> = written.fields.iter().filter(goes_on).collect();
    assert_eq!(shown(&expected), shown(&found), "the fields that go on");
}

/// No hop-by-hop field but those we write for the next hop: framing, `TE: trailers`, an upgrade.
pub fn ends_hop_by_hop_fields(written: &Head, body: Body, options: &[&str]) {
    let codings: &[&[u8]] = if body == Body::Chunked { &[b"chunked"] } else { &[] };
    assert_eq!(written.values("transfer-encoding").collect::<Vec<_>>(), codings);
    for option in written.list("connection") {
        assert!(is_in(options, &option), "Connection: {:?}", String::from_utf8_lossy(&option));
    }
    let says = |option: &str| written.list("connection").iter().any(|said| said == option.as_bytes());
    assert_eq!(written.values("te").count(), usize::from(says("te")));
    assert!(written.list("te").iter().all(|coding| coding == b"trailers"));
    assert_eq!(written.values("upgrade").next().is_some(), says("upgrade"));
    for name in HOP_BY_HOP
        .iter()
        .filter(|name| !is_in(&["connection", "te", "transfer-encoding", "upgrade"], name.as_bytes()))
    {
        assert!(written.values(name).next().is_none(), "{name} went on");
    }
}

/// Written again, a head must not change but for what each gateway adds.
pub fn is_fixpoint(once: &Head, twice: &Head) {
    let settled = |head: &Head| {
        let is_added = |name: &[u8]| {
            let lower = name.to_ascii_lowercase();
            lower == b"via" || lower == b"max-forwards" || lower.starts_with(b"x-")
        };
        let kept: Vec<_> = head.fields.iter().filter(|(name, _)| !is_added(name)).cloned().collect();
        shown(&kept.iter().collect::<Vec<_>>())
    };
    assert_eq!(once.start, twice.start);
    assert_eq!(settled(once), settled(twice), "written again");
    assert_eq!(twice.values("via").count(), once.values("via").count() + 1);
}

fn is_in(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|listed| listed.as_bytes() == name)
}

fn shown(fields: &[&(Vec<u8>, Vec<u8>)]) -> Vec<String> {
    let text = |octets: &[u8]| octets.escape_ascii().to_string();
    fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}
