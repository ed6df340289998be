//! What a failure means: whose it is, which status it deserves, what the log and the client are told. One row for each.

use crate::flags::{Cause, Flags, Phase};
use crate::http::{BadBody, BadHead};
use crate::input::NetError;
use crate::record::Reason;
use crate::reply::Answer;
use crate::timeouts::{Limit, Timer};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
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

/// What a failure means.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The status that it deserves while none was sent: upstream dead or wrong 502, we chose not to try 503 (RFC 9110
    /// §15.6.3, §15.6.4); of a limit on waiting see [`Limit::status`]. 499 is for the log only.
    status: u16,
    reason: Reason,
    cause: Cause,
    /// In which phase it counts, if not in the one that the exchange has reached.
    phase: Option<Phase>,
    /// The error type in `Proxy-Status` (RFC 9209 §2.3).
    error: &'static str,
    /// One sentence that a person can act on. `{at}` is the endpoint, `{rule}` the rule or limit that was broken.
    text: &'static str,
}

impl Failure {
    #[rustfmt::skip]
    fn row(&self) -> Row {
        use Cause::{Client, Nobody, Proxy, Resource, Server};
        match self {
            Self::Timeout(timer) => Row::late(timer.limit()),
            Self::Connect(NetError::TimedOut) => Row::late(Timer::Connect.limit()),
            Self::Connect(NetError::Refused) => row(502, Reason::ConnectRefused, Server, "connection_refused",
                "Upstream unavailable: connection refused{at}").when(Phase::Connect),
            Self::Connect(NetError::Reset) => row(502, Reason::ConnectRefused, Server, "connection_refused",
                "Upstream unavailable: connection reset while connecting{at}").when(Phase::Connect),
            Self::Connect(NetError::Unreachable) => row(502, Reason::ConnectUnreachable, Server, "destination_ip_unroutable",
                "Upstream unavailable: no route to it{at}").when(Phase::Connect),
            Self::Connect(NetError::Other) => row(502, Reason::ConnectUnreachable, Server, "destination_ip_unroutable",
                "Upstream unavailable: connecting failed{at}").when(Phase::Connect),
            Self::Connect(NetError::Exhausted) => row(502, Reason::ConnectExhausted, Resource, "proxy_internal_error",
                "Upstream unavailable: the proxy is out of descriptors, ports or memory{at}").when(Phase::Connect),
            Self::UpstreamReset => row(502, Reason::UpstreamReset, Server, "connection_terminated",
                "Upstream failed: it reset the connection before answering{at}"),
            Self::UpstreamClosedEarly => row(502, Reason::UpstreamClosedEarly, Server, "http_response_incomplete",
                "Upstream failed: it closed the connection before answering{at}"),
            Self::BadResponseHead(bad) if bad.is_too_large() => row(502, Reason::UpstreamHeadTooLarge, Server,
                "http_response_header_section_size", "Upstream sent a bad response: {rule}{at}"),
            Self::BadResponseHead(_) | Self::BadResponseBody(_) => row(502, Reason::UpstreamBadResponse, Server,
                "http_protocol_error", "Upstream sent a bad response: {rule}{at}"),
            Self::UnaskedResponse => row(502, Reason::UpstreamBadResponse, Server, "http_protocol_error",
                "Upstream sent a bad response: it answered before it was asked{at}"),
            Self::UnaskedSwitch => row(502, Reason::UpstreamBadResponse, Server, "http_upgrade_failed",
                "Upstream sent a bad response: it switched protocols unasked{at}"),
            Self::NoEndpoint => row(503, Reason::NoHealthyEndpoint, Server, "destination_unavailable",
                "No upstream server is configured for this request"),
            Self::QueueFull => row(503, Reason::QueueFull, Server, "connection_limit_reached",
                "Too many requests are waiting for the upstream"),
            Self::NoRoute => row(404, Reason::NoRoute, Proxy, "destination_not_found",
                "No route matches this host and path"),
            Self::BadRequestHead(bad) if bad.is_too_large() => row(bad.status(), Reason::RequestTooLarge, Proxy,
                "http_request_error", "Bad request: {rule}"),
            Self::BadRequestHead(bad) => row(bad.status(), Reason::BadRequest, Proxy, "http_request_error",
                "Bad request: {rule}"),
            Self::BadRequestBody(_) => row(400, Reason::BadRequest, Proxy, "http_request_error", "Bad request: {rule}"),
            Self::BodyTooLarge { .. } => row(413, Reason::RequestTooLarge, Proxy, "http_request_denied",
                "The request body is larger than {rule} octets"),
            Self::ClientGone => row(499, Reason::ClientAborted, Client, "http_request_error", "The client left"),
            Self::LastHop => row(200, Reason::Ok, Nobody, "proxy_internal_response",
                "Max-Forwards ends at this proxy").when(Phase::Done),
        }
    }

