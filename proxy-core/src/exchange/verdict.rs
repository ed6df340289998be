//! What a failure means: whose it is, which status it deserves, what the log calls it. Pure tables.

use crate::http::{BadBody, BadHead};
use crate::input::NetError;
use crate::record::{Cause, Flags, Phase, Reason};
use crate::time::Timer;
use alloc::format;
use alloc::string::String;
use core::net::SocketAddr;

/// How an exchange failed, named after the rule or limit broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Timeout(Timer),
    Connect(NetError),
    UpstreamReset,
    UpstreamClosedEarly,
    BadResponseHead(BadHead),
    BadResponseBody(BadBody),
    /// Octets before the first of the request left us.
    UnaskedResponse,
    /// 101 without having been asked.
    UnaskedSwitch,
    NoEndpoint,
    QueueFull,
    NoRoute,
    BadRequestHead(BadHead),
    BadRequestBody(BadBody),
    BodyTooLarge {
        limit: u64,
    },
    ClientGone,
    /// TRACE or OPTIONS with Max-Forwards 0: we are the final recipient (RFC 9110 §7.6.2). No failure, but an answer of
    /// ours all the same. A TRACE is not reflected: that would show a script the cookies that it may not read.
    LastHop,
}

impl Failure {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Timeout(Timer::Drain) => Reason::Draining,
            Self::Timeout(timer) => Reason::Timeout(*timer),
            Self::Connect(NetError::Refused | NetError::Reset) => Reason::ConnectRefused,
            Self::Connect(NetError::TimedOut) => Reason::Timeout(Timer::Connect),
            Self::Connect(NetError::Exhausted) => Reason::ConnectExhausted,
            Self::Connect(NetError::Unreachable | NetError::Other) => Reason::ConnectUnreachable,
            Self::UpstreamReset => Reason::UpstreamReset,
            Self::UpstreamClosedEarly => Reason::UpstreamClosedEarly,
            Self::BadResponseHead(bad) if bad.is_too_large() => Reason::UpstreamHeadTooLarge,
            Self::BadResponseHead(_)
            | Self::BadResponseBody(_)
            | Self::UnaskedResponse
            | Self::UnaskedSwitch => Reason::UpstreamBadResponse,
            Self::NoEndpoint => Reason::NoHealthyEndpoint,
            Self::QueueFull => Reason::QueueFull,
            Self::NoRoute => Reason::NoRoute,
            Self::BadRequestHead(bad) if bad.is_too_large() => Reason::RequestTooLarge,
            Self::BadRequestHead(_) | Self::BadRequestBody(_) => Reason::BadRequest,
            Self::BodyTooLarge { .. } => Reason::RequestTooLarge,
            Self::ClientGone => Reason::ClientAborted,
            Self::LastHop => Reason::Ok,
        }
    }

    /// The status that it deserves while none was sent: client late 408, upstream late 504, upstream dead or wrong
    /// 502, we chose not to try 503 (RFC 9110 §15.5.9, §15.6.3–5). 499 is for the log only.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Timeout(Timer::ClientHead | Timer::ClientBody | Timer::ClientWrite) => 408,
            Self::Timeout(Timer::Queue | Timer::Drain) => 503,
            Self::Timeout(_) | Self::Connect(NetError::TimedOut) => 504,
            Self::Connect(_)
            | Self::UpstreamReset
            | Self::UpstreamClosedEarly
            | Self::BadResponseHead(_)
            | Self::BadResponseBody(_)
            | Self::UnaskedResponse
            | Self::UnaskedSwitch => 502,
            Self::NoEndpoint | Self::QueueFull => 503,
            Self::NoRoute => 404,
            Self::BadRequestHead(bad) => bad.status(),
            Self::BadRequestBody(_) => 400,
            Self::BodyTooLarge { .. } => 413,
            Self::ClientGone => 499,
            Self::LastHop => 200,
        }
    }

    /// Who ended it, and in which phase it was.
    pub(crate) fn flags(&self, phase: Phase) -> Flags {
        let phase = match self {
            Self::Timeout(Timer::ClientHead) => Phase::Request,
            Self::Timeout(Timer::ClientBody | Timer::ClientWrite | Timer::UpstreamWrite) => Phase::Data,
            Self::Timeout(Timer::Total) => Phase::Total,
            Self::Connect(_) => Phase::Connect,
            Self::LastHop => Phase::Done,
            _ => phase,
        };
        Flags { cause: self.cause(), phase }
    }

    const fn cause(&self) -> Cause {
        match self {
            Self::Timeout(
                Timer::ClientHead
                | Timer::ClientBody
                | Timer::ClientWrite
                | Timer::ClientKeepAlive
                | Timer::Linger,
            ) => Cause::ClientTimeout,
            Self::Timeout(Timer::Drain) => Cause::Killed,
            Self::Timeout(_) | Self::Connect(NetError::TimedOut) => Cause::ServerTimeout,
            Self::Connect(NetError::Exhausted) => Cause::Resource,
            Self::Connect(_)
            | Self::UpstreamReset
            | Self::UpstreamClosedEarly
            | Self::BadResponseHead(_)
            | Self::BadResponseBody(_)
            | Self::UnaskedResponse
            | Self::UnaskedSwitch
            | Self::NoEndpoint
            | Self::QueueFull => Cause::Server,
            Self::NoRoute | Self::BadRequestHead(_) | Self::BadRequestBody(_) | Self::BodyTooLarge { .. } => {
                Cause::Proxy
            }
            Self::ClientGone => Cause::Client,
            Self::LastHop => Cause::Nobody,
        }
    }

    /// The error type of RFC 9209 §2.3; `None` for what is not a proxy error in its sense.
    pub(crate) fn proxy_status(&self) -> &'static str {
        match self {
            Self::Timeout(Timer::Connect) | Self::Connect(NetError::TimedOut) => "connection_timeout",
            Self::Timeout(Timer::UpstreamWrite) => "connection_write_timeout",
            Self::Timeout(Timer::UpstreamRead) => "connection_read_timeout",
            Self::Timeout(Timer::Queue) | Self::QueueFull => "connection_limit_reached",
            Self::Timeout(Timer::ClientHead | Timer::ClientBody | Timer::ClientWrite) => "http_request_error",
            Self::Timeout(Timer::Drain) | Self::NoEndpoint => "destination_unavailable",
            Self::Timeout(_) => "http_response_timeout",
            Self::Connect(NetError::Refused | NetError::Reset) => "connection_refused",
            Self::Connect(NetError::Unreachable | NetError::Other) => "destination_ip_unroutable",
            Self::Connect(NetError::Exhausted) => "proxy_internal_error",
            Self::UpstreamReset => "connection_terminated",
            Self::UpstreamClosedEarly => "http_response_incomplete",
            Self::BadResponseHead(bad) if bad.is_too_large() => "http_response_header_section_size",
            Self::BadResponseHead(_) | Self::BadResponseBody(_) | Self::UnaskedResponse => {
                "http_protocol_error"
            }
            Self::UnaskedSwitch => "http_upgrade_failed",
            Self::NoRoute => "destination_not_found",
            Self::BadRequestHead(_) | Self::BadRequestBody(_) | Self::ClientGone => "http_request_error",
            Self::BodyTooLarge { .. } => "http_request_denied",
            Self::LastHop => "proxy_internal_response",
        }
    }

    /// One sentence that a person can act on. `endpoint` is named when it is given.
    pub(crate) fn text(&self, endpoint: Option<SocketAddr>) -> String {
        let at = endpoint.map_or_else(String::new, |addr| format!(" ({addr})"));
        match self {
            Self::Timeout(timer) => timeout_text(*timer, &at),
            Self::Connect(error) => format!("Upstream unavailable: {}{at}", connect_text(*error)),
            Self::UpstreamReset => format!("Upstream failed: it reset the connection before answering{at}"),
            Self::UpstreamClosedEarly => {
                format!("Upstream failed: it closed the connection before answering{at}")
            }
            Self::BadResponseHead(bad) => format!("Upstream sent a bad response: {bad}{at}"),
            Self::BadResponseBody(bad) => format!("Upstream sent a bad response: {bad}{at}"),
            Self::UnaskedResponse => {
                format!("Upstream sent a bad response: it answered before it was asked{at}")
            }
            Self::UnaskedSwitch => format!("Upstream sent a bad response: it switched protocols unasked{at}"),
            Self::NoEndpoint => "No upstream server is configured for this request".into(),
            Self::QueueFull => "Too many requests are waiting for the upstream".into(),
            Self::NoRoute => "No route matches this host and path".into(),
            Self::BadRequestHead(bad) => format!("Bad request: {bad}"),
            Self::BadRequestBody(bad) => format!("Bad request: {bad}"),
            Self::BodyTooLarge { limit } => format!("The request body is larger than {limit} octets"),
            Self::ClientGone => "The client left".into(),
            Self::LastHop => "Max-Forwards ends at this proxy".into(),
        }
    }
}

