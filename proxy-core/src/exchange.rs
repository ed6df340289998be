//! One request with its interim and final responses: what is known of it, how far it is, and who is being waited for.
//!
//! An exchange does not speak HTTP/1 or any other version: the session and the link that carry it do. It knows the
//! version of its request only because the log tells it. What a failure means for it stands in `verdict`.

pub(crate) mod retry;
pub(crate) mod verdict;
mod wait;

pub(crate) use wait::Wait;

use crate::flags::{Flags, Phase};
use crate::http::{Method, RequestHead, ResponseHead, Version};
use crate::ids::{ClusterId, EndpointId};
use crate::input::{ConnId, StreamId};
use crate::link::Request;
use crate::plan::{EndpointName, ListenerName, Rules, share};
use crate::record::{Attempt, AttemptResult, Marks, Origin, Outcome, Reason, RequestSummary};
use crate::session::Then;
use crate::time::Instant;
use crate::upstreams::Demand;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::net::SocketAddr;
use core::time::Duration;

/// One request, from its head to the last octet of its answer.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Exchange {
    /// Whom its answer is for.
    pub(crate) client: StreamId,
    /// Where the request came from, and when.
    pub(crate) origin: Origin,
    /// What other servers and the log call it (`X-Request-Id`).
    pub(crate) request_id: u64,
    /// The request line and host, for the log; `None` when the head could not be read.
    summary: Option<RequestSummary>,
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// The client offers to leave HTTP.
    pub(crate) upgrade: bool,
    /// What holds for it. Its own, whatever becomes of the plan that they are of.
    pub(crate) rules: Arc<Rules>,
    pub(crate) stage: Stage,
    /// The request while no connection holds it.
    pub(crate) held: Option<Held>,
    /// It stands in its cluster's queue.
    pub(crate) is_enqueued: bool,
    /// The client waits for a 100 before it sends its body: it owes nothing, the upstream does.
    pub(crate) awaiting_continue: bool,
    /// The upstream owes us octets.
    pub(crate) upstream_owes: Wait,
    /// The client owes us octets of the request body.
    pub(crate) client_owes: Wait,
    /// When octets last moved, either way.
    pub(crate) moved: Instant,
    /// When each phase ended, as far as it came.
    pub(crate) marks: Marks,
    /// Every connection that was tried, in order.
    pub(crate) attempts: Vec<Attempt>,
    /// The status of the final response head.
    pub(crate) status: Option<u16>,
    /// Content octets from the client.
    pub(crate) received: u64,
    /// Content octets to the client.
    pub(crate) sent: u64,
    /// `total` is off and `stream.idle` on.
    pub(crate) streamed: bool,
}

/// A request that is queued. What follows its head waits unread.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Held {
    /// It is not written for anybody yet.
    Head(Box<RequestHead>),
    /// It was taken back from a connection, as it was written for that.
    Written(Box<Request>),
}

/// What is known when a request comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) client: StreamId,
    pub(crate) listener: &'a Arc<ListenerName>,
    pub(crate) peer: SocketAddr,
    /// Its first octet.
    pub(crate) began: Instant,
    pub(crate) rules: &'a Arc<Rules>,
    pub(crate) request_id: u64,
    /// `None` when it could not be read.
    pub(crate) head: Option<&'a RequestHead>,
}

/// How far an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Waiting for a connection.
    Queued { since: Instant, demand: Demand },
    /// The request waits on a connection that is being made.
    Connecting { link: ConnId, since: Instant },
    /// The request goes out; no final response head came.
    Awaiting { link: ConnId },
    /// The response comes in.
    Responding { link: ConnId },
    /// After 101.
    Tunnel { link: ConnId, client_done: bool, upstream_done: bool },
    /// The answer is complete; its last octets are on their way out.
    Flushing {
        ending: Ending,
        /// Whether `total` runs on.
        has_total: bool,
        then: Then,
    },
}

/// How an exchange ended, in the words of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ending {
    /// What the client was sent, or what the log says of a client that left before.
    pub(crate) status: Option<u16>,
    pub(crate) reason: Reason,
    pub(crate) flags: Flags,
}

