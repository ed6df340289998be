//! What holds for every input.

use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{BodyEncoder, Fields, Framing, Version};
use super::bodies::decode;
use super::{LIMITS, find_head, read_request, read_response};
use crate::http::{HeadKind, RequestHead, ResponseHead};

/// Octets that look enough like HTTP to come far.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

const WORDS: [&str; 34] = [
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST http://a/ HTTP/1.1\r\nHost: a\r\n",
    "GET ",
    "/",
    "http://a",
    " HTTP/1.1",
    " HTTP/1.0",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204",
    "HTTP/1.0 304 ",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "Host: b",
    "Content-Length: ",
    "Transfer-Encoding: chunked",
    "Connection: close, x",
    "Upgrade: y",
    "Expect: 100-continue",
    "TE: trailers",
    "X: y",
    ":",
    " ",
    "\t",
    "5\r\nhello\r\n",
    "0\r\n",
    "1",
    "0",
    "f",
    ";",
    "_",
    "\0",
    "\u{fc}",
];

/// Cuts `octets` at `cuts`, taken round its length.
fn cut<'a>(octets: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (octets.len() + 1)).collect();
    places.extend([0, octets.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &octets[ends[0]..ends[1]]).collect()
}

fn same_lines(theirs: &[httparse::Header<'_>], ours: &Fields, head: &[u8]) -> Result<(), TestCaseError> {
    let theirs: Vec<_> = theirs.iter().map(|line| (line.name.as_bytes(), line.value)).collect();
    let ours: Vec<_> = ours.all(head).map(|field| (field.name_bytes(head), field.value(head))).collect();
    prop_assert_eq!(theirs, ours);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_a_parser_panic(octets in prop_oneof![nearly_http(), prop::collection::vec(any::<u8>(), 0..200)]) {
        let raw = Bytes::from(octets.clone());
        let _ = RequestHead::parse(raw.clone(), &LIMITS);
        let _ = ResponseHead::parse(raw.clone(), false, &LIMITS);
        let _ = ResponseHead::parse(raw, true, &LIMITS);
        let _ = decode(Framing::Chunked, &[&octets]);
    }

    #[test]
    fn what_is_accepted_does_not_depend_on_how_it_arrives(octets in nearly_http(), step in 1usize..40) {
        prop_assert_eq!(
            read_request(&octets, octets.len().max(1), &LIMITS).ok(),
            read_request(&octets, step, &LIMITS).ok()
        );
        prop_assert_eq!(
            read_response(&octets, octets.len().max(1), &LIMITS).ok(),
            read_response(&octets, step, &LIMITS).ok()
        );
    }

    #[test]
    fn a_head_that_parses_is_one_that_the_scanner_finds(octets in nearly_http()) {
        let raw = Bytes::from(octets.clone());
        if RequestHead::parse(raw.clone(), &LIMITS).is_ok() {
            prop_assert_eq!(find_head(&octets, 1, HeadKind::Request, &LIMITS), Ok(Some(raw.clone())));
        }
        if ResponseHead::parse(raw.clone(), false, &LIMITS).is_ok() {
            prop_assert_eq!(find_head(&octets, 1, HeadKind::Response, &LIMITS), Ok(Some(raw)));
        }
    }

    #[test]
    fn the_short_way_finds_what_the_long_way_finds_and_no_more(octets in nearly_http()) {
        let mut input = Bytes::from(octets.clone());
        match RequestHead::parse_front(&mut input, &LIMITS) {
            Ok(Some(head)) => {
                prop_assert_eq!(&[head.raw(), &input[..]].concat(), &octets);
                prop_assert_eq!(read_request(&octets, 1, &LIMITS), Ok(Some(head)));
            }
            Ok(None) | Err(_) => prop_assert_eq!(&input[..], &octets[..]),
        }
        let mut input = Bytes::from(octets.clone());
        match ResponseHead::parse_front(&mut input, false, &LIMITS) {
            Ok(Some(head)) => {
                prop_assert_eq!(&[head.raw(), &input[..]].concat(), &octets);
                prop_assert_eq!(read_response(&octets, 1, &LIMITS), Ok(Some(head)));
            }
            Ok(None) | Err(_) => prop_assert_eq!(&input[..], &octets[..]),
        }
    }

    #[test]
    fn an_accepted_head_keeps_the_grammar_by_our_own_reading(octets in nearly_http()) {
        let Ok(head) = RequestHead::parse(octets.into(), &LIMITS) else { return Ok(()) };
        let raw = head.raw();
        prop_assert!(head.target_bytes().iter().all(|octet| (0x21..0x7f).contains(octet)));
        let mut at = head.fields().start();
        for field in head.fields().all(raw) {
            prop_assert_eq!(field.start(), at);
            at = field.end();
            prop_assert!(raw[field.start()..field.end()].ends_with(b"\r\n"));
            prop_assert!(super::super::grammar::is_token(field.name_bytes(raw)));
            prop_assert!(!field.value(raw).iter().any(|octet| matches!(octet, 0..=8 | 10..=31 | 127)));
        }
        prop_assert_eq!(&raw[at..], b"\r\n");
    }

    #[test]
    fn a_second_parser_reads_the_same_lines(octets in nearly_http()) {
        if let Ok(head) = RequestHead::parse(octets.clone().into(), &LIMITS) {
            let mut lines = [httparse::EMPTY_HEADER; 100];
            let mut theirs = httparse::Request::new(&mut lines);
            prop_assert_eq!(theirs.parse(head.raw()), Ok(httparse::Status::Complete(head.raw().len())));
            prop_assert_eq!(theirs.method.map(str::as_bytes), Some(head.method_bytes()));
            prop_assert_eq!(theirs.path.map(str::as_bytes), Some(head.target_bytes()));
            prop_assert_eq!(theirs.version == Some(1), head.version() == Version::Http11);
            same_lines(theirs.headers, head.fields(), head.raw())?;
        }
        if let Ok(head) = ResponseHead::parse(octets.into(), false, &LIMITS) {
            let mut lines = [httparse::EMPTY_HEADER; 100];
            let mut theirs = httparse::Response::new(&mut lines);
            prop_assert_eq!(theirs.parse(head.raw()), Ok(httparse::Status::Complete(head.raw().len())));
            prop_assert_eq!(theirs.code, Some(head.status()));
            prop_assert_eq!(theirs.version == Some(1), head.version() == Version::Http11);
            same_lines(theirs.headers, head.fields(), head.raw())?;
        }
    }

    #[test]
    fn any_split_of_a_chunked_body_decodes_alike(
        octets in nearly_http(), cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        prop_assert_eq!(decode(Framing::Chunked, &cut(&octets, &cuts)), decode(Framing::Chunked, &[&octets]));
    }

    #[test]
    fn what_is_encoded_in_any_chunks_decodes_to_itself_at_any_split(
        content in prop::collection::vec(any::<u8>(), 0..400),
        chunks in prop::collection::vec(any::<usize>(), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        for framing in [Framing::Chunked, Framing::Length(content.len() as u64), Framing::Close] {
            let encoder = BodyEncoder::new(framing);
            let mut out = Vec::new();
            for piece in cut(&content, &chunks) {
                encoder.data(Bytes::copy_from_slice(piece), &mut out);
            }
            encoder.end(None, &mut out);
            let decoded = decode(framing, &cut(&out, &cuts)).unwrap();
            prop_assert_eq!(&decoded.content, &content);
            prop_assert!(decoded.rest.is_empty());
            prop_assert_eq!(decoded.finished, framing != Framing::Close);
        }
    }
}