const fn connect_text(error: NetError) -> &'static str {
    match error {
        NetError::Refused => "connection refused",
        NetError::Unreachable => "no route to it",
        NetError::Reset => "connection reset while connecting",
        NetError::TimedOut => "connecting took too long",
        NetError::Exhausted => "the proxy is out of descriptors, ports or memory",
        NetError::Other => "connecting failed",
    }
}

fn timeout_text(timer: Timer, at: &str) -> String {
    match timer {
        Timer::ClientHead => "The request head took too long (client.head)".into(),
        Timer::ClientBody => "The request body took too long (client.body)".into(),
        Timer::ClientWrite => "The client did not take its response (client.write)".into(),
        Timer::Queue => "No connection to the upstream became free in time (queue)".into(),
        Timer::Connect => format!("Upstream timed out: connecting took too long (connect){at}"),
        Timer::UpstreamWrite => format!("Upstream timed out: it did not take the request (write){at}"),
        Timer::UpstreamRead => format!("Upstream timed out: it did not answer (read){at}"),
        Timer::UpstreamHead => format!("Upstream timed out: its response head took too long (head){at}"),
        Timer::Total => format!("The request took too long in all (total){at}"),
        Timer::StreamIdle => format!("Nothing moved on the stream (stream.idle){at}"),
        Timer::ClientKeepAlive | Timer::Linger | Timer::UpstreamKeepAlive => {
            "An idle connection was closed".into()
        }
        Timer::Drain => "This proxy is shutting down".into(),
    }
}

