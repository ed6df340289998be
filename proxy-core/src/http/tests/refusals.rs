//! What is refused, and under which rule: everything that two parsers could read differently.

use alloc::format;
use alloc::vec::Vec;

use super::super::BadHead::{self, *};
use super::super::HeadLimits;
use super::{LIMITS, in_every_way, read_request, read_response, read_strictly, wire};

/// `(request, rule)`; what every request needs besides is in the text, so that one fault is alone.
const REQUESTS: &[(&str, BadHead)] = &[
    // Two framings.
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||", LengthAndCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5||", LengthAndCoding),
    ("POST / HTTP/1.1|Host: a|transfer-encoding: CHUNKED|content-length: 0||", LengthAndCoding),
    // Several lengths.
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||", SeveralLengths),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 5||", SeveralLengths),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|content-LENGTH: 5||", SeveralLengths),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5, 5||", SeveralLengths),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5,6||", SeveralLengths),
    ("POST / HTTP/1.1|Host: a|Content-Length: ,5||", SeveralLengths),
    // No plain number.
    ("POST / HTTP/1.1|Host: a|Content-Length: +5||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: -5||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: -0||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5 6||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 0x5||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5.0||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 1e3||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 1_000||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: five||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: \"5\"||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5;||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length:||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length:  ||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775808||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551616||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: 99999999999999999999999999||", BadLength),
    ("POST / HTTP/1.1|Host: a|Content-Length: ５||", BadLength),
    // Codings.
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||", UnknownCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: identity, chunked||", UnknownCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: identity||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, identity||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, gzip||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked,||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: ,chunked||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: xchunked||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunkedx||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunk||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: \"chunked\"||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: 'chunked'||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked;q=1||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked foo||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: c hunked||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding:||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: \u{a0}chunked||", BadCoding),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||", SeveralCodings),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: identity||", SeveralCodings),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|transfer-encoding: x||", SeveralCodings),
    ("POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked||", CodingInHttp10),
    // Names that are nearly the real ones.
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding : chunked||", SpaceBeforeColon),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding\t: chunked||", SpaceBeforeColon),
    ("POST / HTTP/1.1|Host: a|Content-Length : 5||", SpaceBeforeColon),
    ("POST / HTTP/1.1|Host : a||", SpaceBeforeColon),
    ("POST / HTTP/1.1|Host: a|Transfer_Encoding: chunked||", UnderscoredName),
    ("POST / HTTP/1.1|Host: a|Content_Length: 5||", UnderscoredName),
    ("POST / HTTP/1.1|Host: a|Transfer Encoding: chunked||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|\u{b}Transfer-Encoding: chunked||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|Content-Length\0: 5||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|Foo(bar): 5||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|F\u{f6}o: 5||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|\"Foo\": 5||", BadFieldName),
    ("POST / HTTP/1.1|Host: a|: 5||", EmptyFieldName),
    ("POST / HTTP/1.1|Host: a|:||", EmptyFieldName),
    ("POST / HTTP/1.1|Host: a|Foo||", NoColon),
    ("POST / HTTP/1.1|Host: a|GET /x HTTP/1.1||", NoColon),
    // Lines.
    ("GET / HTTP/1.1|Host: a|Foo: b| c||", ObsFold),
    ("GET / HTTP/1.1|Host: a|Foo: b|\tc||", ObsFold),
    ("GET / HTTP/1.1|Host: a|Foo: b| ||", ObsFold),
    ("GET / HTTP/1.1| Host: a||", ObsFold),
    ("GET / HTTP/1.1|\tHost: a||", ObsFold),
    ("GET / HTTP/1.1|Host: a|Transfer-Encoding:| chunked||", ObsFold),
    ("GET / HTTP/1.1\nHost: a||", BareLf),
    ("GET / HTTP/1.1|Host: a\n|", BareLf),
    ("GET / HTTP/1.1|Host: a\n\n", BareLf),
    ("GET / HTTP/1.1\n\n", BareLf),
    ("GET / HTTP/1.1|Host: a|\nFoo: b||", BareLf),
    ("GET / HTTP/1.1|Host: a|Foo: b\nBar: c||", BareLf),
    ("\nGET / HTTP/1.1|Host: a||", BareLf),
    ("GET / HTTP/1.1|Host: a|Foo: b\rBar: c||", BareCr),
    ("GET / HTTP/1.1|Host: a|Foo: b\r\r\n|", BareCr),
    ("GET / HTTP/1.1|Host: a|Foo\r: b||", BareCr),
    ("GET / HTTP/1.1\r\r\nHost: a||", BareCr),
    ("GET / HTTP/1.1|Host: a|\rFoo: b||", BareCr),
    ("\rGET / HTTP/1.1|Host: a||", BareCr),
    ("|||||GET / HTTP/1.1|Host: a||", TooManyBlankLines),
    ("GET / HTTP/1.1|Host: a|Foo: b\0c||", BadFieldValue),
    ("GET / HTTP/1.1|Host: a|Foo: \u{1}||", BadFieldValue),
    ("GET / HTTP/1.1|Host: a|Foo: b\u{b}c||", BadFieldValue),
    ("GET / HTTP/1.1|Host: a|Foo: b\u{7f}||", BadFieldValue),
    ("GET / HTTP/1.1|Host: a|Foo: b\u{1b}[0m||", BadFieldValue),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: \u{b}chunked||", BadFieldValue),
    ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked\u{c}||", BadFieldValue),
    // Request lines.
    ("GET  / HTTP/1.1|Host: a||", BadRequestLine),
    ("GET /  HTTP/1.1|Host: a||", BadRequestLine),
    ("GET / HTTP/1.1 |Host: a||", BadRequestLine),
    ("GET / HTTP/1.1 x|Host: a||", BadRequestLine),
    (" GET / HTTP/1.1|Host: a||", BadRequestLine),
    ("\tGET / HTTP/1.1|Host: a||", BadRequestLine),
    ("GET /a b HTTP/1.1|Host: a||", BadRequestLine),
    ("GET / http/1.1|Host: a||", BadRequestLine),
    ("GET / HTTP1.1|Host: a||", BadRequestLine),
    ("GET / HTTP/1.1x|Host: a||", BadRequestLine),
    ("GET / HTTP/|Host: a||", BadRequestLine),
    ("GET / XTTP/1.1|Host: a||", BadRequestLine),
    ("GET /|Host: a||", BadRequestLine),
    ("GET /|", BadRequestLine),
    ("GET|Host: a||", BadRequestLine),
    ("GET HTTP/1.1|Host: a||", BadRequestLine),
    ("GET\t/ HTTP/1.1|Host: a||", BadMethod),
    ("G@T / HTTP/1.1|Host: a||", BadMethod),
    ("GET: / HTTP/1.1|Host: a||", BadMethod),
    ("G\0T / HTTP/1.1|Host: a||", BadMethod),
    ("HTTP/1.1 200 OK|Host: a||", BadMethod),
    ("{\"json\": true}|", NotHttp),
    ("\0\0\0\0||", NotHttp),
    ("CONNECT a:443 HTTP/1.1|Host: a||", ConnectUnsupported),
    ("CONNECT / HTTP/1.1|Host: a||", ConnectUnsupported),
    ("PRI * HTTP/2.0||SM||", Http2Preface),
    ("GET / HTTP/0.9|Host: a||", UnsupportedVersion),
    ("GET / HTTP/1.2|Host: a||", UnsupportedVersion),
    ("GET / HTTP/2.0|Host: a||", UnsupportedVersion),
    ("GET / HTTP/2|Host: a||", UnsupportedVersion),
    ("GET / HTTP/1|Host: a||", BadRequestLine),
    ("GET / HTTP/1.|Host: a||", BadRequestLine),
    ("GET / HTTP/.1|Host: a||", BadRequestLine),
    ("GET / HTTP/1.10|Host: a||", BadRequestLine),
    ("GET / HTTP/01.1|Host: a||", BadRequestLine),
    ("GET / HTTP/11.1|Host: a||", BadRequestLine),
    // Targets.
    ("GET /\u{f6} HTTP/1.1|Host: a||", BadTarget),
    ("GET /\u{1} HTTP/1.1|Host: a||", BadTarget),
    ("GET /\u{7f} HTTP/1.1|Host: a||", BadTarget),
    ("GET /\0 HTTP/1.1|Host: a||", BadTarget),
    ("GET /\tx HTTP/1.1|Host: a||", BadTarget),
    ("GET /#top HTTP/1.1|Host: a||", BadTarget),
    ("GET /?a#top HTTP/1.1|Host: a||", BadTarget),
    ("GET http://a/#top HTTP/1.1|Host: a||", BadTarget),
    ("GET http://a#top HTTP/1.1|Host: a||", BadTarget),
    ("GET * HTTP/1.1|Host: a||", BadTargetForm),
    ("OPTIONS ** HTTP/1.1|Host: a||", BadTargetForm),
    ("OPTIONS *?a HTTP/1.1|Host: a||", BadTargetForm),
    ("GET a HTTP/1.1|Host: a||", BadTargetForm),
    ("GET a:80 HTTP/1.1|Host: a||", BadTargetForm),
    ("GET ?a HTTP/1.1|Host: a||", BadTargetForm),
    ("GET http:/a HTTP/1.1|Host: a||", BadTargetForm),
    ("GET \\ HTTP/1.1|Host: a||", BadTargetForm),
    ("GET ftp://a/ HTTP/1.1|Host: a||", UnsupportedScheme),
    ("GET javascript://a/ HTTP/1.1|Host: a||", UnsupportedScheme),
    ("GET ://a/ HTTP/1.1|Host: a||", UnsupportedScheme),
    ("GET http:/// HTTP/1.1|Host: a||", BadHost),
    ("GET http://u@a/ HTTP/1.1|Host: a||", BadHost),
    ("GET http://u:p@a/ HTTP/1.1|Host: a||", BadHost),
    ("GET http://a\\b/ HTTP/1.1|Host: a||", BadHost),
    ("GET http://b/ HTTP/1.1|Host: a||", HostMismatch),
    ("GET http://a:81/ HTTP/1.1|Host: a||", HostMismatch),
    ("GET https://a/ HTTP/1.1|Host: a:80||", HostMismatch),
    ("GET http://a/ HTTP/1.1|Host: a:443||", HostMismatch),
    ("GET http://a./ HTTP/1.1|Host: a||", HostMismatch),
    ("GET http://a/ HTTP/1.1||", MissingHost),
    // Host.
    ("GET / HTTP/1.1||", MissingHost),
    ("GET / HTTP/1.1|Hos: a||", MissingHost),
    ("GET / HTTP/1.1|Host: a|Host: b||", SeveralHosts),
    ("GET / HTTP/1.1|Host: a|Host: a||", SeveralHosts),
    ("GET / HTTP/1.1|Host: a|hOST: a||", SeveralHosts),
    ("GET / HTTP/1.0|Host: a|Host: a||", SeveralHosts),
    ("GET / HTTP/1.1|Host:||", BadHost),
    ("GET / HTTP/1.1|Host: :80||", BadHost),
    ("GET / HTTP/1.1|Host: a b||", BadHost),
    ("GET / HTTP/1.1|Host: a,b||", BadHost),
    ("GET / HTTP/1.1|Host: u@a||", BadHost),
    ("GET / HTTP/1.1|Host: a/b||", BadHost),
    ("GET / HTTP/1.1|Host: http://a||", BadHost),
    ("GET / HTTP/1.1|Host: a?b||", BadHost),
    ("GET / HTTP/1.1|Host: a#b||", BadHost),
    ("GET / HTTP/1.1|Host: a%2eb||", BadHost),
    ("GET / HTTP/1.1|Host: a;b||", BadHost),
    ("GET / HTTP/1.1|Host: a\\b||", BadHost),
    ("GET / HTTP/1.1|Host: \u{f6}||", BadHost),
    ("GET / HTTP/1.1|Host: a:80:80||", BadHost),
    ("GET / HTTP/1.1|Host: a:8o||", BadHost),
    ("GET / HTTP/1.1|Host: a:-1||", BadHost),
    ("GET / HTTP/1.1|Host: a:+1||", BadHost),
    ("GET / HTTP/1.1|Host: a:65536||", BadHost),
    ("GET / HTTP/1.1|Host: a:000080||", BadHost),
    ("GET / HTTP/1.1|Host: ::1||", BadHost),
    ("GET / HTTP/1.1|Host: [::1||", BadHost),
    ("GET / HTTP/1.1|Host: [::1]x||", BadHost),
    ("GET / HTTP/1.1|Host: []||", BadHost),
    ("GET / HTTP/1.1|Host: [a]||", BadHost),
    ("GET / HTTP/1.1|Host: [1.2.3.4]||", BadHost),
    ("GET / HTTP/1.1|Host: [::1%eth0]||", BadHost),
    ("GET / HTTP/1.1|Host: [v1.a]||", BadHost),
    // Connection, Expect, Max-Forwards.
    ("POST / HTTP/1.1|Host: a|Connection: Content-Length|Content-Length: 5||", ConnectionNamesFraming),
    ("POST / HTTP/1.1|Host: a|Connection: transfer-encoding||", ConnectionNamesFraming),
    ("GET / HTTP/1.1|Host: a|Connection: close, HOST||", ConnectionNamesFraming),
    ("GET / HTTP/1.1|Host: a|Connection: close|Connection: host||", ConnectionNamesFraming),
    ("GET / HTTP/1.1|Host: a|Connection: a b||", BadConnection),
    ("GET / HTTP/1.1|Host: a|Connection: close;x||", BadConnection),
    ("GET / HTTP/1.1|Host: a|Connection: \"close\"||", BadConnection),
    ("GET / HTTP/1.1|Host: a|Connection: \u{e9}||", BadConnection),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 200-ok||", UnknownExpectation),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Expect: 100-continue, x||", UnknownExpectation),
    ("POST / HTTP/1.1|Host: a|Content-Length: 5|Expect:||", UnknownExpectation),
    ("TRACE / HTTP/1.1|Host: a|Max-Forwards: -1||", BadMaxForwards),
    ("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: x||", BadMaxForwards),
    ("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: 1|Max-Forwards: 2||", BadMaxForwards),
];

