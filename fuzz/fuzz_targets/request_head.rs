//! Requests: any split of a head reads alike, the oracle agrees on what was accepted and where the body behind it ends,
//! and what we write for the upstream means the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use proxy_core::forward::{RequestContext, Scheme, write_request};
use proxy_core::http::{HeadKind, RequestHead};
use weir_fuzz::oracle::{self, Head, Start};
use weir_fuzz::{LIMITS, ROOMY, bodies, ends, rewrite};

fuzz_target!(|octets: &[u8]| {
    let read = ends::in_every_way(octets, HeadKind::Request, ends::parse_request);
    ends::short_way_agrees(octets, &read, |input| RequestHead::parse_front(input, &LIMITS));
    let Ok(Some((head, start, end))) = read else { return };
    let received = rewrite::whole(oracle::request(&octets[start..]), &octets[start..]);
    assert_eq!(received.len, end - start);
    let body = oracle::request_body(&received).expect("an accepted head has one framing and one host");
    assert!(rewrite::same_framing(head.framing(), body), "{:?} is not {body:?}", head.framing());
    // What is behind it may be no body, but both must end it alike.
    let _ = bodies::in_every_way(head.framing(), HeadKind::Request, body, &octets[end..]);
    for peer_is_trusted in [false, true] {
        for request_id in [None, Some(&b"0123456789abcdef"[..])] {
            means_the_same(&head, &received, &context(peer_is_trusted, request_id));
        }
    }
});

/// Writes the head, reads it back, and writes it again.
fn means_the_same(head: &RequestHead, received: &Head, ctx: &RequestContext<'_>) {
    let (once, again) = write(head, ctx);
    assert_eq!(again.framing(), head.framing());
    assert_eq!(again.method_bytes(), head.method_bytes());
    if again.target_bytes() == b"*" {
        // The server as a whole; in absolute-form it is what has no path and no query (RFC 9112 §3.2.4).
        assert!(head.method_bytes() == b"OPTIONS" && matches!(&*head.path_and_query(), b"*" | b"/"));
        assert!(!head.target_bytes().ends_with(b"/"));
    } else {
        assert_eq!(again.path_and_query(), head.path_and_query());
        assert_eq!(again.path(), head.path());
    }
    if head.authority().is_some() {
        assert_eq!(again.authority(), head.authority());
    }
    assert_eq!(again.upgrade(), head.upgrade());
    assert_eq!(again.expect_continue(), head.expect_continue());
    assert_eq!(once.values("host").count(), 1);
    assert_eq!(once.minor, 1);
    assert!(matches!(&once.start, Start::Request(_, target) if target[0] == b'/' || target == b"*"));
    assert_eq!(lengths(&once), lengths(received));
    let body = oracle::request_body(&once).expect("what we write has one framing and one host");
    rewrite::keeps_end_to_end_fields(received, &once);
    rewrite::ends_hop_by_hop_fields(&once, body, &["te", "upgrade"]);
    names_the_peer(&once, ctx);
    let (twice, _) = write(&again, &context(true, ctx.request_id));
    rewrite::is_fixpoint(&once, &twice);
}

/// The lengths, without leading zeros.
fn lengths(head: &Head) -> Vec<&[u8]> {
    head.values("content-length")
        .map(|value| &value[value.iter().position(|octet| *octet != b'0').unwrap_or(value.len().saturating_sub(1))..])
        .collect()
}

/// Whoever believes the last element of X-Forwarded-For learns the true peer.
fn names_the_peer(written: &Head, ctx: &RequestContext<'_>) {
    let elements = written.list("x-forwarded-for");
    assert_eq!(elements.last().map(Vec::as_slice), Some(&b"192.0.2.1"[..]));
    if !ctx.peer_is_trusted {
        assert_eq!(elements.len(), 1, "a stranger's word on earlier hops went on");
        assert_eq!(written.list("x-forwarded-proto"), [b"http"]);
        for name in rewrite::OF_PROXIES {
            assert_eq!(written.values(name).count(), 0, "{name}");
        }
        assert!(written.values("x-real-ip").all(|value| value == b"192.0.2.1"));
        let id = ctx.request_id.map(<[u8]>::to_vec);
        assert!(id.is_none() || written.list("x-request-id") == Vec::from_iter(id));
    }
}

fn write(head: &RequestHead, ctx: &RequestContext<'_>) -> (Head, RequestHead) {
    let mut out = Vec::new();
    write_request(&mut out, head, ctx);
    let out = Bytes::from(out);
    let seen = rewrite::whole(oracle::request(&out), &out);
    assert_eq!(seen.len, out.len(), "more than one head was written");
    (seen, RequestHead::parse(out, &ROOMY).expect("what we write is what we accept"))
}

fn context(peer_is_trusted: bool, request_id: Option<&[u8]>) -> RequestContext<'_> {
    let peer = std::net::IpAddr::from([192, 0, 2, 1]);
    RequestContext { peer, scheme: Scheme::Http, peer_is_trusted, fallback_host: "origin:9001", request_id, via: Some(""), client_fields: &[] }
}
