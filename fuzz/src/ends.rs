//! Reads a head as a connection does, in whatever pieces it arrives, and compares the ways.

use bytes::Bytes;
use proxy_core::http::{BadHead, HeadKind, HeadScanner, RequestHead, ResponseHead};

use crate::{LIMITS, split};

/// A head of either kind that was accepted, or a rule that was broken.
pub type Verdict<H> = Result<Option<H>, BadHead>;

/// Feeds `octets` in every way that `split` knows, and insists that they agree: on the head, on where it
/// ends, or on there being none. Returns the head and where it begins and ends.
///
/// Only *whether* a head is refused must agree: of several faults, the one that is seen first depends on how
/// much is there to be seen.
pub fn in_every_way<H: PartialEq + std::fmt::Debug>(
    octets: &[u8],
    kind: HeadKind,
    parse: impl Fn(Bytes) -> Result<H, BadHead>,
) -> Verdict<(H, usize, usize)> {
    let read = |pieces: &[&[u8]]| match find(pieces, kind)? {
        Some((start, end)) => {
            parse(Bytes::copy_from_slice(&octets[start..end])).map(|head| Some((head, start, end)))
        }
        None => Ok(None),
    };
    let whole = read(&[octets]);
    for pieces in split::all(octets) {
        let split = read(&pieces);
        match (&whole, &split) {
            (Ok(whole), Ok(split)) => assert_eq!(whole, split, "in pieces {pieces:?}"),
            (Err(_), Err(_)) => {}
            _ => panic!("whole: {whole:?}, but in pieces: {split:?}\n{pieces:?}"),
        }
    }
    whole
}

/// The short way must find what the long way finds, and leave the rest alone.
pub fn short_way_agrees<H: PartialEq + std::fmt::Debug>(
    octets: &[u8],
    long: &Verdict<(H, usize, usize)>,
    parse_front: impl Fn(&mut Bytes) -> Verdict<H>,
) {
    let mut input = Bytes::copy_from_slice(octets);
    match (parse_front(&mut input), long) {
        (Ok(Some(head)), Ok(Some((expected, 0, end)))) => {
            assert_eq!(&head, expected);
            assert_eq!(input, octets[*end..], "what follows a head is not its own");
        }
        (Ok(Some(head)), _) => panic!("the short way found {head:?}, the long way {long:?}"),
        (Err(_), Err(_)) | (Ok(None), _) => assert_eq!(input, octets),
        (Err(bad), Ok(_)) => panic!("the short way refused ({bad:?}) what the long way did not: {long:?}"),
    }
}

/// Parses a whole request head.
pub fn parse_request(raw: Bytes) -> Result<RequestHead, BadHead> {
    RequestHead::parse(raw, &LIMITS)
}

/// Parses a whole response head.
pub fn parse_response(to_head: bool) -> impl Fn(Bytes) -> Result<ResponseHead, BadHead> {
    move |raw| ResponseHead::parse(raw, to_head, &LIMITS)
}

/// Where the first head in `pieces` begins, behind empty lines, and ends.
fn find(pieces: &[&[u8]], kind: HeadKind) -> Verdict<(usize, usize)> {
    let mut scanner = HeadScanner::default();
    let mut buf = Vec::new();
    let mut skipped = 0;
    for piece in pieces {
        buf.extend_from_slice(piece);
        if kind == HeadKind::Request {
            let blank = scanner.blank_lines(&buf)?;
            buf.drain(..blank);
            skipped += blank;
        }
        if let Some(len) = scanner.feed(&buf, kind, &LIMITS)? {
            return Ok(Some((skipped, skipped + len)));
        }
    }
    Ok(None)
}