/// `(response, how it is read)`, of those below.
const MENDED: &[(&str, &str)] = &[
    ("HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5||", "HTTP/1.1 200 OK|Content-Length: 5||"),
    ("HTTP/1.1 200 OK|Content-Length: 5, 5||", "HTTP/1.1 200 OK|Content-Length: 5||"),
    ("HTTP/1.1 200 OK|Content-Length: 0000005||", "HTTP/1.1 200 OK|Content-Length: 5||"),
    ("HTTP/1.1 200 OK|Transfer-Encoding: identity||", "HTTP/1.1 200 OK||"),
    (
        "HTTP/1.1 204 No Content|Transfer-Encoding: chunked||",
        "HTTP/1.1 204 No Content|Transfer-Encoding: chunked||",
    ),
    ("HTTP/1.1 204 No Content|Content-Length: 5||", "HTTP/1.1 204 No Content|Content-Length: 5||"),
    (
        "HTTP/1.1 101 Switching|Transfer-Encoding: chunked||",
        "HTTP/1.1 101 Switching|Transfer-Encoding: chunked||",
    ),
    ("HTTP/1.1 101 Switching|Content-Length: 0||", "HTTP/1.1 101 Switching|Content-Length: 0||"),
    ("HTTP/1.1 100 Continue|Content-Length: 0||", "HTTP/1.1 100 Continue|Content-Length: 0||"),
    ("HTTP/1.1 200 OK|Transfer-Encoding : chunked||", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||"),
    ("HTTP/1.1 200 OK|Foo: a| b||", "HTTP/1.1 200 OK|Foo: a b||"),
    ("HTTP/1.1 200 OK|Foo: a\u{7}b||", "HTTP/1.1 200 OK|Foo: a b||"),
    ("HTTP/1.1 200 OK\nFoo: a||", "HTTP/1.1 200 OK|Foo: a||"),
    ("HTTP/1.1 200\n|", "HTTP/1.1 200||"),
    ("HTTP/1.1 200 OK|Foo: a\n|", "HTTP/1.1 200 OK|Foo: a||"),
    ("HTTP/1.1 200 OK|Foo: a\n\n", "HTTP/1.1 200 OK|Foo: a||"),
    ("HTTP/1.2 200 OK||", "HTTP/1.1 200 OK||"),
    ("HTTP/1.1 200 OK|Connection: keep-alive;||", "HTTP/1.1 200 OK|Connection: keep-alive||"),
];

const RESPONSES: &[(&str, BadHead)] = &[
    ("HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked||", LengthAndCoding),
    ("HTTP/1.1 304 OK|Content-Length: 5|Transfer-Encoding: chunked||", LengthAndCoding),
    ("HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5||", SeveralLengths),
    ("HTTP/1.1 200 OK|Content-Length: 5, 5||", SeveralLengths),
    ("HTTP/1.1 200 OK|Content-Length: +5||", BadLength),
    ("HTTP/1.1 200 OK|Content-Length: 5x||", BadLength),
    ("HTTP/1.1 200 OK|Content-Length:||", BadLength),
    ("HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||", UnknownCoding),
    ("HTTP/1.1 200 OK|Transfer-Encoding: gzip||", BadCoding),
    ("HTTP/1.1 200 OK|Transfer-Encoding: identity||", BadCoding),
    ("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked||", SeveralCodings),
    ("HTTP/1.0 200 OK|Transfer-Encoding: chunked||", CodingInHttp10),
    ("HTTP/1.1 204 No Content|Transfer-Encoding: chunked||", CodingWithoutBody),
    ("HTTP/1.1 100 Continue|Transfer-Encoding: chunked||", CodingWithoutBody),
    ("HTTP/1.1 101 Switching|Transfer-Encoding: chunked||", CodingWithoutBody),
    ("HTTP/1.1 204 No Content|Content-Length: 5||", LengthWithoutBody),
    ("HTTP/1.1 100 Continue|Content-Length: 0||", LengthWithoutBody),
    ("HTTP/1.1 103 Early Hints|Content-Length: 5||", LengthWithoutBody),
    ("HTTP/1.1 200 OK|Transfer-Encoding : chunked||", SpaceBeforeColon),
    ("HTTP/1.1 200 OK|Foo: a| b||", ObsFold),
    ("HTTP/1.1 200 OK| Foo: a||", ObsFold),
    ("HTTP/1.1 200 OK|Foo||", NoColon),
    ("HTTP/1.1 200 OK|: a||", EmptyFieldName),
    ("HTTP/1.1 200 OK|F o: a||", BadFieldName),
    ("HTTP/1.1 200 OK|Foo: a\0||", BadFieldValue),
    ("HTTP/1.1 200 OK|Foo: a\u{7}b||", BadFieldValue),
    ("HTTP/1.1 200 OK|Content-Length: 0000005||", BadLength),
    ("HTTP/1.1 101 Switching|Content-Length: 0||", LengthWithoutBody),
    ("HTTP/1.1 200 OK|Connection: keep-alive;||", BadConnection),
    ("HTTP/1.1 200 OK\nFoo: a||", BareLf),
    ("HTTP/1.1 200\n|", BareLf),
    ("HTTP/1.1 200 OK|Foo: a\n|", BareLf),
    ("HTTP/1.1 200 OK|Foo: a\n\n", BareLf),
    ("HTTP/1.1 200 OK|Foo: a\rb||", BareCr),
    ("HTTP/1.1 200 O\rK||", BareCr),
    ("HTTP/1.1 200 O\0K||", BadStatusLine),
    ("HTTP/1.1 200 O\u{7f}K||", BadStatusLine),
    ("HTTP/1.1  200 OK||", BadStatusLine),
    ("HTTP/1.1 20 OK||", BadStatusLine),
    ("HTTP/1.1 2000 OK||", BadStatusLine),
    ("HTTP/1.1 -20 OK||", BadStatusLine),
    ("HTTP/1.1 +20 OK||", BadStatusLine),
    ("HTTP/1.1 2x0 OK||", BadStatusLine),
    ("HTTP/1.1 200\tOK||", BadStatusLine),
    ("HTTP/1.1||", BadStatusLine),
    ("HTTP/1.1 OK||", BadStatusLine),
    ("HTTP/x 200 OK||", BadStatusLine),
    ("HTTP/1.1 000 OK||", BadStatus),
    ("HTTP/1.1 099 OK||", BadStatus),
    ("HTTP/1.2 200 OK||", UnsupportedVersion),
    ("HTTP/2 200 OK||", UnsupportedVersion),
    ("HTTP/0.9 200 OK||", UnsupportedVersion),
    ("http/1.1 200 OK||", NotHttp),
    (" HTTP/1.1 200 OK||", NotHttp),
    ("|HTTP/1.1 200 OK||", NotHttp),
    ("ICY 200 OK||", NotHttp),
    ("<html>hello</html>|", NotHttp),
    ("HTTP/1.1 200 OK|Connection: content-length|Content-Length: 5||", ConnectionNamesFraming),
    ("HTTP/1.1 200 OK|Connection: a b||", BadConnection),
];

#[test]
fn every_bad_request_is_refused_under_its_rule_however_it_arrives() {
    for (text, rule) in REQUESTS {
        let read = in_every_way(&wire(text), |octets, step| read_request(octets, step, &LIMITS));
        assert_eq!(read, Err(*rule), "{text:?}");
    }
}

#[test]
fn a_strict_upstreams_bad_response_is_refused_under_its_rule_however_it_arrives() {
    for (text, rule) in RESPONSES {
        let read = in_every_way(&wire(text), |octets, step| read_strictly(octets, step, &LIMITS));
        assert_eq!(read, Err(*rule), "{text:?}");
    }
}

#[test]
fn a_bad_response_is_put_right_where_its_meaning_is_certain_and_else_refused() {
    for (text, rule) in RESPONSES {
        let read = in_every_way(&wire(text), |octets, step| read_response(octets, step, &LIMITS));
        match MENDED.iter().find(|(bad, _)| bad == text) {
            None => assert_eq!(read, Err(*rule), "{text:?}"),
            Some((_, good)) => {
                let good = read_response(&wire(good), usize::MAX, &LIMITS).unwrap().unwrap();
                let read = read.unwrap().unwrap();
                assert_eq!((read.raw(), read.framing()), (good.raw(), good.framing()), "{text:?}");
            }
        }
    }
    assert!(MENDED.iter().all(|(bad, _)| RESPONSES.iter().any(|(text, _)| text == bad)));
}

#[test]
fn a_tls_handshake_is_told_that_this_port_is_plain() {
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x0a];
    let read = in_every_way(&hello, |octets, step| read_request(octets, step, &LIMITS));
    assert_eq!(read, Err(TlsHandshake));
}

