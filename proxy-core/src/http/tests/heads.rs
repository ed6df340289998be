//! What is accepted, and what it is taken to mean.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::super::name::classify;
use super::super::{Framing, Method, Name, RequestHead, ResponseHead, TargetForm, Version};
use super::{LIMITS, in_every_way, read_request, read_response, request, response, wire};

/// Good requests, odd ones among them.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1|Host: a||",
    "GET / HTTP/1.0||",
    "GET / HTTP/1.0|Host: a||",
    "|GET / HTTP/1.1|Host: a||",
    "||||GET / HTTP/1.1|Host: a||",
    "M-SEARCH /x HTTP/1.1|Host: a||",
    "!#$%&'*+.^_`~9 / HTTP/1.1|Host: a||",
    "GET //x//y HTTP/1.1|Host: a||",
    "GET /a?b?c/d HTTP/1.1|Host: a||",
    "GET /%zz{}^`\\\"<> HTTP/1.1|Host: a||",
    "GET /http://b/ HTTP/1.1|Host: a||",
    "OPTIONS * HTTP/1.1|Host: a||",
    "GET http://a HTTP/1.1|Host: a||",
    "GET HTTP://A:80/ HTTP/1.1|Host: a||",
    "GET https://a/ HTTP/1.1|Host: a:443||",
    "GET http://a/ HTTP/1.0||",
    "GET / HTTP/1.1|Host:a||",
    "GET / HTTP/1.1|Host: \t a \t ||",
    "GET / HTTP/1.1|Host: a:||",
    "GET / HTTP/1.1|Host: a_b.c-d~:65535||",
    "GET / HTTP/1.1|Host: [::1]:80||",
    "GET / HTTP/1.1|Host: [::ffff:1.2.3.4]||",
    "GET / HTTP/1.1|Host: 127.0.0.1:8080||",
    "GET / HTTP/1.1|Host: a|Empty:|Empty: |!#$%&'*+-.^_`~1: x||",
    "GET / HTTP/1.1|Host: a|Foo: a\tb \u{fc} \"quoted: , ; string\"||",
    "GET / HTTP/1.1|Host: a|User_Agent: x||",
    "POST / HTTP/1.1|Host: a|Content-Length: 0||",
    "POST / HTTP/1.1|Host: a|Content-Length: 0000005||",
    "GET / HTTP/1.1|Host: a|X_Request_Id: b||",
    "GET / HTTP/1.1|Host: a|X_Forwarded-For: 10.0.0.1||",
    "GET / HTTP/1.1|Host: a|Connection: close;||",
    "POST / HTTP/1.1|Host: a|Content-Length:5 ||",
    "POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775807||",
    "POST / HTTP/1.1|Host: a|Transfer-Encoding: ChunKed \t||",
    "GET / HTTP/1.1|Host: a|Connection:|Connection: ,,close,||",
    "GET / HTTP/1.1|Host: a|Max-Forwards: nonsense||",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK||",
    "HTTP/1.1 200 ||",
    "HTTP/1.1 200||",
    "HTTP/1.0 200 OK||",
    "HTTP/1.1 404 Nicht gef\u{fc}nden \t !||",
    "HTTP/1.1 599 X|Transfer_Encoding: x||",
    "HTTP/1.1 600 X||",
    "HTTP/1.1 999 Request denied||",
    "HTTP/1.1 200 OK|Content-Length: 5||",
    "HTTP/1.1 200 OK|Transfer-Encoding: chunked||",
    "HTTP/1.1 204 No Content|Content-Length: 0||",
    "HTTP/1.1 304 Not Modified|Content-Length: 5||",
    "HTTP/1.1 100 Continue||",
    "HTTP/1.1 101 Switching Protocols|Upgrade: x|Connection: upgrade||",
];

#[test]
fn good_requests_are_read_alike_however_they_arrive() {
    for text in REQUESTS {
        let read = in_every_way(&wire(text), |octets, step| read_request(octets, step, &LIMITS));
        assert!(matches!(read, Ok(Some(_))), "{text:?}: {read:?}");
    }
}

#[test]
fn good_responses_are_read_alike_however_they_arrive() {
    for text in RESPONSES {
        let read = in_every_way(&wire(text), |octets, step| read_response(octets, step, &LIMITS));
        assert!(matches!(read, Ok(Some(_))), "{text:?}: {read:?}");
    }
}