impl Ending {
    /// A whole answer of the upstream.
    pub(crate) const fn well(status: Option<u16>) -> Self {
        Self { status, reason: Reason::Ok, flags: Flags::WELL }
    }
}

impl Exchange {
    /// A request of which nothing is known yet but what was asked.
    pub(crate) fn new(asked: Asked<'_>, now: Instant) -> Self {
        let listener = Arc::clone(asked.listener);
        let mut exchange = Self {
            client: asked.client,
            origin: Origin { listener, peer: asked.peer, began: asked.began },
            request_id: 0,
            summary: None,
            method: Method::Get,
            version: Version::Http11,
            upgrade: false,
            rules: Arc::clone(asked.rules),
            stage: Stage::Queued { since: now, demand: Demand::Any },
            held: None,
            is_enqueued: false,
            awaiting_continue: false,
            upstream_owes: Wait::default(),
            client_owes: Wait::default(),
            moved: now,
            marks: Marks::default(),
            attempts: Vec::new(),
            status: None,
            received: 0,
            sent: 0,
            streamed: false,
        };
        exchange.renew(asked, now);
        exchange
    }

    /// The same, in the memory of an exchange that is over.
    pub(crate) fn renew(&mut self, asked: Asked<'_>, now: Instant) {
        // Field by field: no second exchange is made to be copied here, and none can be forgotten.
        let Self {
            client,
            origin,
            request_id,
            summary,
            method,
            version,
            upgrade,
            rules,
            stage,
            held,
            is_enqueued,
            awaiting_continue,
            upstream_owes,
            client_owes,
            moved,
            marks,
            attempts,
            status,
            received,
            sent,
            streamed,
        } = self;
        share(&mut origin.listener, asked.listener);
        (origin.peer, origin.began) = (asked.peer, asked.began);
        share(rules, asked.rules);
        (*client, *request_id) = (asked.client, asked.request_id);
        match asked.head {
            Some(head) => {
                summarise(head, summary.get_or_insert_default());
                (*method, *version) = (head.method(), head.version());
                (*upgrade, *awaiting_continue) = (head.upgrade(), head.expect_continue());
            }
            // Of a head that could not be read nothing is asked.
            None => {
                *summary = None;
                (*method, *version) = (Method::Get, Version::Http11);
                (*upgrade, *awaiting_continue) = (false, false);
            }
        }
        (*stage, *held) = (Stage::Queued { since: now, demand: Demand::Any }, None);
        *is_enqueued = false;
        (*upstream_owes, *client_owes, *moved) = (Wait::default(), Wait::default(), now);
        *marks = Marks { head: now, answered: now, ..Marks::default() };
        attempts.clear();
        (*status, *received, *sent, *streamed) = (None, 0, 0, asked.rules.stream);
    }

    /// The cluster that serves it.
    pub(crate) fn cluster(&self) -> ClusterId {
        self.rules.cluster()
    }

    pub(crate) const fn link(&self) -> Option<ConnId> {
        match self.stage {
            Stage::Queued { .. } | Stage::Flushing { .. } => None,
            Stage::Connecting { link, .. }
            | Stage::Awaiting { link }
            | Stage::Responding { link }
            | Stage::Tunnel { link, .. } => Some(link),
        }
    }

    /// Whether it is on a connection that stands.
    pub(crate) const fn is_carried(&self) -> bool {
        matches!(self.stage, Stage::Awaiting { .. } | Stage::Responding { .. } | Stage::Tunnel { .. })
    }

    pub(crate) const fn phase(&self) -> Phase {
        match self.stage {
            Stage::Queued { .. } => Phase::Queue,
            Stage::Connecting { .. } => Phase::Connect,
            Stage::Awaiting { .. } => Phase::Head,
            Stage::Responding { .. } | Stage::Tunnel { .. } | Stage::Flushing { .. } => Phase::Data,
        }
    }

    /// Which connections will do.
    pub(crate) const fn demand(&self) -> Demand {
        match self.stage {
            Stage::Queued { demand, .. } => demand,
            Stage::Connecting { .. }
            | Stage::Awaiting { .. }
            | Stage::Responding { .. }
            | Stage::Tunnel { .. }
            | Stage::Flushing { .. } => Demand::Any,
        }
    }

