//! Bodies: where they end, what is refused in them, and that no split of the input matters.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use super::super::BadHead;
use super::super::{BadBody, BodyDecoder, BodyEncoder, Framing, HeadKind, Piece, Truncated};
use super::wire;

/// What a decoder made of some input: content, trailer lines, and what it left for the next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) content: Vec<u8>,
    pub(super) trailers: Option<Bytes>,
    pub(super) rest: Vec<u8>,
    pub(super) finished: bool,
}

/// Feeds `parts` one after the other.
pub(super) fn decode(framing: Framing, parts: &[&[u8]]) -> Result<Decoded, BadBody> {
    let mut decoder = BodyDecoder::new(framing);
    let mut decoded = Decoded { content: Vec::new(), trailers: None, rest: Vec::new(), finished: false };
    for part in parts {
        let mut input = Bytes::copy_from_slice(part);
        loop {
            match decoder.decode(&mut input)? {
                Piece::Data(data) => {
                    assert!(!data.is_empty(), "an empty piece would be a chunk that ends the body");
                    decoded.content.extend_from_slice(&data);
                }
                Piece::NeedMore => {
                    assert!(input.is_empty(), "all input is used up before more is asked for");
                    break;
                }
                Piece::End(trailers) => {
                    assert!(decoder.is_finished());
                    if let Some(trailers) = trailers {
                        decoded.trailers = Some(trailers.lines().clone());
                    }
                    break;
                }
            }
        }
        decoded.rest.extend_from_slice(&input);
    }
    decoded.finished = decoder.is_finished();
    Ok(decoded)
}

/// Whole, octet by octet, split in two at every place, and with the next message behind.
fn decode_in_every_way(framing: Framing, octets: &[u8]) -> Result<Decoded, BadBody> {
    let shown = String::from_utf8_lossy(octets);
    let whole = decode(framing, &[octets]);
    let single: Vec<&[u8]> = octets.chunks(1).collect();
    assert_eq!(decode(framing, &single), whole, "octet by octet: {shown:?}");
    for at in 0..octets.len() {
        let (front, back) = octets.split_at(at);
        assert_eq!(decode(framing, &[front, back]), whole, "split at {at}: {shown:?}");
    }
    if let Ok(Decoded { finished: true, .. }) = &whole {
        let next = b"GET / HTTP/1.1\r\n\r\n";
        let behind = decode(framing, &[&[octets, next].concat()]).unwrap();
        assert_eq!(behind.rest, [&whole.clone().unwrap().rest[..], next].concat(), "{shown:?}");
        assert_eq!(behind.content, whole.clone().unwrap().content, "{shown:?}");
    }
    whole
}

#[test]
fn chunked_bodies_end_where_their_last_chunk_says() {
    let cases = [
        ("0||", "", None),
        ("5|hello|0||", "hello", None),
        ("5|hello|6| world|0||", "hello world", None),
        ("A|0123456789|0||", "0123456789", None),
        ("a|0123456789|000||", "0123456789", None),
        ("0000000000000001|x|0||", "x", None),
        ("4|\r\n\r\n|0||", "\r\n\r\n", None),
        ("1;name=value|x|0;last||", "x", None),
        ("1 ;a=b|x|0||", "x", None),
        ("1\t |x|0  ||", "x", None),
        ("1 ; a = \"b;c\" \t;d |x|0||", "x", None),
        ("1;a;b=c;d=\"e\\\"f\"|x|0||", "x", None),
        ("1|x|0|Digest: y||", "x", Some("Digest: y|")),
        ("0|A: b|a: c||", "", Some("A: b|a: c|")),
        ("0|Content-Length: 5||", "", None),
        ("0|X: y|Transfer-Encoding: chunked|Host: a|Content-Type: b|Z:||", "", Some("X: y|Z:|")),
        ("0|Connection: x|Trailer: y|Set-Cookie: z|AUTHORIZATION: b|If-Match: c||", "", None),
        ("0|X-Forwarded-For: x|Content_Length: 5||", "", None),
    ];
    for (text, content, trailers) in cases {
        let decoded = decode_in_every_way(Framing::Chunked, &wire(text)).unwrap();
        assert_eq!(decoded.content, wire(content), "{text:?}");
        assert_eq!(decoded.trailers, trailers.map(|lines| wire(lines).into()), "{text:?}");
        assert!(decoded.finished && decoded.rest.is_empty(), "{text:?}");
    }
}

