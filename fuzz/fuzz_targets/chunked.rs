//! Bodies: any split decodes alike, decoding undoes encoding, the oracle agrees on chunked bodies, and what
//! follows the end is left alone.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use proxy_core::http::{BadBody, BodyDecoder, BodyEncoder, Framing, Piece, Trailers};
use weir_fuzz::oracle::{self, Read};
use weir_fuzz::split::{self, Random};

fuzz_target!(|octets: &[u8]| {
    let whole = decode(Framing::Chunked, &[octets]);
    for pieces in split::all(octets) {
        assert_eq!(decode(Framing::Chunked, &pieces), whole, "in pieces {pieces:?}");
    }
    match (oracle::chunked(octets), &whole) {
        (Read::Whole(expected), Ok(found)) => {
            assert!(found.is_whole);
            assert_eq!(found.content, expected.content);
            assert_eq!(found.used, expected.len, "where the body ends");
        }
        (Read::Incomplete, Ok(found)) => assert!(!found.is_whole, "it ended before its end"),
        (Read::Rejected(_), Err(_)) => {}
        (oracle, ours) => panic!("the oracle says {oracle:?}, we say {ours:?}"),
    }
    if let Ok(found) = &whole {
        survives_encoding(Framing::Chunked, &found.content, found.trailers.as_ref());
    }
    for framing in [Framing::Chunked, Framing::Length(octets.len() as u64), Framing::Close] {
        survives_encoding(framing, octets, None);
    }
});

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    content: Vec<u8>,
    trailers: Option<Trailers>,
    is_whole: bool,
    /// Octets taken.
    used: usize,
}

fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<Decoded, BadBody> {
    let mut decoder = BodyDecoder::new(framing);
    let mut decoded = Decoded { content: Vec::new(), trailers: None, is_whole: false, used: 0 };
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match decoder.decode(&mut input)? {
                Piece::Data(data) => {
                    assert!(!data.is_empty(), "an empty piece");
                    decoded.content.extend_from_slice(&data);
                }
                Piece::End(trailers) => {
                    decoded.trailers = decoded.trailers.or(trailers);
                    decoded.is_whole = true;
                    break;
                }
                Piece::NeedMore => {
                    assert!(input.is_empty(), "it asks for more and has not used what it has");
                    break;
                }
            }
        }
        assert!(piece.ends_with(&input), "what follows was touched");
        decoded.used += piece.len() - input.len();
    }
    assert_eq!(decoded.is_whole, decoder.is_finished());
    assert_eq!(decoder.eof().is_ok(), decoded.is_whole || framing == Framing::Close);
    Ok(decoded)
}

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
    let decoded = decode(framing, &split::some(&wire, 3, &mut random)).expect("what we encode is a body");
    assert_eq!(decoded.content, content);
    assert_eq!(decoded.trailers.as_ref(), trailers);
    assert_eq!((decoded.used, decoded.is_whole), (len, is_delimited));
}
