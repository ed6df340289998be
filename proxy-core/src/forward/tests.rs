//! Heads before and after. In the texts `|` stands for CRLF.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{
    RequestContext, ResponseContext, Scheme, Signature, downstream_framing, write_interim, write_request,
    write_response,
};
use crate::http::tests::{LIMITS, request, response, wire};
use crate::http::{Framing, Name, RequestHead, ResponseHead, Version};

const CONTEXT: RequestContext<'_> = RequestContext {
    peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    scheme: Scheme::Http,
    peer_is_trusted: false,
    fallback_host: "10.0.0.1:9001",
    request_id: None,
    via: Some(""),
    client_fields: &[],
};

const SIGNATURE: Signature<'_> = Signature { via: true, date: None };

/// What ends every forwarded request here, unless a case is about it.
const USUAL: &str = "Via: 1.1 weir|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: a||";

fn shown(out: &[u8]) -> String {
    String::from_utf8_lossy(out).replace("\r\n", "|")
}

fn forwarded(text: &str, ctx: &RequestContext<'_>) -> String {
    let mut out = Vec::new();
    write_request(&mut out, &request(text), ctx);
    shown(&out)
}

fn assert_requests(ctx: &RequestContext<'_>, cases: &[(&str, &str)]) {
    for (before, after) in cases {
        assert_eq!(forwarded(before, ctx), after.replace("{usual}", USUAL), "{before}");
    }
}

#[test]
fn kept_lines_stay_octet_for_octet_in_their_order() {
    assert_requests(
        &CONTEXT,
        &[
            ("GET / HTTP/1.1|Host: a||", "GET / HTTP/1.1|Host: a|{usual}"),
            (
                "M-SEARCH //x/%41?b=%2F HTTP/1.1|x: 1|X:2|hOsT:  a |x: 1|Cookie: c; d|Trailer: T||",
                "M-SEARCH //x/%41?b=%2F HTTP/1.1|x: 1|X:2|hOsT:  a |x: 1|Cookie: c; d|Trailer: T|{usual}",
            ),
            (
                "POST / HTTP/1.1|Host: a|content-LENGTH: 5|A: b||",
                "POST / HTTP/1.1|Host: a|content-LENGTH: 5|A: b|{usual}",
            ),
            (
                "GET / HTTP/1.1|Host: a|Authorization: Basic x|Forwardedx: y||",
                "GET / HTTP/1.1|Host: a|Authorization: Basic x|Forwardedx: y|{usual}",
            ),
        ],
    );
}

#[test]
fn hop_by_hop_fields_and_those_that_connection_names_end_here() {
    assert_requests(
        &CONTEXT,
        &[
            (
                "GET / HTTP/1.1|Connection: keep-alive, X-Gone|Host: a|x-gone: 1|Keep-Alive: 5|X-GONE: 2|B: c||",
                "GET / HTTP/1.1|Host: a|B: c|{usual}",
            ),
            (
                "GET / HTTP/1.1|Host: a|Proxy-Connection: close|Proxy-Authorization: x|TE: gzip|Connection: close||",
                "GET / HTTP/1.1|Host: a|{usual}",
            ),
            (
                "GET / HTTP/1.1|Host: a|A: b|Connection: Cookie|Connection: a|Cookie: c||",
                "GET / HTTP/1.1|Host: a|{usual}",
            ),
            (
                "POST / HTTP/1.1|Host: a|Transfer-Encoding: CHUNKED|A: b||",
                "POST / HTTP/1.1|Host: a|A: b|Transfer-Encoding: chunked|{usual}",
            ),
            (
                "GET / HTTP/1.1|Host: a|TE: gzip, Trailers|Connection: TE||",
                "GET / HTTP/1.1|Host: a|Connection: TE|TE: trailers|{usual}",
            ),
        ],
    );
}