#[test]
fn chunked_bodies_that_could_be_read_in_two_ways_are_refused() {
    let cases = [
        ("|", BadBody::BadChunkSize),
        (";a|", BadBody::BadChunkSize),
        ("x|", BadBody::BadChunkSize),
        ("-1|", BadBody::BadChunkSize),
        ("+1|", BadBody::BadChunkSize),
        (" 1|", BadBody::BadChunkSize),
        ("0x1|x", BadBody::BadChunkSize),
        ("1g|x", BadBody::BadChunkSize),
        ("1_0|x", BadBody::BadChunkSize),
        ("1,2|x", BadBody::BadChunkSize),
        ("1\0|x", BadBody::BadChunkSize),
        ("5|hello||0||", BadBody::BadChunkSize),
        ("1 0|x", BadBody::BadChunkSize),
        ("1\t0|x", BadBody::BadChunkSize),
        ("10000000000000000|", BadBody::ChunkSizeTooLarge),
        ("ffffffffffffffff", BadBody::ChunkSizeTooLarge),
        ("8000000000000000", BadBody::ChunkSizeTooLarge),
        ("1;|x|0||", BadBody::BadChunkExtension),
        ("1; |x|0||", BadBody::BadChunkExtension),
        ("1;a b|x|0||", BadBody::BadChunkExtension),
        ("1;a=|x|0||", BadBody::BadChunkExtension),
        ("1;a=b c|x|0||", BadBody::BadChunkExtension),
        ("1;a=b=c|x|0||", BadBody::BadChunkExtension),
        ("1;=b|x|0||", BadBody::BadChunkExtension),
        ("1;;a|x|0||", BadBody::BadChunkExtension),
        ("1;a=\"b|x|0||", BadBody::BadChunkExtension),
        ("1;a=\"b\"c|x|0||", BadBody::BadChunkExtension),
        ("1;a(b)|x|0||", BadBody::BadChunkExtension),
        ("00000000000000001|", BadBody::ChunkSizeTooLarge),
        ("1\nx", BadBody::BadChunkLineEnd),
        ("1\rx", BadBody::BadChunkLineEnd),
        ("1\r\rx", BadBody::BadChunkLineEnd),
        ("1;a\nx|0||", BadBody::BadChunkLineEnd),
        ("1;a\rb|x|0||", BadBody::BadChunkLineEnd),
        ("\n", BadBody::BadChunkLineEnd),
        ("1;a\0|x", BadBody::BadChunkExtension),
        ("1;\u{7f}|x", BadBody::BadChunkExtension),
        ("5|hello0||", BadBody::BadChunkEnd),
        ("5|hello world|0||", BadBody::BadChunkEnd),
        ("5|hello\n0||", BadBody::BadChunkEnd),
        ("5|hello\r\r\n0||", BadBody::BadChunkEnd),
        ("5|hello\rx0||", BadBody::BadChunkEnd),
        ("0\n\n", BadBody::BadChunkLineEnd),
        ("0|\n", BadBody::BadTrailer(BadHead::BareLf)),
        ("0|X: y\n|", BadBody::BadTrailer(BadHead::BareLf)),
        ("0|X: y\rz||", BadBody::BadTrailer(BadHead::BareCr)),
        ("0|X : y||", BadBody::BadTrailer(BadHead::SpaceBeforeColon)),
        ("0|X: y| z||", BadBody::BadTrailer(BadHead::ObsFold)),
        ("0|: y||", BadBody::BadTrailer(BadHead::EmptyFieldName)),
        ("0|GET / HTTP/1.1||", BadBody::BadTrailer(BadHead::NoColon)),
        ("0|X: \0||", BadBody::BadTrailer(BadHead::BadFieldValue)),
    ];
    for (text, rule) in cases {
        assert_eq!(decode_in_every_way(Framing::Chunked, &wire(text)), Err(rule), "{text:?}");
    }
}

#[test]
fn an_upstreams_chunk_extensions_do_not_matter_unless_it_is_strict() {
    let read = |kind, text: &str| {
        let mut input = Bytes::from(wire(text));
        BodyDecoder::of(Framing::Chunked, kind).decode(&mut input)
    };
    for text in ["1;|x", "1;a b|x", "1;a=|x"] {
        assert_eq!(read(HeadKind::Response, text), Ok(Piece::Data(Bytes::from_static(b"x"))), "{text:?}");
        assert_eq!(read(HeadKind::StrictResponse, text), Err(BadBody::BadChunkExtension), "{text:?}");
    }
    assert_eq!(read(HeadKind::StrictResponse, "1  |x"), Err(BadBody::BadChunkSize));
    assert!(read(HeadKind::StrictResponse, "1 ;a|x").is_ok());
    assert_eq!(read(HeadKind::Response, "1;a\0|x"), Err(BadBody::BadChunkExtension));
}

