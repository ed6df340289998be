//! The answers that we write ourselves: short text that a person can act on, with `Proxy-Status` (RFC 9209).

use crate::forward::HttpDate;
use crate::record::Reason;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What we answer, and why: whatever the request deserves, to whomever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: Reason,
    /// Field lines besides those that every answer of ours has.
    pub(crate) fields: Vec<(&'static str, Cow<'static, str>)>,
    /// The content, without a line end.
    pub(crate) text: String,
}

/// To whom it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyContext {
    /// The request's id.
    pub(crate) id: u64,
    /// Whether the connection goes on.
    pub(crate) keep_alive: bool,
    /// The client speaks 1.0, where a connection goes on only if both say so (RFC 9112 §9.3).
    pub(crate) to_http10: bool,
    /// The request was a HEAD: no content (RFC 9110 §9.3.2).
    pub(crate) to_head: bool,
    /// The time of day, if it is known.
    pub(crate) date: Option<HttpDate>,
}

/// Writes the whole reply and returns its content's length.
pub(crate) fn write_reply(out: &mut Vec<u8>, answer: &Answer, context: ReplyContext) -> usize {
    let Answer { status, fields, text, .. } = answer;
    let length = text.len() + 1;
    out.reserve(384 + length);
    let mut line = |line: &str| out.extend_from_slice(line.as_bytes());
    line(&format!("HTTP/1.1 {status} {}\r\n", phrase(*status)));
    line(&format!("Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n"));
    for (name, value) in fields {
        line(&format!("{name}: {value}\r\n"));
    }
    if let Some(date) = context.date.as_ref().and_then(|date| core::str::from_utf8(date.as_bytes()).ok()) {
        line(&format!("Date: {date}\r\n"));
    }
    line(&format!("X-Request-Id: {:016x}\r\n", context.id));
    match (context.keep_alive, context.to_http10) {
        (false, _) => line("Connection: close\r\n"),
        (true, true) => line("Connection: keep-alive\r\n"),
        (true, false) => {}
    }
    line("\r\n");
    if context.to_head {
        return 0;
    }
    line(text);
    line("\n");
    length
}

const fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        508 => "Loop Detected",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::verdict::Failure;
    use crate::input::NetError;
    use alloc::vec;

    fn reply(failure: &Failure, keep_alive: bool, to_head: bool) -> String {
        let endpoint = Some("127.0.0.1:9001".parse().unwrap());
        let context = ReplyContext { id: 7, keep_alive, to_http10: false, to_head, date: None };
        written(&failure.answer(endpoint), context)
    }

    fn written(answer: &Answer, context: ReplyContext) -> String {
        let mut out = Vec::new();
        write_reply(&mut out, answer, context);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_dead_upstream_is_explained_in_words() {
        let reply = reply(&Failure::Connect(NetError::Refused), true, false);
        assert!(reply.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{reply}");
        assert!(
            reply.ends_with("\r\n\r\nUpstream unavailable: connection refused (127.0.0.1:9001)\n"),
            "{reply}"
        );
        assert!(reply.contains("\r\nProxy-Status: weir; error=connection_refused\r\n"), "{reply}");
        assert!(reply.contains("\r\nContent-Length: 58\r\n"), "{reply}");
        assert!(!reply.contains("Connection: close"), "{reply}");
    }

    #[test]
    fn a_reply_tells_a_1_0_client_that_its_connection_goes_on() {
        let context = ReplyContext { id: 7, keep_alive: true, to_http10: true, to_head: false, date: None };
        let reply = written(&Failure::UpstreamReset.answer(None), context);
        assert!(reply.contains("\r\nConnection: keep-alive\r\n"), "{reply}");
    }

    #[test]
    fn a_reply_to_head_has_the_length_but_not_the_text() {
        let reply = reply(&Failure::Connect(NetError::Refused), false, true);
        assert!(reply.contains("\r\nContent-Length: 58\r\n"), "{reply}");
        assert!(reply.ends_with("\r\nConnection: close\r\n\r\n"), "{reply}");
    }

    #[test]
    fn what_we_chose_not_to_try_may_be_tried_again() {
        assert!(reply(&Failure::QueueFull, true, false).contains("\r\nRetry-After: 1\r\n"));
    }
    #[test]
    fn any_answer_can_be_written() {
        let fields = vec![("Location", "https://example.com/".into())];
        let answer = Answer { status: 200, reason: Reason::Ok, fields, text: "Elsewhere".into() };
        let context = ReplyContext { id: 7, keep_alive: true, to_http10: false, to_head: false, date: None };
        assert_eq!(
            written(&answer, context),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\
             Location: https://example.com/\r\nX-Request-Id: 0000000000000007\r\n\r\nElsewhere\n"
        );
    }
}