#[test]
fn an_upgrade_goes_on_whole_or_not_at_all() {
    assert_requests(
        &CONTEXT,
        &[
            (
                "GET / HTTP/1.1|Host: a|Connection: keep-alive, Upgrade|Upgrade: WebSocket|Sec-WebSocket-Key: k||",
                "GET / HTTP/1.1|Host: a|Upgrade: WebSocket|Sec-WebSocket-Key: k|Connection: upgrade|{usual}",
            ),
            ("GET / HTTP/1.1|Host: a|Upgrade: websocket||", "GET / HTTP/1.1|Host: a|{usual}"),
            (
                "GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: x||",
                "GET / HTTP/1.1|Host: a|{usual}",
            ),
        ],
    );
}

#[test]
fn an_expectation_goes_on_only_if_somebody_waits_for_it() {
    assert_requests(
        &CONTEXT,
        &[
            (
                "POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 100-continue||",
                "POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 100-continue|{usual}",
            ),
            ("GET / HTTP/1.1|Host: a|Expect: 100-continue||", "GET / HTTP/1.1|Host: a|{usual}"),
        ],
    );
    let from_1_0 = forwarded("POST / HTTP/1.0|Host: a|Content-Length: 5|Expect: 100-continue||", &CONTEXT);
    assert!(!from_1_0.contains("Expect"), "{from_1_0}");
}

#[test]
fn absolute_form_becomes_origin_form_with_its_own_host() {
    assert_requests(
        &CONTEXT,
        &[
            (
                "GET http://A:80/x?y HTTP/1.1|B: c|host: a|D: e||",
                "GET /x?y HTTP/1.1|B: c|host: A:80|D: e|Via: 1.1 weir|X-Forwarded-For: 192.0.2.7|\
                 X-Forwarded-Proto: http|X-Forwarded-Host: A:80||",
            ),
            ("GET http://a HTTP/1.1|Host: a||", "GET / HTTP/1.1|Host: a|{usual}"),
            ("GET http://a?b HTTP/1.1|Host: a||", "GET /?b HTTP/1.1|Host: a|{usual}"),
            ("OPTIONS http://a HTTP/1.1|Host: a||", "OPTIONS * HTTP/1.1|Host: a|{usual}"),
            ("OPTIONS http://a/ HTTP/1.1|Host: a||", "OPTIONS / HTTP/1.1|Host: a|{usual}"),
            ("OPTIONS http://a?b HTTP/1.1|Host: a||", "OPTIONS /?b HTTP/1.1|Host: a|{usual}"),
            ("OPTIONS * HTTP/1.1|Host: a||", "OPTIONS * HTTP/1.1|Host: a|{usual}"),
        ],
    );
}