#[test]
fn an_unfinished_head_waits_for_more() {
    for text in
        ["", "G", "GET", "GET ", "GET /", "GET / HT", "GET / HTTP/1.1\r", "|", "|\r", "GET / HTTP/1.1|Ho"]
    {
        let read = in_every_way(&wire(text), |octets, step| read_request(octets, step, &LIMITS));
        assert_eq!(read, Ok(None), "{text:?}");
    }
    for text in ["", "H", "HTTP/", "HTTP/1.1 2", "HTTP/1.1 200 OK|", "HTTP/1.1 200 OK|Foo: a|"] {
        let read = in_every_way(&wire(text), |octets, step| read_response(octets, step, &LIMITS));
        assert_eq!(read, Ok(None), "{text:?}");
    }
}

#[test]
fn only_a_whole_head_and_nothing_more_can_be_parsed() {
    for text in
        ["", "|", "GET", "GET / HTTP/1.1|Host: a|", "|GET / HTTP/1.1|Host: a||", "GET / HTTP/1.1|Host: a||x"]
    {
        assert!(RequestHead::parse(wire(text).into(), &LIMITS).is_err(), "{text:?}");
    }
    for text in ["", "|", "HTTP", "HTTP/1.1 200 OK|", "|HTTP/1.1 200 OK||", "HTTP/1.1 200 OK||x"] {
        assert!(ResponseHead::parse(wire(text).into(), false, &LIMITS).is_err(), "{text:?}");
    }
}

#[test]
fn the_short_way_takes_a_whole_head_and_leaves_the_rest() {
    let mut input = Bytes::from(wire("POST / HTTP/1.1|Host: a|Content-Length: 5||hello"));
    let head = RequestHead::parse_front(&mut input, &LIMITS).unwrap().unwrap();
    assert_eq!((head.framing(), &input[..]), (Framing::Length(5), &b"hello"[..]));
    let mut input =
        Bytes::from(wire("HTTP/1.1 103 Early Hints|Link: a||HTTP/1.1 200 OK|Server: some origin||"));
    assert!(ResponseHead::parse_front(&mut input, false, &LIMITS).unwrap().unwrap().is_interim());
    assert_eq!(ResponseHead::parse_front(&mut input, false, &LIMITS).unwrap().unwrap().status(), 200);
    assert!(input.is_empty());
    for text in [
        "",
        "GET / HTTP/1.1|Host: a|",
        "|GET / HTTP/1.1|Host: a||",
        "GET / HTTP/1.1|Host : a||",
        "GET / HTTP/1.1|Host:a||",
    ] {
        let mut input = Bytes::from(wire(text));
        assert_eq!(RequestHead::parse_front(&mut input, &LIMITS), Ok(None), "{text:?}");
    }
}

#[test]
fn a_request_is_taken_apart_without_changing_an_octet() {
    let head = request("PUT /a%20b?c=d HTTP/1.1|hOsT: Example.COM:8080|X:  y |x: z||");
    assert_eq!(head.method(), Method::Put);
    assert_eq!(head.method_bytes(), b"PUT");
    assert_eq!(head.version(), Version::Http11);
    assert_eq!(head.target_form(), TargetForm::Origin);
    assert_eq!(head.target_bytes(), b"/a%20b?c=d");
    assert_eq!(head.path(), b"/a%20b");
    assert_eq!(&*head.path_and_query(), b"/a%20b?c=d");
    assert_eq!(head.host(), Some("Example.COM"));
    assert_eq!(head.host_lowercase().as_deref(), Some("example.com"));
    assert_eq!(head.port(), Some(8080));
    assert_eq!(head.authority(), Some(&b"Example.COM:8080"[..]));
    assert_eq!(head.field(Name::Host), Some(&b"Example.COM:8080"[..]));
    assert_eq!(head.field_by_name(b"x"), Some(&b"y"[..]));
    let lines: Vec<(&[u8], &[u8])> =
        head.fields().all(head.raw()).map(|f| (f.name_bytes(head.raw()), f.value(head.raw()))).collect();
    assert_eq!(lines, [(&b"hOsT"[..], &b"Example.COM:8080"[..]), (b"X", b"y"), (b"x", b"z")]);
}

