//! Requests that two parsers could read differently: refused, and not an octet of them reaches the upstream.

use crate::harness::origin::Origin;
use crate::harness::weir::Weir;
use crate::harness::wire::{connect, read_to_end};
use std::io::Write;

/// Name, request, status. Each has a second request hidden in it for a parser that reads it the other way.
const SAMPLES: &[(&str, &[u8], u16)] = &[
    (
        "CL.TE: both lengths",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        400,
    ),
    (
        "TE.CL: both lengths, the other order",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n",
        400,
    ),
    (
        "TE.TE: a second coding hides the first",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\nG",
        400,
    ),
    (
        "TE.TE: chunked twice",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nG",
        400,
    ),
    ("TE: a quoted coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\nG", 400),
    ("TE: a vertical tab", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nG", 400),
    ("TE: chunked is not last", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\nG", 400),
    ("TE: a coding that we do not know", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nG", 400),
    ("TE: in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", 400),
    ("TE: a space before the colon", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nG", 400),
    ("CL: two that differ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nGG", 400),
    ("CL: a list", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nG", 400),
    ("CL: a sign", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nG", 400),
    ("CL: hexadecimal", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nG", 400),
    ("CL: beyond 64 bits", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\nG", 400),
    ("obs-fold", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
    ("obs-fold in the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("bare LF after a field", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    ("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("bare LF at the head's end", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\nG\r\n\r\n", 400),
    ("bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 5\r\n\r\n", 400),
    ("NUL in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    ("no colon", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length 5\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("a target that names another host", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("Connection names Content-Length", b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 1\r\n\r\nG", 400),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
];

#[test]
fn an_ambiguous_request_is_refused_and_the_upstream_never_sees_an_octet_of_it() {
    let origin = Origin::hung();
    let weir = Weir::to(&[origin.addr], &[]);
    for (name, request, status) in SAMPLES {
        let mut client = connect(weir.addr);
        client.write_all(request).unwrap();
        // The client leaves its side open: the proxy must close by itself.
        let (reply, _) = read_to_end(&mut client);
        let reply = String::from_utf8_lossy(&reply);
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {reply:?}");
        assert!(reply.to_lowercase().contains("\r\nconnection: close\r\n"), "{name}: {reply:?}");
        assert_eq!(reply.matches("HTTP/1.1 400").count(), 1, "{name}: {reply:?}");
    }
    assert_eq!((origin.connections(), origin.octets()), (0, 0));
    let line = weir.logged(|line| line["reason"] == "bad_request");
    assert_eq!((&line["status"], &line["flags"]), (&400.into(), &"PR".into()), "{line}");
}

#[test]
fn a_bad_chunk_ends_the_request_and_nothing_behind_it_is_taken_for_a_request() {
    let chunks: [&[u8]; 6] = [
        b"1;a\nb\r\nG\r\n0\r\n\r\n",
        b"1\nG\r\n0\r\n\r\n",
        b"1\r\nGG\r\n0\r\n\r\n",
        b"-1\r\nG\r\n0\r\n\r\n",
        b"0x1\r\nG\r\n0\r\n\r\n",
        b"10000000000000000\r\nG\r\n0\r\n\r\n",
    ];
    let origin = Origin::hung();
    let weir = Weir::to(&[origin.addr], &[]);
    for body in chunks {
        let mut client = connect(weir.addr);
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let behind = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(&[head, body, behind].concat()).unwrap();
        let (reply, _) = read_to_end(&mut client);
        let reply = String::from_utf8_lossy(&reply);
        assert!(reply.starts_with("HTTP/1.1 400 "), "{:?}: {reply:?}", String::from_utf8_lossy(body));
        assert_eq!(reply.matches("HTTP/1.1 400").count(), 1, "{reply:?}");
    }
    assert!(!weir.stdout().iter().any(|line| line.contains("smuggled")), "{:#?}", weir.stdout());
}