#[test]
fn an_http_1_0_request_goes_on_as_1_1_with_a_host() {
    let tail = "Via: 1.0 weir|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|";
    let cases = [
        ("GET /x HTTP/1.0||", "GET /x HTTP/1.1|Host: 10.0.0.1:9001|{tail}|"),
        ("GET /x HTTP/1.0|A: b||", "GET /x HTTP/1.1|Host: 10.0.0.1:9001|A: b|{tail}|"),
        ("GET /x HTTP/1.0|Host: a|A: b||", "GET /x HTTP/1.1|Host: a|A: b|{tail}X-Forwarded-Host: a||"),
        ("GET http://a:81/ HTTP/1.0||", "GET / HTTP/1.1|Host: a:81|{tail}X-Forwarded-Host: a:81||"),
        (
            "GET / HTTP/1.0|Host: a|Connection: keep-alive||",
            "GET / HTTP/1.1|Host: a|{tail}X-Forwarded-Host: a||",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(forwarded(before, &CONTEXT), after.replace("{tail}", tail), "{before}");
    }
}

#[test]
fn what_a_stranger_says_of_earlier_hops_is_replaced() {
    let ctx = RequestContext { request_id: Some(b"id-1"), ..CONTEXT };
    let before = "GET / HTTP/1.1|X-Forwarded-For: 10.9.9.9|Host: a|x-forwarded-proto: https|X-Forwarded-Host: b|\
                  Forwarded: for=10.9.9.9|X-Request-Id: theirs|Via: 1.1 other|A: b||";
    assert_eq!(
        forwarded(before, &ctx),
        "GET / HTTP/1.1|Host: a|Via: 1.1 other|A: b|Via: 1.1 weir|X-Forwarded-For: 192.0.2.7|\
         X-Forwarded-Proto: http|X-Forwarded-Host: a|X-Request-Id: id-1||"
    );
}

#[test]
fn what_a_trusted_peer_says_of_earlier_hops_is_continued() {
    let ctx = RequestContext { peer_is_trusted: true, request_id: Some(b"id-1"), ..CONTEXT };
    assert_requests(
        &ctx,
        &[
            (
                "GET / HTTP/1.1|X-Forwarded-For: 10.1.1.1 |Host: a|x-forwarded-proto: https|X-Forwarded-Host: b|\
                 Forwarded: for=10.1.1.1|X-Request-Id: theirs||",
                "GET / HTTP/1.1|X-Forwarded-For: 10.1.1.1, 192.0.2.7|Host: a|x-forwarded-proto: https|X-Forwarded-Host: b|\
                 Forwarded: for=10.1.1.1|X-Request-Id: theirs|Via: 1.1 weir||",
            ),
            (
                "GET / HTTP/1.1|Host: a|X-Forwarded-For: 10.1.1.1|B: c|x-forwarded-for: 10.1.1.2||",
                "GET / HTTP/1.1|Host: a|X-Forwarded-For: 10.1.1.1|B: c|x-forwarded-for: 10.1.1.2, 192.0.2.7|\
                 Via: 1.1 weir|X-Forwarded-Proto: http|X-Forwarded-Host: a|X-Request-Id: id-1||",
            ),
            (
                "GET / HTTP/1.1|Host: a|X-Forwarded-For:||",
                "GET / HTTP/1.1|Host: a|X-Forwarded-For:192.0.2.7|\
                 Via: 1.1 weir|X-Forwarded-Proto: http|X-Forwarded-Host: a|X-Request-Id: id-1||",
            ),
            (
                "GET / HTTP/1.1|Host: a|X-Forwarded-For: 10.1.1.1|Connection: X-Forwarded-For, X-Request-Id|X-Request-Id: t||",
                "GET / HTTP/1.1|Host: a|Via: 1.1 weir|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|\
                 X-Forwarded-Host: a|X-Request-Id: id-1||",
            ),
        ],
    );
}

#[test]
fn the_request_id_is_left_alone_when_we_have_none_to_set() {
    let out = forwarded("GET / HTTP/1.1|Host: a|X-Request-Id: theirs||", &CONTEXT);
    assert!(out.contains("|X-Request-Id: theirs|"), "{out}");
}

#[test]
fn addresses_are_written_plainly() {
    let cases = [
        ("192.0.2.255", "192.0.2.255"),
        ("255.255.255.255", "255.255.255.255"),
        ("0.9.10.99", "0.9.10.99"),
        ("100.101.110.209", "100.101.110.209"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ];
    for (peer, written) in cases {
        let ctx = RequestContext { peer: peer.parse().unwrap(), ..CONTEXT };
        let out = forwarded("GET / HTTP/1.1|Host: a||", &ctx);
        assert!(out.contains(&["|X-Forwarded-For: ", written, "|"].concat()), "{out}");
    }
}

#[test]
fn max_forwards_counts_down_where_it_is_obeyed() {
    assert_requests(
        &CONTEXT,
        &[
            (
                "TRACE / HTTP/1.1|Host: a|max-forwards:  10|B: c|Connection: Max-Forwards||",
                "TRACE / HTTP/1.1|Host: a|max-forwards: 9|B: c|{usual}",
            ),
            ("GET / HTTP/1.1|Host: a|Max-Forwards: 10||", "GET / HTTP/1.1|Host: a|Max-Forwards: 10|{usual}"),
        ],
    );
}

fn returned(text: &str, to_head: bool, client: Version, keep_alive: bool) -> String {
    let head = ResponseHead::parse(wire(text).into(), to_head, &LIMITS).unwrap();
    let framing = downstream_framing(head.framing(), client);
    let mut out = Vec::new();
    write_response(
        &mut out,
        &head,
        &ResponseContext { client_version: client, framing, keep_alive, signature: SIGNATURE },
    );
    shown(&out)
}

#[test]
fn a_response_keeps_its_own_fields_and_gets_our_framing() {
    let cases = [
        (
            "HTTP/1.1 200 All  right|Server: x|Content-Length: 5|Set-Cookie: a|set-cookie: b|Date: d||",
            "HTTP/1.1 200 All  right|Server: x|Content-Length: 5|Set-Cookie: a|set-cookie: b|Date: d|Via: 1.1 weir||",
        ),
        (
            "HTTP/1.1 200 OK|Transfer-Encoding: Chunked|A: b||",
            "HTTP/1.1 200 OK|A: b|Via: 1.1 weir|Transfer-Encoding: chunked||",
        ),
        ("HTTP/1.1 200 OK|A: b||", "HTTP/1.1 200 OK|A: b|Via: 1.1 weir|Transfer-Encoding: chunked||"),
        ("HTTP/1.0 200 OK||", "HTTP/1.1 200 OK|Via: 1.0 weir|Transfer-Encoding: chunked||"),
        ("HTTP/1.1 204||", "HTTP/1.1 204 |Via: 1.1 weir||"),
        ("HTTP/1.1 204|A: b||", "HTTP/1.1 204 |A: b|Via: 1.1 weir||"),
        ("HTTP/1.1 204 |Content-Length: 0||", "HTTP/1.1 204 |Via: 1.1 weir||"),
        (
            "HTTP/1.1 304 Not Modified|Content-Length: 5||",
            "HTTP/1.1 304 Not Modified|Content-Length: 5|Via: 1.1 weir||",
        ),
        (
            "HTTP/1.1 200 OK|Content-Length: 0|Connection: close, X|X: y|Keep-Alive: timeout=5|Upgrade: h2||",
            "HTTP/1.1 200 OK|Content-Length: 0|Via: 1.1 weir||",
        ),
        (
            "HTTP/1.1 407 P|Content-Length: 0|Proxy-Authenticate: Basic||",
            "HTTP/1.1 407 P|Content-Length: 0|Via: 1.1 weir||",
        ),
        (
            "HTTP/1.1 426 Upgrade|Content-Length: 0|Upgrade: TLS/1.3|Connection: upgrade||",
            "HTTP/1.1 426 Upgrade|Content-Length: 0|Upgrade: TLS/1.3|Via: 1.1 weir|Connection: upgrade||",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(returned(before, false, Version::Http11, true), after, "{before}");
    }
}

#[test]
fn the_answer_to_head_keeps_the_length_that_get_would_have() {
    assert_eq!(
        returned("HTTP/1.1 200 OK|Content-Length: 5||", true, Version::Http11, true),
        "HTTP/1.1 200 OK|Content-Length: 5|Via: 1.1 weir||"
    );
    assert_eq!(
        returned("HTTP/1.1 200 OK|Transfer-Encoding: chunked||", true, Version::Http11, true),
        "HTTP/1.1 200 OK|Via: 1.1 weir||"
    );
}

#[test]
fn the_client_is_told_what_becomes_of_its_connection() {
    let sized = "HTTP/1.1 200 OK|Content-Length: 5||";
    let chunked = "HTTP/1.1 200 OK|Transfer-Encoding: chunked||";
    let cases = [
        (sized, Version::Http11, false, "Content-Length: 5|Via: 1.1 weir|Connection: close||"),
        (sized, Version::Http10, true, "Content-Length: 5|Via: 1.1 weir|Connection: keep-alive||"),
        (sized, Version::Http10, false, "Content-Length: 5|Via: 1.1 weir|Connection: close||"),
        (chunked, Version::Http11, false, "Via: 1.1 weir|Transfer-Encoding: chunked|Connection: close||"),
        // HTTP/1.0 knows no chunks: only the close ends such a body.
        (chunked, Version::Http10, true, "Via: 1.1 weir|Connection: close||"),
    ];
    for (before, client, keep_alive, after) in cases {
        let out = returned(before, false, client, keep_alive);
        assert_eq!(out, ["HTTP/1.1 200 OK|", after].concat(), "{before} {client:?} {keep_alive}");
    }
}

#[test]
fn interim_responses_go_on_and_101_keeps_its_upgrade() {
    let cases = [
        ("HTTP/1.1 100 Continue||", "HTTP/1.1 100 Continue|Via: 1.1 weir||"),
        (
            "HTTP/1.1 103 Early Hints|Link: </x>|Connection: close|Upgrade: y||",
            "HTTP/1.1 103 Early Hints|Link: </x>|Via: 1.1 weir||",
        ),
        (
            "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Accept: x||",
            "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Sec-WebSocket-Accept: x|Via: 1.1 weir|Connection: upgrade||",
        ),
    ];
    for (before, after) in cases {
        let mut out = Vec::new();
        write_interim(&mut out, &response(before), true);
        assert_eq!(shown(&out), after);
    }
}

#[test]
fn a_head_is_appended_behind_what_is_already_there_with_one_reservation() {
    let head = request("GET / HTTP/1.1|Host: a|Connection: close|B: c||");
    let mut out = b"before".to_vec();
    write_request(&mut out, &head, &CONTEXT);
    assert!(out.starts_with(b"beforeGET / HTTP/1.1\r\n"));

    let enough = head.raw().len() + 2 * "a".len() + CONTEXT.fallback_host.len() + 256;
    let mut fresh = Vec::with_capacity(enough);
    let start = fresh.as_ptr();
    write_request(&mut fresh, &head, &CONTEXT);
    assert_eq!(fresh.as_ptr(), start, "what is reserved at first is enough");
}

/// One part from each row makes a request; most are good.
fn any_request() -> impl Strategy<Value = String> {
    let line = prop::sample::select(
        &[
            "GET / HTTP/1.1|Host: a|",
            "PUT /x?y HTTP/1.1|Host: a|",
            "GET http://A:80/x HTTP/1.1|Host: a|",
            "OPTIONS http://a HTTP/1.1|Host: a|",
            "GET /x HTTP/1.0|",
            "TRACE * HTTP/1.0|",
        ][..],
    );
    let fields = prop::sample::select(
        &[
            "X: y|",
            "x:  z |",
            "Connection: close|",
            "Connection: X, keep-alive, upgrade|",
            "Keep-Alive: 5|",
            "Upgrade: websocket|",
            "TE: trailers|",
            "Content-Length: 5|",
            "Transfer-Encoding: chunked|",
            "Expect: 100-continue|",
            "Via: 1.0 b|",
            "X-Forwarded-For: 10.0.0.1|",
            "X-Forwarded-Host: b|",
            "X-Request-Id: i|",
            "Max-Forwards: 3|",
            "Cookie: a=b|",
            "Trailer: Z|",
            "Empty:|",
        ][..],
    );
    (line, prop::collection::vec(fields, 0..8))
        .prop_map(|(line, fields)| [line, &fields.concat(), "|"].concat())
}

/// What must reach the upstream unchanged, in order.
fn end_to_end(head: &RequestHead) -> Vec<(String, String)> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).to_string();
    head.fields()
        .all(head.raw())
        .filter(|field| !field.is_named_by_connection())
        .filter(|field| {
            matches!(field.name(), Name::Other | Name::ContentType | Name::ContentLength | Name::Trailer)
        })
        .map(|field| (text(field.name_bytes(head.raw())), text(field.value(head.raw()))))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_forwarded_request_means_what_it_meant(text in any_request(), trusted: bool) {
        let Ok(before) = RequestHead::parse(wire(&text).into(), &LIMITS) else { return Ok(()) };
        let ctx = RequestContext { peer_is_trusted: trusted, request_id: Some(b"id"), ..CONTEXT };
        let mut out = Vec::new();
        write_request(&mut out, &before, &ctx);
        let after = RequestHead::parse(out.into(), &LIMITS);
        prop_assert!(after.is_ok(), "{:?} from {}", after, text);
        let after = after.unwrap();
        prop_assert_eq!(after.framing(), before.framing());
        prop_assert_eq!(after.method_bytes(), before.method_bytes());
        prop_assert_eq!(after.version(), Version::Http11);
        prop_assert!(after.keep_alive());
        prop_assert_eq!(after.upgrade(), before.upgrade());
        prop_assert_eq!(after.expect_continue(), before.expect_continue());
        prop_assert_eq!(end_to_end(&after), end_to_end(&before));
        if before.host().is_some() {
            prop_assert_eq!(after.host(), before.host());
        }
        if before.method_bytes() != b"OPTIONS" {
            prop_assert_eq!(after.path_and_query(), before.path_and_query());
        }
    }

    #[test]
    fn forwarding_twice_changes_nothing_but_the_hops_account(text in any_request()) {
        let Ok(before) = RequestHead::parse(wire(&text).into(), &LIMITS) else { return Ok(()) };
        let once = again(&before);
        let twice = again(&once);
        prop_assert_eq!(lines_but_hops(&twice), lines_but_hops(&once));
    }

    #[test]
    fn a_returned_response_means_what_it_meant(
        fields in prop::collection::vec(prop::sample::select(&[
            "A: b|", "Connection: close|", "Connection: A|", "Keep-Alive: timeout=5|", "Content-Length: 5|",
            "Transfer-Encoding: chunked|", "Set-Cookie: x|", "Upgrade: y|", "Via: 1.1 z|", "Empty:|",
        ][..]), 0..6),
        status in prop::sample::select(&["200 OK", "204 ", "304", "426 Upgrade", "500 "][..]),
        to_head: bool, keep_alive: bool, http10: bool,
    ) {
        let text = ["HTTP/1.1 ", status, "|", &fields.concat(), "|"].concat();
        let Ok(before) = ResponseHead::parse(wire(&text).into(), to_head, &LIMITS) else { return Ok(()) };
        let client_version = if http10 { Version::Http10 } else { Version::Http11 };
        let framing = downstream_framing(before.framing(), client_version);
        let ctx = ResponseContext { client_version, framing, keep_alive, signature: SIGNATURE };
        let mut out = Vec::new();
        write_response(&mut out, &before, &ctx);
        let after = ResponseHead::parse(out.into(), to_head, &LIMITS).unwrap();
        prop_assert_eq!(after.framing(), framing);
        prop_assert_eq!((after.status(), after.reason()), (before.status(), before.reason()));
        prop_assert_eq!(after.keep_alive(), keep_alive && framing != Framing::Close);
    }
}

fn again(head: &RequestHead) -> RequestHead {
    let mut out = Vec::new();
    write_request(&mut out, head, &CONTEXT);
    RequestHead::parse(out.into(), &LIMITS).unwrap()
}

/// Sorted, since our own lines move behind those that they were before.
fn lines_but_hops(head: &RequestHead) -> Vec<Vec<u8>> {
    // The second hop sees the Host that the first one added, and reports it.
    let is_account = |name| matches!(name, Name::Via | Name::MaxForwards | Name::XForwardedHost);
    let mut lines: Vec<Vec<u8>> = head
        .fields()
        .all(head.raw())
        .filter(|field| !is_account(field.name()))
        .map(|field| head.raw()[field.start()..field.end()].to_vec())
        .collect();
    lines.sort();
    lines.push(head.raw()[..head.fields().start()].to_vec());
    lines
}
