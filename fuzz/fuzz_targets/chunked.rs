//! Bodies: any split decodes alike, decoding undoes encoding, the oracle agrees on chunked bodies, and what
//! follows the end is left alone.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use proxy_core::http::{BodyEncoder, Framing, HeadKind, Trailers};
use weir_fuzz::bodies::{self, decode};
use weir_fuzz::oracle::Body;
use weir_fuzz::split::{self, Random};

fuzz_target!(|octets: &[u8]| {
    for kind in [HeadKind::Request, HeadKind::Response] {
        let whole = bodies::in_every_way(Framing::Chunked, kind, Body::Chunked, octets);
        if let Ok(found) = &whole {
            survives_encoding(Framing::Chunked, &found.content, found.trailers.as_ref());
        }
    }
    for framing in [Framing::Chunked, Framing::Length(octets.len() as u64), Framing::Close] {
        survives_encoding(framing, octets, None);
    }
});

/// Encoded in any pieces and decoded in any others, content and trailers come back, and what follows stays.
fn survives_encoding(framing: Framing, content: &[u8], trailers: Option<&Trailers>) {
    let mut random = Random::of(content);
    let encoder = BodyEncoder::new(framing);
    let mut wire = Vec::new();
    for piece in split::some(content, 3, &mut random) {
        encoder.data(Bytes::copy_from_slice(piece), &mut wire);
    }
    encoder.end(trailers, &mut wire);
    let len = wire.len();
    let is_delimited = framing != Framing::Close;
    if is_delimited {
        wire.extend_from_slice(b"GET /next");
    }
    let decoded = decode(framing, HeadKind::Request, &split::some(&wire, 3, &mut random)).expect("what we encode is a body");
    assert_eq!(decoded.content, content);
    assert_eq!(decoded.trailers.as_ref(), trailers);
    assert_eq!((decoded.used, decoded.is_whole), (len, is_delimited));
}
