//! How messages are worded: what clients ask and origins answer, as the script has it.

use crate::content::{Body, push_body};
use crate::script::{Answer, AnswerEnd, AnswerFraming, Client, Leave, Method, Request, RequestBody, Script};
use bytes::Bytes;
use std::fmt::Write;

/// A request as its client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) octets: Bytes,
    /// Where its body begins.
    pub(crate) head_len: usize,
}

pub(crate) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
    }
}

/// Content octets of a request.
pub(crate) fn request_octets(request: &Request) -> usize {
    match request.body {
        RequestBody::None => 0,
        RequestBody::Length(octets) | RequestBody::Chunked { octets, .. } => usize::from(octets),
    }
}

/// Whether the client says that this request is its last.
pub(crate) fn says_close(client: &Client, request: &Request, is_last: bool) -> bool {
    request.closes || (is_last && client.leave == Leave::HalfCloses)
}

/// Writes a request.
pub(crate) fn ask(id: u32, client: &Client, request: &Request, is_last: bool) -> Asked {
    let version = if client.http10 { "1.0" } else { "1.1" };
    let mut head = format!("{} /{id} HTTP/{version}\r\nHost: sim\r\n", method_name(request.method));
    match (says_close(client, request, is_last), client.http10) {
        (true, false) => head.push_str("Connection: close\r\n"),
        (false, true) => head.push_str("Connection: keep-alive\r\n"),
        (true, true) | (false, false) => {}
    }
    if request.padding > 0 {
        let _ = write!(head, "X-Padding: {}\r\n", "p".repeat(usize::from(request.padding)));
    }
    let body = framed_body(client, request);
    match body {
        RequestBody::None => {}
        RequestBody::Length(octets) => {
            let _ = write!(head, "Content-Length: {octets}\r\n");
        }
        RequestBody::Chunked { .. } => head.push_str("Transfer-Encoding: chunked\r\n"),
    }
    if expects(client, request) {
        head.push_str("Expect: 100-continue\r\n");
    }
    if request.smuggles {
        head.push_str("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n");
    }
    head.push_str("\r\n");
    let mut octets = head.into_bytes();
    let head_len = octets.len();
    match body {
        RequestBody::None => {}
        RequestBody::Length(n) => push_body(&mut octets, id, Body::Request, n.into(), None),
        RequestBody::Chunked { octets: n, chunk } => {
            push_body(&mut octets, id, Body::Request, n.into(), Some(chunk.into()));
        }
    }
    Asked { octets: octets.into(), head_len }
}

/// HTTP/1.0 has no chunks.
fn framed_body(client: &Client, request: &Request) -> RequestBody {
    match request.body {
        _ if request.smuggles => RequestBody::None,
        RequestBody::Chunked { octets, .. } if client.http10 => RequestBody::Length(octets),
        RequestBody::None if matches!(request.method, Method::Post | Method::Put) => RequestBody::Length(0),
        body => body,
    }
}

/// Whether the client waits for a 100.
pub(crate) fn expects(client: &Client, request: &Request) -> bool {
    request.expects && !client.http10 && !request.smuggles && request_octets(request) > 0
}

/// An answer as its origin sends it.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) octets: Bytes,
    pub(crate) lengths: Lengths,
}

/// Places in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// How many of its octets are sent before the end that the script wants.
    pub(crate) sent_max: usize,
    /// Where the final response's head ends.
    pub(crate) head_end: usize,
    /// Where the message ends.
    pub(crate) message_end: usize,
}

/// The status of an answer.
pub(crate) fn status(answer: &Answer) -> u16 {
    [200, 204, 304, 404, 500][usize::from(answer.status % 5)]
}

/// Content octets that the client should get.
pub(crate) fn content_len(answer: &Answer, method: Method) -> usize {
    if method == Method::Head || matches!(status(answer), 204 | 304) { 0 } else { usize::from(answer.octets) }
}

/// Whether the origin ends the connection after this answer.
pub(crate) fn ends_connection(answer: &Answer, method: Method) -> bool {
    answer.closes || (answer.framing == AnswerFraming::Close && content_len(answer, method) > 0)
}

/// Writes an answer.
pub(crate) fn answer(id: u32, method: Method, answer: &Answer, hint: u8, http10: bool) -> Answered {
    if answer.end == AnswerEnd::Garbage {
        let octets = Bytes::from_static(b"This is no HTTP at all.\r\n\r\n");
        let len = octets.len();
        return Answered { lengths: Lengths { sent_max: len, head_end: len, message_end: len }, octets };
    }
    let mut head = String::new();
    if answer.interim && !http10 {
        head.push_str("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    }
    let status = status(answer);
    let _ = write!(head, "HTTP/1.1 {status} Sim\r\nX-Id: {id}\r\n");
    let len = content_len(answer, method);
    let has_content = !matches!(status, 204 | 304) && method != Method::Head;
    let framing = if answer.framing == AnswerFraming::Close && len == 0 {
        AnswerFraming::Length
    } else {
        answer.framing
    };
    match framing {
        AnswerFraming::Length if status != 204 => {
            let _ = write!(head, "Content-Length: {}\r\n", answer.octets);
        }
        AnswerFraming::Chunked if has_content => head.push_str("Transfer-Encoding: chunked\r\n"),
        AnswerFraming::Length | AnswerFraming::Chunked | AnswerFraming::Close => {}
    }
    if ends_connection(answer, method) {
        head.push_str("Connection: close\r\n");
    } else if hint > 0 {
        let _ = write!(head, "Keep-Alive: timeout={hint}\r\n");
    }
    head.push_str("\r\n");
    let mut octets = head.into_bytes();
    let head_end = octets.len();
    if has_content {
        let chunk = if answer.chunk == 0 { usize::MAX } else { usize::from(answer.chunk) };
        push_body(&mut octets, id, Body::Response, len, (framing == AnswerFraming::Chunked).then_some(chunk));
    }
    let message_end = octets.len();
    let sent_max = match answer.end {
        AnswerEnd::Whole | AnswerEnd::Garbage => message_end,
        AnswerEnd::OverLong => {
            octets.extend_from_slice(b"HTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n");
            octets.len()
        }
        AnswerEnd::Hangs { at } | AnswerEnd::Fin { at } | AnswerEnd::Reset { at } => {
            usize::from(at) % message_end
        }
    };
    Answered { octets: octets.into(), lengths: Lengths { sent_max, head_end, message_end } }
}

/// The request that a target names.
pub(crate) fn id_of(target: &str) -> Option<u32> {
    target.strip_prefix('/')?.parse().ok()
}

/// Whether `id` is one that the script's clients use.
pub(crate) fn is_known(script: &Script, id: u32) -> bool {
    script
        .clients
        .get(Script::client_of(id))
        .is_some_and(|client| id < Script::id(Script::client_of(id), Script::count(client)))
}