#[test]
fn routing_sees_a_path_in_every_form_of_target() {
    let cases = [
        ("GET / HTTP/1.1|Host: a||", "/", "/", "a"),
        ("GET /? HTTP/1.1|Host: a||", "/", "/?", "a"),
        ("GET //b/c?d HTTP/1.1|Host: a||", "//b/c", "//b/c?d", "a"),
        ("GET http://a HTTP/1.1|Host: A:80||", "/", "/", "a"),
        ("GET http://a?b HTTP/1.1|Host: a||", "/", "/?b", "a"),
        ("GET http://a:80/b?c HTTP/1.1|Host: a||", "/b", "/b?c", "a"),
        ("GET HTTPS://[::1]:443/b HTTP/1.1|Host: [::1]||", "/b", "/b", "[::1]"),
        ("OPTIONS * HTTP/1.1|Host: a||", "*", "*", "a"),
    ];
    for (text, path, path_and_query, host) in cases {
        let head = request(text);
        assert_eq!(head.path(), path.as_bytes(), "{text}");
        assert_eq!(&*head.path_and_query(), path_and_query.as_bytes(), "{text}");
        assert_eq!(head.host(), Some(host), "{text}");
    }
    assert_eq!(request("GET / HTTP/1.0||").host(), None);
}

#[test]
fn a_host_with_the_dot_of_the_root_is_the_host_without_it() {
    let cases = [("a.b.", "a.b"), ("a.b.:80", "a.b"), ("a..", "a.."), (".", ".")];
    for (host, relative) in cases {
        let head = request(&format!("GET / HTTP/1.1|Host: {host}||"));
        assert_eq!((head.host(), head.authority()), (Some(relative), Some(host.as_bytes())));
    }
}

#[test]
fn what_is_wrong_in_form_alone_is_put_right_before_it_goes_on() {
    let head = request("POST / HTTP/1.1|Host: a|X_Real_IP: b|content-length: 0010|Connection: X, close;||");
    assert_eq!(head.raw()[..], wire("POST / HTTP/1.1|Host: a|content-length: 10|Connection: X, close||"));
    assert_eq!((head.framing(), head.keep_alive()), (Framing::Length(10), false));
}

#[test]
fn a_response_that_may_not_have_a_body_but_announces_one_ends_its_connection() {
    let cases = [
        ("HTTP/1.1 204 No Content|Content-Length: 2||", false),
        ("HTTP/1.1 204 No Content|Transfer-Encoding: chunked||", false),
        ("HTTP/1.1 204 No Content|Content-Length: 0||", true),
        ("HTTP/1.1 304 Not Modified|Transfer-Encoding: chunked||", false),
        ("HTTP/1.1 304 Not Modified|Content-Length: 2||", true),
    ];
    for (text, keep_alive) in cases {
        assert_eq!(
            (response(text).framing(), response(text).keep_alive()),
            (Framing::None, keep_alive),
            "{text}"
        );
    }
}

#[test]
fn a_requests_body_ends_where_the_head_says() {
    let cases = [
        ("POST / HTTP/1.1|Host: a||", Framing::None),
        ("GET / HTTP/1.1|Host: a|Content-Length: 7||", Framing::Length(7)),
        ("POST / HTTP/1.0|Content-Length: 0||", Framing::Length(0)),
        ("GET / HTTP/1.1|Host: a|Transfer-Encoding: Chunked||", Framing::Chunked),
    ];
    for (text, framing) in cases {
        assert_eq!(request(text).framing(), framing, "{text}");
    }
    assert_eq!(request(cases[1].0).content_length(), Some(7));
    assert_eq!(request(cases[3].0).content_length(), None);
}

#[test]
fn a_responses_body_ends_where_status_method_and_head_say() {
    let cases = [
        ("HTTP/1.1 200 OK|Content-Length: 7||", false, Framing::Length(7)),
        ("HTTP/1.1 200 OK|Transfer-Encoding: chunked||", false, Framing::Chunked),
        ("HTTP/1.1 200 OK||", false, Framing::Close),
        ("HTTP/1.0 200 OK||", false, Framing::Close),
        ("HTTP/1.1 200 OK|Content-Length: 7||", true, Framing::None),
        ("HTTP/1.1 200 OK|Transfer-Encoding: chunked||", true, Framing::None),
        ("HTTP/1.1 200 OK||", true, Framing::None),
        ("HTTP/1.1 304 Not Modified|Content-Length: 7||", false, Framing::None),
        ("HTTP/1.1 204 No Content||", false, Framing::None),
        ("HTTP/1.1 100 Continue||", false, Framing::None),
        ("HTTP/1.1 205 Reset||", false, Framing::Close),
    ];
    for (text, to_head, framing) in cases {
        let head = ResponseHead::parse(wire(text).into(), to_head, &LIMITS).unwrap();
        assert_eq!(head.framing(), framing, "{text}");
    }
}

