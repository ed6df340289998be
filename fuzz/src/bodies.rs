//! Decodes bodies as a connection does, in whatever pieces they arrive, and compares with the oracle.

use bytes::Bytes;
use proxy_core::http::{BadBody, BodyDecoder, Framing, HeadKind, Piece, Trailers};

use crate::oracle::{self, Body, Read};
use crate::split;

/// What was found of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its octets, without the framing.
    pub content: Vec<u8>,
    /// Its trailer section.
    pub trailers: Option<Trailers>,
    /// Whether its end was there.
    pub is_whole: bool,
    /// Octets taken.
    pub used: usize,
}

/// Decodes the body at the front of `pieces`, and insists on what holds for every decoder.
///
/// # Errors
/// The rule broken.
pub fn decode(framing: Framing, kind: HeadKind, pieces: &[&[u8]]) -> Result<Decoded, BadBody> {
    let mut decoder = BodyDecoder::of(framing, kind);
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

/// Decodes the body at the front of `octets` in every way that `split` knows: all must agree with one another and with
/// the oracle, for which it is framed as `body`.
///
/// # Errors
/// The rule broken; the oracle saw it, too.
pub fn in_every_way(
    framing: Framing,
    kind: HeadKind,
    body: Body,
    octets: &[u8],
) -> Result<Decoded, BadBody> {
    let whole = decode(framing, kind, &[octets]);
    for pieces in split::all(octets) {
        assert_eq!(decode(framing, kind, &pieces), whole, "in pieces {pieces:?}");
    }
    match (oracle::body(body, octets, kind != HeadKind::Request), &whole) {
        (Read::Whole((content, end)), Ok(found)) => {
            assert!(found.is_whole, "its end was missed");
            assert_eq!((&found.content, found.used), (&content, end));
        }
        (Read::Incomplete, Ok(found)) => assert!(!found.is_whole, "it ended before its end"),
        (Read::Rejected(_), Err(_)) => {}
        (oracle, ours) => panic!("the oracle says {oracle:?}, we say {ours:?}"),
    }
    whole
}
