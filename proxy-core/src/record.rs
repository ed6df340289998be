//! The explanation of every exchange: who ended it, in which phase, after how long.

use crate::flags::Flags;
use crate::ids::RouteId;
use crate::input::NetError;
use crate::plan::{ClusterName, EndpointName, ListenerName, Matched, Rules};
use crate::time::Instant;
use crate::timeouts::Timer;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

/// One exchange, told when it is over. Exactly one per request, and one per request that never became one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// First octet of the request.
    pub started: Instant,
    /// When the last octet left, or it failed.
    pub ended: Instant,
    /// Where the client came in.
    pub listener: Arc<ListenerName>,
    /// The client.
    pub peer: SocketAddr,
    /// What was asked for; `None` when the head could not be read.
    pub request: Option<RequestSummary>,
    /// The status that the client was sent, or 499 when it left before one could be; `None` when none was possible.
    pub status: Option<u16>,
    /// Why it ended.
    pub reason: Reason,
    /// Who ended it, in which phase: HAProxy's two letters.
    pub flags: Flags,
    /// What held for it: its route, where that leads, and its limits.
    pub rules: Arc<Rules>,
    /// Every connection that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// Content octets from the client.
    pub received: u64,
    /// Content octets to the client.
    pub sent: u64,
    /// When each phase ended.
    pub marks: Marks,
    /// `total` was off and `stream.idle` on.
    pub streamed: bool,
    /// The id that we gave this request (`X-Request-Id`).
    pub id: u64,
}

/// Where a request came from.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Origin {
    pub(crate) listener: Arc<ListenerName>,
    pub(crate) peer: SocketAddr,
    /// Its first octet.
    pub(crate) began: Instant,
}

impl Outcome {
    /// To be written over.
    pub(crate) fn blank(origin: Origin, rules: Arc<Rules>) -> Self {
        Self {
            started: origin.began,
            ended: origin.began,
            listener: origin.listener,
            peer: origin.peer,
            request: None,
            status: None,
            reason: Reason::Ok,
            flags: Flags::WELL,
            rules,
            attempts: Vec::new(),
            received: 0,
            sent: 0,
            marks: Marks::default(),
            streamed: false,
            id: 0,
        }
    }

    /// The route that it took, if one matched, and where that leads.
    pub fn matched(&self) -> Option<&Matched> {
        self.rules.matched.as_ref()
    }

    /// The same route's place in the configuration.
    pub fn route(&self) -> Option<RouteId> {
        self.rules.route()
    }

    /// The cluster that its route leads to.
    pub fn cluster(&self) -> Option<&ClusterName> {
        self.matched().map(|matched| &*matched.cluster)
    }

    /// The endpoint that was tried last.
    pub fn endpoint(&self) -> Option<&EndpointName> {
        self.attempts.last().map(|attempt| &*attempt.endpoint)
    }

    /// How long each phase took: from the end of the one before it. One that was not reached is zero.
    pub fn times(&self) -> Times {
        let Marks { head, leased, connected, sent, responded, answered } = self.marks;
        let leased = leased.unwrap_or(answered);
        let connected = connected.unwrap_or(answered).max(leased);
        let sent = sent.unwrap_or(answered).max(connected);
        // An early response overlaps with the request; its wait began when the connection stood.
        let responded = responded.unwrap_or(answered);
        Times {
            head: head.since(self.started),
            queue: leased.since(head),
            connect: connected.since(leased),
            send: sent.since(connected),
            first_byte: responded.since(sent),
            body: self.ended.since(responded),
        }
    }

    /// Whether its memory is worth keeping.
    pub(crate) fn is_small(&self) -> bool {
        let octets = self.request.as_ref().map_or(0, |request| {
            request.method.capacity() + request.target.capacity() + request.host.capacity()
        });
        octets <= 512 && self.attempts.capacity() <= 4
    }
}

/// The request line and host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestSummary {
    /// The method, as sent.
    pub method: Vec<u8>,
    /// The request-target, as sent.
    pub target: Vec<u8>,
    /// The Host, as sent; empty if there was none.
    pub host: Vec<u8>,
    /// Whether it was HTTP/1.0.
    pub http10: bool,
}

/// One try of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The endpoint.
    pub endpoint: Arc<EndpointName>,
    /// Whether a pooled connection was used.
    pub reused: bool,
    /// When it began.
    pub started: Instant,
    /// How long it lasted.
    pub took: Duration,
    /// How it ended.
    pub result: AttemptResult,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptResult {
    /// It is not over.
    Pending,
    /// A whole response came.
    Ok,
    /// The connection could not be made.
    ConnectFailed(NetError),
    /// A reused connection proved dead before a single octet of response: nobody's fault.
    Stale,
    /// The exchange ended on it, for the reason of the outcome.
    Failed(Reason),
}

/// When each phase of an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// The request's head was whole, or was given up.
    pub head: Instant,
    /// The first connection was chosen, to be used or to be made.
    pub leased: Option<Instant>,
    /// A connection stood.
    pub connected: Option<Instant>,
    /// The kernel took the last octet of the request.
    pub sent: Option<Instant>,
    /// The response's head came.
    pub responded: Option<Instant>,
    /// The answer was complete, or it failed. Its last octets may have left later.
    pub answered: Instant,
}

/// How long each phase took; zero for one that was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Times {
    /// First octet of the request to the end of its head.
    pub head: Duration,
    /// Waiting for a connection slot.
    pub queue: Duration,
    /// Connecting, all tries together.
    pub connect: Duration,
    /// From the connection to the last request octet accepted by the kernel.
    pub send: Duration,
    /// From there to the response head.
    pub first_byte: Duration,
    /// From the response head to its end.
    pub body: Duration,
}

/// Why an exchange ended. A closed set: `as_str` is what logs and metrics say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// All was well.
    Ok,
    /// A limit on waiting ran out.
    Timeout(Timer),
    /// Every endpoint that was tried refused.
    ConnectRefused,
    /// An endpoint could not be reached.
    ConnectUnreachable,
    /// We could not make a connection for want of descriptors, ports or memory.
    ConnectExhausted,
    /// The upstream reset the connection.
    UpstreamReset,
    /// The upstream closed before the response was whole.
    UpstreamClosedEarly,
    /// The upstream broke the protocol.
    UpstreamBadResponse,
    /// The response head was over the limit.
    UpstreamHeadTooLarge,
    /// The cluster has no endpoint to try.
    NoHealthyEndpoint,
    /// `max_queue` requests were waiting already.
    QueueFull,
    /// No route matches.
    NoRoute,
    /// The request broke a rule; which one stands in the reply.
    BadRequest,
    /// The request was over a size limit.
    RequestTooLarge,
    /// The client left.
    ClientAborted,
    /// We are shutting down.
    Draining,
}

impl Reason {
    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout(timer) => timer.limit().reason,
            Self::ConnectRefused => "connect_refused",
            Self::ConnectUnreachable => "connect_unreachable",
            Self::ConnectExhausted => "connect_exhausted",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamClosedEarly => "upstream_closed_early",
            Self::UpstreamBadResponse => "upstream_bad_response",
            Self::UpstreamHeadTooLarge => "upstream_head_too_large",
            Self::NoHealthyEndpoint => "no_healthy_endpoint",
            Self::QueueFull => "queue_full",
            Self::NoRoute => "no_route",
            Self::BadRequest => "bad_request",
            Self::RequestTooLarge => "request_too_large",
            Self::ClientAborted => "client_aborted",
            Self::Draining => "draining",
        }
    }
}