#[test]
fn a_connection_persists_if_version_and_options_say_so() {
    let cases = [
        ("GET / HTTP/1.1|Host: a||", true),
        ("GET / HTTP/1.1|Host: a|Connection: Close||", false),
        ("GET / HTTP/1.1|Host: a|Connection: x, CLOSE ,y||", false),
        ("GET / HTTP/1.1|Host: a|Connection: x|Connection: close||", false),
        ("GET / HTTP/1.1|Host: a|Connection: keep-alive, close||", false),
        ("GET / HTTP/1.1|Host: a|Proxy-Connection: close||", true),
        ("GET / HTTP/1.0||", false),
        ("GET / HTTP/1.0|Connection: Keep-Alive||", true),
        ("GET / HTTP/1.0|Connection: keep-alive, close||", false),
        ("GET / HTTP/1.0|Proxy-Connection: keep-alive||", false),
    ];
    for (text, keep_alive) in cases {
        assert_eq!(request(text).keep_alive(), keep_alive, "{text}");
    }
    assert!(response("HTTP/1.1 200 OK|Content-Length: 0||").keep_alive());
    assert!(!response("HTTP/1.1 200 OK||").keep_alive(), "a close-delimited body ends the connection");
    assert!(!response("HTTP/1.0 200 OK|Content-Length: 0||").keep_alive());
    assert!(response("HTTP/1.0 200 OK|Content-Length: 0|Connection: keep-alive||").keep_alive());
}

#[test]
fn an_upgrade_is_offered_only_with_everything_it_needs() {
    let offer = "Connection: keep-alive, Upgrade|Upgrade: websocket";
    let cases = [
        ("GET / HTTP/1.1|Host: a|{}||", true),
        ("GET / HTTP/1.0|Host: a|{}||", false),
        ("POST / HTTP/1.1|Host: a|Content-Length: 0|{}||", true),
        ("GET / HTTP/1.1|Host: a|Content-Length: 1|{}||", true),
        ("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked|{}||", true),
        ("GET / HTTP/1.1|Host: a|Upgrade: websocket||", false),
        ("GET / HTTP/1.1|Host: a|Connection: upgrade||", false),
        ("GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: ,||", false),
        (
            "GET / HTTP/1.1|Host: a|Connection: upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: x||",
            false,
        ),
        ("GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket, H2C||", false),
    ];
    for (text, upgrade) in cases {
        assert_eq!(request(&text.replace("{}", offer)).upgrade(), upgrade, "{text}");
    }
}

#[test]
fn only_a_1_1_client_with_a_body_can_expect_100_continue() {
    let cases = [
        ("POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 100-Continue||", true),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Expect: 100-continue||", true),
        ("POST / HTTP/1.1|Host: a|Content-Length: 0|Expect: 100-continue||", false),
        ("POST / HTTP/1.1|Host: a|Expect: 100-continue||", false),
        ("POST / HTTP/1.0|Host: a|Content-Length: 5|Expect: 100-continue||", false),
        ("POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 100-continue|Connection: expect||", false),
    ];
    for (text, expected) in cases {
        assert_eq!(request(text).expect_continue(), expected, "{text}");
    }
}

#[test]
fn max_forwards_counts_for_trace_and_options_only() {
    assert_eq!(request("TRACE / HTTP/1.1|Host: a|Max-Forwards: 7||").max_forwards(), Some(7));
    assert_eq!(request("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: 0||").max_forwards(), Some(0));
    assert_eq!(
        request("TRACE / HTTP/1.1|Host: a|Max-Forwards: 99999999999||").max_forwards(),
        Some(u32::MAX)
    );
    assert_eq!(request("GET / HTTP/1.1|Host: a|Max-Forwards: 7||").max_forwards(), None);
}