/// Whether a request may be sent again on a fresh connection after a reused one died without a single octet of
/// response. `untouched`: no octet of it left us, so any method may; otherwise only an idempotent one
/// (RFC 9110 §9.2.2). `at_hand`: all of it is still held.
pub(crate) const fn may_replay(idempotent: bool, untouched: bool, at_hand: bool) -> bool {
    at_hand && (untouched || idempotent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_late_picks_the_status() {
        let status = |timer| Failure::Timeout(timer).status();
        for timer in [Timer::ClientHead, Timer::ClientBody] {
            assert_eq!(status(timer), 408, "{timer:?}");
        }
        for timer in
            [Timer::Connect, Timer::UpstreamWrite, Timer::UpstreamRead, Timer::UpstreamHead, Timer::Total]
        {
            assert_eq!(status(timer), 504, "{timer:?}");
        }
        assert_eq!(status(Timer::Queue), 503);
        assert_eq!(Failure::Connect(NetError::Refused).status(), 502);
        assert_eq!(Failure::Connect(NetError::TimedOut).status(), 504);
    }

    #[test]
    fn the_two_letters_say_who_and_where() {
        let letters = |failure: Failure, phase| failure.flags(phase).letters();
        assert_eq!(letters(Failure::Timeout(Timer::ClientHead), Phase::Request), *b"cR");
        assert_eq!(letters(Failure::Timeout(Timer::ClientBody), Phase::Head), *b"cD");
        assert_eq!(letters(Failure::Timeout(Timer::Queue), Phase::Queue), *b"sQ");
        assert_eq!(letters(Failure::Timeout(Timer::Connect), Phase::Connect), *b"sC");
        assert_eq!(letters(Failure::Timeout(Timer::UpstreamWrite), Phase::Head), *b"sD");
        assert_eq!(letters(Failure::Timeout(Timer::UpstreamRead), Phase::Head), *b"sH");
        assert_eq!(letters(Failure::Timeout(Timer::UpstreamRead), Phase::Data), *b"sD");
        assert_eq!(letters(Failure::Timeout(Timer::Total), Phase::Head), *b"sT");
        assert_eq!(letters(Failure::Connect(NetError::Refused), Phase::Connect), *b"SC");
        assert_eq!(letters(Failure::ClientGone, Phase::Data), *b"CD");
    }

    #[test]
    fn only_what_is_at_hand_and_safe_is_sent_again() {
        assert!(may_replay(true, false, true));
        assert!(may_replay(false, true, true));
        assert!(!may_replay(false, false, true));
        assert!(!may_replay(true, false, false));
    }
}
