//! What peers were told, in the oracle's eyes: whole messages in order, and no part that passes for a whole.

use crate::oracle::{self, Body, Head, Read};

/// A client that said `given` was told `taken`. `ended_cleanly`: we sent FIN ourselves.
pub(crate) fn check_client(given: &[u8], taken: &[u8], ended_cleanly: bool) {
    let asked = requests(given);
    let mut rest = taken;
    let mut answered = 0;
    while !rest.is_empty() {
        let head = match oracle::response(rest) {
            Read::Whole(head) => head,
            Read::Incomplete => return assert!(!ended_cleanly, "a cut head ended cleanly: {}", shown(rest)),
            Read::Rejected(rule) => panic!("a client was told: {}\n{rule}", shown(rest)),
        };
        rest = &rest[head.len..];
        match head.status() {
            101 => return,
            100..=199 => continue,
            _ => {}
        }
        let request = asked.get(answered);
        let to_head = request.is_some_and(|request| request.method() == b"HEAD");
        if to_head && head.status() >= 400 && !head.list("connection").is_empty() {
            // The proxy may have refused what the oracle takes for HEAD; then its reply has content.
            return;
        }
        answered += 1;
        assert!(answered <= asked.len() + 1, "more answers than requests: {}", shown(taken));
        let body = oracle::response_body(&head, to_head).expect("an answer has one framing");
        let is_old = request.is_some_and(|request| request.minor == 0);
        assert!(body != Body::Close || is_old, "a client of HTTP/1.1 can be told the end of a body");
        assert!(body != Body::Chunked || !is_old, "HTTP/1.0 knows no chunks");
        match skip(rest, body) {
            Skipped::To(next) => rest = &rest[next..],
            Skipped::Beyond => return assert!(!ended_cleanly, "a cut body ended cleanly: {}", shown(taken)),
            Skipped::Bad(rule) => panic!("{rule}: {}", shown(rest)),
        }
    }
}

/// A server was told `taken`.
pub(crate) fn check_server(taken: &[u8]) {
    let mut rest = taken;
    while !rest.is_empty() {
        let head = match oracle::request(rest) {
            Read::Whole(head) => head,
            Read::Incomplete => return,
            Read::Rejected(rule) => panic!("a server was told: {}\n{rule}", shown(rest)),
        };
        if head.values("upgrade").next().is_some() {
            return;
        }
        assert_eq!(head.values("host").count(), 1);
        let body = oracle::request_body(&head).expect("a request has one framing");
        rest = &rest[head.len..];
        match skip(rest, body) {
            Skipped::To(next) => rest = &rest[next..],
            Skipped::Beyond => return,
            Skipped::Bad(rule) => panic!("{rule}: {}", shown(rest)),
        }
    }
}

/// The heads of what a client said, up to the first that is none.
fn requests(given: &[u8]) -> Vec<Head> {
    let mut heads = Vec::new();
    let mut rest = given;
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        let Read::Whole(head) = oracle::request(rest) else { return heads };
        let Ok(body) = oracle::request_body(&head) else { return heads };
        rest = &rest[head.len..];
        heads.push(head);
        match skip(rest, body) {
            Skipped::To(next) => rest = &rest[next..],
            Skipped::Beyond | Skipped::Bad(_) => return heads,
        }
    }
}

enum Skipped {
    /// The body ends here.
    To(usize),
    /// It ends behind all there is.
    Beyond,
    Bad(&'static str),
}

fn skip(octets: &[u8], body: Body) -> Skipped {
    match body {
        Body::None => Skipped::To(0),
        Body::Close => Skipped::To(octets.len()),
        Body::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= octets.len() => Skipped::To(length),
            _ => Skipped::Beyond,
        },
        Body::Chunked => match oracle::chunked(octets) {
            Read::Whole(chunks) => Skipped::To(chunks.len),
            Read::Incomplete => Skipped::Beyond,
            Read::Rejected(rule) => Skipped::Bad(rule),
        },
    }
}

fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}