#[test]
fn chunk_lines_and_trailers_are_bounded() {
    let extension = |n: usize| format!("1;{}|x|0||", "e".repeat(n));
    assert!(decode(Framing::Chunked, &[&wire(&extension(252))]).is_ok());
    assert_eq!(decode(Framing::Chunked, &[&wire(&extension(253))]), Err(BadBody::ChunkLineTooLong));
    assert_eq!(decode(Framing::Chunked, &[&wire(&extension(5000))]), Err(BadBody::ChunkLineTooLong));
    let trailer = |n: usize| format!("0|X: {}||", "y".repeat(n));
    assert!(decode(Framing::Chunked, &[&wire(&trailer(8 * 1024 - 7))]).is_ok());
    assert_eq!(decode(Framing::Chunked, &[&wire(&trailer(8 * 1024 - 6))]), Err(BadBody::TrailersTooLong));
}

#[test]
fn a_sized_body_takes_its_length_and_leaves_the_rest() {
    let decoded = decode_in_every_way(Framing::Length(5), b"hello").unwrap();
    assert_eq!(decoded.content, b"hello");
    assert!(decoded.finished);
    assert_eq!(decode(Framing::Length(5), &[b"hello, world"]).unwrap().rest, b", world");
    assert_eq!(decode(Framing::Length(0), &[b"next"]).unwrap().rest, b"next");
    assert_eq!(decode(Framing::None, &[b"next"]).unwrap().rest, b"next");
    assert!(!decode_in_every_way(Framing::Length(6), b"hello").unwrap().finished);
    assert_eq!(decode(Framing::Length(u64::MAX), &[b"hello"]).unwrap().content, b"hello");
}

#[test]
fn the_close_of_a_connection_ends_one_kind_of_body_and_truncates_the_others() {
    let cases: [(Framing, &str, Result<(), Truncated>); 12] = [
        (Framing::None, "", Ok(())),
        (Framing::Close, "", Ok(())),
        (Framing::Close, "all of it", Ok(())),
        (Framing::Length(0), "", Ok(())),
        (Framing::Length(5), "hello", Ok(())),
        (Framing::Length(5), "hell", Err(Truncated)),
        (Framing::Length(5), "", Err(Truncated)),
        (Framing::Chunked, "", Err(Truncated)),
        (Framing::Chunked, "5|hello|", Err(Truncated)),
        (Framing::Chunked, "5|hello|0|", Err(Truncated)),
        (Framing::Chunked, "5|hello|0|X: y|", Err(Truncated)),
        (Framing::Chunked, "5|hello|0||", Ok(())),
    ];
    for (framing, text, at_close) in cases {
        let mut decoder = BodyDecoder::new(framing);
        let mut input = Bytes::from(wire(text));
        while let Piece::Data(_) = decoder.decode(&mut input).unwrap() {}
        assert_eq!(decoder.eof(), at_close, "{framing:?} {text:?}");
        assert_eq!(decoder.is_finished(), at_close.is_ok(), "{framing:?} {text:?}");
    }
}

#[test]
fn content_is_sliced_and_not_copied_and_used_up_input_is_let_go() {
    let mut input = Bytes::from(wire("5|hello|"));
    let buffer = input.as_ptr() as usize;
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let Ok(Piece::Data(data)) = decoder.decode(&mut input) else { unreachable!("there is content") };
    assert_eq!(data.as_ptr() as usize, buffer + 3);

    let mut input = data.slice(1..3);
    let mut decoder = BodyDecoder::new(Framing::Length(2));
    let Ok(Piece::Data(_)) = decoder.decode(&mut input) else { unreachable!("there is content") };
    assert_eq!(input.as_ptr(), Bytes::new().as_ptr(), "an empty remainder pins no buffer");
}

#[test]
fn each_framing_is_written_as_it_is_read() {
    let pieces = ["hello", "", " world, this is a longer piece"];
    let cases = [
        (Framing::Chunked, "5|hello|1e| world, this is a longer piece|0||"),
        (Framing::Length(35), "hello world, this is a longer piece"),
        (Framing::Close, "hello world, this is a longer piece"),
    ];
    for (framing, expected) in cases {
        let encoder = BodyEncoder::new(framing);
        let mut out = Vec::new();
        for piece in pieces {
            encoder.data(Bytes::from(piece), &mut out);
        }
        encoder.end(None, &mut out);
        assert_eq!(String::from_utf8_lossy(&out).replace("\r\n", "|"), expected);
    }
}

#[test]
fn trailers_are_passed_on_behind_the_last_chunk_only() {
    let mut input = Bytes::from(wire("0|X: y|Content-Length: 5||"));
    let Ok(Piece::End(trailers)) = BodyDecoder::new(Framing::Chunked).decode(&mut input) else {
        unreachable!("the body is whole")
    };
    let written = |framing| {
        let mut out = Vec::new();
        BodyEncoder::new(framing).end(trailers.as_ref(), &mut out);
        String::from_utf8_lossy(&out).to_string()
    };
    assert_eq!(written(Framing::Chunked), "0\r\nX: y\r\n\r\n");
    assert_eq!(written(Framing::Close), "");
}