    pub(crate) fn reason(&self) -> Reason {
        self.row().reason
    }

    /// Who ended it, and in which phase it was.
    pub(crate) fn flags(&self, reached: Phase) -> Flags {
        let row = self.row();
        Flags { cause: row.cause, phase: row.phase.unwrap_or(reached) }
    }

    /// What was wrong with a connection that was being made.
    pub(crate) const fn in_connecting(&self) -> Option<NetError> {
        match self {
            Self::Connect(error) => Some(*error),
            Self::Timeout(Timer::Connect) => Some(NetError::TimedOut),
            _ => None,
        }
    }

    /// Whether it says something of the upstream. That all together took too long, or that nobody said anything in a
    /// stream, does not.
    pub(crate) fn is_upstreams(&self) -> bool {
        let is_nobodys = matches!(self, Self::Timeout(Timer::Total | Timer::StreamIdle));
        matches!(self.row().cause, Cause::Server | Cause::ServerTimeout) && !is_nobodys
    }

    /// What the client is told. `endpoint` is named when it is given.
    pub(crate) fn answer(&self, endpoint: Option<SocketAddr>) -> Answer {
        let row = self.row();
        let at = endpoint.map_or_else(String::new, |addr| format!(" ({addr})"));
        let mut fields = vec![
            ("Cache-Control", "no-store".into()),
            ("Proxy-Status", format!("weir; error={}", row.error).into()),
        ];
        if row.status == 503 {
            fields.push(("Retry-After", RETRY_AFTER_SECONDS.into()));
        }
        let text = row.text.replace("{at}", &at).replace("{rule}", &self.rule());
        Answer { status: row.status, reason: row.reason, fields, text }
    }

    /// Which rule was broken, or which limit.
    fn rule(&self) -> String {
        match self {
            Self::BadResponseHead(bad) | Self::BadRequestHead(bad) => bad.to_string(),
            Self::BadResponseBody(bad) | Self::BadRequestBody(bad) => bad.to_string(),
            Self::BodyTooLarge { limit } => limit.to_string(),
            _ => String::new(),
        }
    }
}

/// Seconds after which a client may try again what we chose not to try.
const RETRY_AFTER_SECONDS: &str = "1";

const fn row(status: u16, reason: Reason, cause: Cause, error: &'static str, text: &'static str) -> Row {
    Row { status, reason, cause, phase: None, error, text }
}

impl Row {
    /// A limit on waiting ran out.
    const fn late(limit: &Limit) -> Self {
        let reason = match limit.timer {
            Timer::Drain => Reason::Draining,
            timer => Reason::Timeout(timer),
        };
        let Limit { status, late, phase, error, text, .. } = *limit;
        Self { status, reason, cause: late, phase, error, text }
    }

    const fn when(self, phase: Phase) -> Self {
        Self { phase: Some(phase), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_late_picks_the_status() {
        let status = |timer| Failure::Timeout(timer).row().status;
        for timer in [Timer::ClientHead, Timer::ClientBody] {
            assert_eq!(status(timer), 408, "{timer:?}");
        }
        for timer in
            [Timer::Connect, Timer::UpstreamWrite, Timer::UpstreamRead, Timer::UpstreamHead, Timer::Total]
        {
            assert_eq!(status(timer), 504, "{timer:?}");
        }
        assert_eq!(status(Timer::Queue), 503);
        assert_eq!(Failure::Connect(NetError::Refused).row().status, 502);
        assert_eq!(Failure::Connect(NetError::TimedOut).row().status, 504);
    }

    #[test]
    fn the_text_names_the_rule_and_the_endpoint() {
        let endpoint = Some("127.0.0.1:9001".parse().unwrap());
        let text = |failure: Failure, endpoint| failure.answer(endpoint).text;
        let limit = Failure::BodyTooLarge { limit: 7 };
        assert_eq!(text(limit, endpoint), "The request body is larger than 7 octets");
        let bad = Failure::BadResponseHead(BadHead::NoColon);
        let rule = BadHead::NoColon.to_string();
        assert_eq!(text(bad, endpoint), format!("Upstream sent a bad response: {rule} (127.0.0.1:9001)"));
        assert_eq!(text(bad, None), format!("Upstream sent a bad response: {rule}"));
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
}