#[test]
fn each_limit_has_its_own_rule_and_status() {
    let limits = HeadLimits { head_bytes: 200, fields: 3, target_bytes: 50 };
    let long = |n| "x".repeat(n);
    let cases = [
        (format!("GET /{} HTTP/1.1|Host: a||", long(50)), TargetTooLong, 414),
        (format!("GET /{}", long(50)), TargetTooLong, 414),
        (format!("GET /{} HTTP/1.1|Host: a||", long(500)), TargetTooLong, 414),
        (format!("GET / HTTP/1.1|Host: a|Foo: {}||", long(180)), HeadTooLong, 431),
        (format!("GET / HTTP/1.1|Host: a|Foo: {}", long(180)), HeadTooLong, 431),
        ("GET / HTTP/1.1|Host: a|B: b|C: c|D: d||".into(), TooManyFields, 431),
        (format!("{} / HTTP/1.1|Host: a||", long(65)), MethodTooLong, 501),
        (long(65), MethodTooLong, 501),
    ];
    for (text, rule, status) in cases {
        let read = in_every_way(&wire(&text), |octets, step| read_request(octets, step, &limits));
        assert_eq!(read, Err(rule), "{text}");
        assert_eq!(rule.status(), status);
    }
}

#[test]
fn a_head_may_fill_each_limit_to_the_last_octet() {
    let target = "x".repeat(49);
    let text = format!("GET /{target} HTTP/1.1|Host: a|B: b|C: c||");
    let octets = wire(&text);
    let limits = HeadLimits { head_bytes: octets.len(), fields: 3, target_bytes: 50 };
    let read = |octets: &[u8], step| read_request(octets, step, &limits);
    assert!(in_every_way(&octets, read).unwrap().is_some());
}

#[test]
fn a_list_of_connection_options_is_bounded() {
    let head = |n: usize| wire(&format!("GET / HTTP/1.1|Host: a|Connection: {}||", "x,".repeat(n)));
    assert!(read_request(&head(32), 64, &LIMITS).is_ok());
    assert_eq!(read_request(&head(33), 64, &LIMITS), Err(BadConnection));
}

#[test]
fn rules_that_concern_the_server_and_not_the_syntax_have_their_own_status() {
    let rules = [UnknownCoding, ConnectUnsupported, UnsupportedVersion, Http2Preface, UnknownExpectation];
    let statuses: Vec<u16> = rules.into_iter().map(BadHead::status).collect();
    assert_eq!(statuses, [501, 501, 505, 505, 417]);
    assert_eq!(LengthAndCoding.status(), 400);
    assert_eq!(format!("{MissingHost}"), "HTTP/1.1 requires a Host field.");
}

#[test]
fn what_ends_like_a_version_but_is_none_is_refused_at_once() {
    let mut scanner = crate::http::HeadScanner::default();
    let fed = scanner.feed(b"HTTP/1. 2100VhHTTP/1.", crate::http::HeadKind::Response, &LIMITS);
    assert_eq!(fed, Err(BadStatusLine));
}