#[test]
fn a_response_tells_reason_hint_and_kind() {
    let head = response(
        "HTTP/1.1 200 All  good|Keep-Alive: max=5, Timeout=7|Content-Type: Text/Event-Stream; x=y||",
    );
    assert_eq!((head.status(), head.reason()), (200, &b"All  good"[..]));
    assert_eq!(head.keep_alive_timeout(), Some(7));
    assert!(head.event_stream());
    assert_eq!(response("HTTP/1.1 200||").reason(), b"");
    assert_eq!(response("HTTP/1.1 200 ||").reason(), b"");
    assert_eq!(response("HTTP/1.1 200 OK|Keep-Alive: timeout=soon||").keep_alive_timeout(), None);
    assert!(!response("HTTP/1.1 200 OK|Content-Type: text/event-streams||").event_stream());
    assert!(response("HTTP/1.1 103 Early Hints||").is_interim());
    assert!(response("HTTP/1.1 101 Switching Protocols||").is_switching());
    assert!(!response("HTTP/1.1 101 Switching Protocols||").is_interim());
    assert!(!response("HTTP/1.1 200 OK||").is_interim());
}

#[test]
fn methods_are_case_sensitive_and_know_whether_they_may_be_repeated() {
    let cases = [("GET", true, true), ("PUT", false, true), ("POST", false, false), ("get", false, false)];
    for (name, safe, idempotent) in cases {
        let mut text = String::from(name);
        text.push_str(" / HTTP/1.1|Host: a||");
        let method = request(&text).method();
        assert_eq!((method.is_safe(), method.is_idempotent()), (safe, idempotent), "{name}");
    }
}

#[test]
fn known_names_are_known_in_any_case_and_no_other_name_is() {
    let head = request("GET / HTTP/1.1|HOST: a|vIa: x|Viaa: x|Vi: x|Xia: x|CONTENT-type: y||");
    let names: Vec<Name> = head.fields().all(head.raw()).map(|field| field.name()).collect();
    assert_eq!(names, [Name::Host, Name::Via, Name::Other, Name::Other, Name::Other, Name::ContentType]);
    assert!(head.fields().has(Name::Via) && !head.fields().has(Name::Te));

    let known = [
        ("te", Name::Te),
        ("via", Name::Via),
        ("host", Name::Host),
        ("expect", Name::Expect),
        ("trailer", Name::Trailer),
        ("upgrade", Name::Upgrade),
        ("forwarded", Name::Forwarded),
        ("connection", Name::Connection),
        ("keep-alive", Name::KeepAlive),
        ("content-type", Name::ContentType),
        ("max-forwards", Name::MaxForwards),
        ("x-request-id", Name::XRequestId),
        ("date", Name::Date),
        ("proxy", Name::ClientClaim),
        ("x-real-ip", Name::XRealIp),
        ("x-client-ip", Name::ClientClaim),
        ("true-client-ip", Name::ClientClaim),
        ("x-forwarded-ssl", Name::ClientClaim),
        ("x-forwarded-port", Name::ClientClaim),
        ("x-forwarded-prefix", Name::ClientClaim),
        ("x-forwarded-server", Name::ClientClaim),
        ("content-length", Name::ContentLength),
        ("http2-settings", Name::Http2Settings),
        ("x-forwarded-for", Name::XForwardedFor),
        ("proxy-connection", Name::ProxyConnection),
        ("x-forwarded-host", Name::XForwardedHost),
        ("transfer-encoding", Name::TransferEncoding),
        ("x-forwarded-proto", Name::XForwardedProto),
        ("proxy-authenticate", Name::ProxyAuthenticate),
        ("proxy-authorization", Name::ProxyAuthorization),
        ("proxy-authentication-info", Name::ProxyAuthenticationInfo),
    ];
    for (spelling, name) in known {
        assert_eq!(classify(spelling.as_bytes()), name, "{spelling}");
        assert_eq!(classify(spelling.to_ascii_uppercase().as_bytes()), name, "{spelling}");
        for at in 0..spelling.len() {
            let mut other = Vec::from(spelling);
            other[at] = b'x' + u8::from(other[at] == b'x');
            assert_eq!(classify(&other), Name::Other, "{spelling} with another octet at {at}");
            if spelling.as_bytes()[at] == b'-' {
                other[at] = b'_';
                assert_eq!(classify(&other), Name::Underscored, "{spelling} with _ at {at}");
            }
        }
    }
}
