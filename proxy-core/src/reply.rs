//! The answers that we write ourselves: short text that a person can act on, with `Proxy-Status` (RFC 9209).

use crate::exchange::verdict::Failure;
use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// What a reply needs to know besides the failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyContext {
    /// Named in the text, when it may be.
    pub(crate) endpoint: Option<SocketAddr>,
    /// The request's id.
    pub(crate) id: u64,
    /// Whether the connection goes on.
    pub(crate) keep_alive: bool,
    /// The client speaks 1.0, where a connection goes on only if both say so (RFC 9112 §9.3).
    pub(crate) to_http10: bool,
    /// The request was a HEAD: no content (RFC 9110 §9.3.2).
    pub(crate) to_head: bool,
}

/// Seconds after which a client may try again what we chose not to try.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Writes the whole reply and returns its content's length.
pub(crate) fn write_reply(out: &mut Vec<u8>, failure: &Failure, context: ReplyContext) -> usize {
    let status = failure.status();
    let mut text = failure.text(context.endpoint);
    text.push('\n');
    out.reserve(384 + text.len());
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nProxy-Status: weir; error={}\r\nX-Request-Id: {:016x}\r\n",
        phrase(status),
        text.len(),
        failure.proxy_status(),
        context.id,
    );
    out.extend_from_slice(head.as_bytes());
    if status == 503 {
        out.extend_from_slice(format!("Retry-After: {RETRY_AFTER_SECONDS}\r\n").as_bytes());
    }
    match (context.keep_alive, context.to_http10) {
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, false) => {}
    }
    out.extend_from_slice(b"\r\n");
    if context.to_head {
        return 0;
    }
    out.extend_from_slice(text.as_bytes());
    text.len()
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
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::NetError;

    fn reply(failure: &Failure, keep_alive: bool, to_head: bool) -> alloc::string::String {
        let endpoint = Some("127.0.0.1:9001".parse().unwrap());
        let mut out = Vec::new();
        let context = ReplyContext { endpoint, id: 7, keep_alive, to_http10: false, to_head };
        write_reply(&mut out, failure, context);
        alloc::string::String::from_utf8(out).unwrap()
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
        let context =
            ReplyContext { endpoint: None, id: 7, keep_alive: true, to_http10: true, to_head: false };
        let mut out = Vec::new();
        write_reply(&mut out, &Failure::UpstreamReset, context);
        assert!(out.windows(26).any(|window| window == b"\r\nConnection: keep-alive\r\n"), "{out:?}");
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
}