    pub(crate) const fn is_tunnel(&self) -> bool {
        matches!(self.stage, Stage::Tunnel { .. })
    }

    /// Whether the answer is complete.
    pub(crate) const fn is_flushing(&self) -> bool {
        matches!(self.stage, Stage::Flushing { .. })
    }

    /// Whether a final response head was passed on.
    pub(crate) const fn has_response(&self) -> bool {
        matches!(self.stage, Stage::Responding { .. } | Stage::Tunnel { .. })
    }

    /// Whether it is a stream by now: nobody owes the next octet.
    pub(crate) const fn is_streaming(&self) -> bool {
        self.streamed && self.has_response()
    }

    /// Whether a connection to `endpoint` could not be made before.
    pub(crate) fn has_failed_at(&self, endpoint: EndpointId) -> bool {
        self.attempts.iter().any(|attempt| {
            attempt.endpoint.id == endpoint && matches!(attempt.result, AttemptResult::ConnectFailed(_))
        })
    }

    pub(crate) fn begin_attempt(&mut self, endpoint: &Arc<EndpointName>, reused: bool, now: Instant) {
        let (endpoint, took, result) = (Arc::clone(endpoint), Duration::ZERO, AttemptResult::Pending);
        self.attempts.push(Attempt { endpoint, reused, started: now, took, result });
        self.marks.leased.get_or_insert(now);
    }

    pub(crate) fn end_attempt(&mut self, result: AttemptResult, now: Instant) {
        if let Some(attempt) = self.attempts.last_mut()
            && attempt.result == AttemptResult::Pending
        {
            attempt.took = now.since(attempt.started);
            attempt.result = result;
        }
    }

    /// The final response head came.
    pub(crate) fn respond(&mut self, link: ConnId, head: &ResponseHead, now: Instant) {
        self.status = Some(head.status());
        self.streamed |= head.event_stream();
        self.awaiting_continue = false;
        self.marks.responded = Some(now);
        self.stage = Stage::Responding { link };
    }

    /// 101 came.
    pub(crate) fn switch(&mut self, link: ConnId, now: Instant) {
        self.status = Some(101);
        self.streamed = true;
        self.marks.responded = Some(now);
        self.stage = Stage::Tunnel { link, client_done: false, upstream_done: false };
    }

    /// It is decided how it ends.
    pub(crate) fn conclude(&mut self, reason: Reason, now: Instant) {
        let result = if reason == Reason::Ok { AttemptResult::Ok } else { AttemptResult::Failed(reason) };
        self.end_attempt(result, now);
        self.marks.answered = now;
    }

    /// Explains how it ended, in `outcome`, whose memory it takes.
    pub(crate) fn explain(&mut self, ending: Ending, ended: Instant, outcome: &mut Outcome) {
        // Field by field, as above.
        let Outcome {
            started,
            ended: end,
            listener,
            peer,
            request,
            status,
            reason,
            flags,
            rules,
            attempts,
            received,
            sent,
            marks,
            streamed,
            id,
        } = outcome;
        // Whoever takes over this memory would keep a read buffer alive with it.
        self.held = None;
        mem::swap(listener, &mut self.origin.listener);
        (*started, *end, *peer) = (self.origin.began, ended, self.origin.peer);
        mem::swap(request, &mut self.summary);
        mem::swap(rules, &mut self.rules);
        mem::swap(attempts, &mut self.attempts);
        (*status, *reason, *flags) = (ending.status, ending.reason, ending.flags);
        (*streamed, *id) = (self.streamed, self.request_id);
        (*received, *sent, *marks) = (self.received, self.sent, self.marks);
    }
}

/// Writes what is told of a request over what was told of another.
fn summarise(head: &RequestHead, summary: &mut RequestSummary) {
    replace(&mut summary.method, head.method_bytes());
    replace(&mut summary.target, head.target_bytes());
    replace(&mut summary.host, head.authority().unwrap_or_default());
    summary.http10 = head.version() == Version::Http10;
}

fn replace(old: &mut Vec<u8>, new: &[u8]) {
    old.clear();
    old.extend_from_slice(new);
}
