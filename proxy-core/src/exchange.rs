//! One request with its interim and final responses: what is known of it, and who is being waited for.
//!
//! An exchange does not know which HTTP version its client speaks; how its end is judged stands in `verdict`.

pub(crate) mod verdict;
mod wait;

pub(crate) use wait::Wait;

use crate::http::{Method, RequestHead, ResponseHead, Version};
use crate::ids::{ClusterId, EndpointId, RouteId};
use crate::input::ConnId;
use crate::link::Request;
use crate::record::{Attempt, AttemptResult, Flags, Outcome, Phase, Reason, RequestSummary};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// One request being served.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Exchange {
    pub(crate) session: ConnId,
    /// What will be told of it, as far as it is known.
    pub(crate) outcome: Box<Outcome>,
    pub(crate) route: RouteId,
    pub(crate) cluster: ClusterId,
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// The client offers to leave HTTP.
    pub(crate) upgrade: bool,
    pub(crate) stage: Stage,
    /// The request's octets while no connection holds them: it is queued, perhaps after it was taken back from one.
    pub(crate) request: Option<Box<Request>>,
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
}

/// How far an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Waiting for a connection slot.
    Queued { since: Instant },
    /// The request waits on a connection that is being made.
    Connecting { link: ConnId, since: Instant },
    /// The request goes out; no final response head came.
    Awaiting { link: ConnId },
    /// The response comes in.
    Responding { link: ConnId },
    /// After 101.
    Tunnel { link: ConnId, client_done: bool, upstream_done: bool },
}

impl Exchange {
    pub(crate) const fn link(&self) -> Option<ConnId> {
        match self.stage {
            Stage::Queued { .. } => None,
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
            Stage::Responding { .. } | Stage::Tunnel { .. } => Phase::Data,
        }
    }

    pub(crate) const fn is_tunnel(&self) -> bool {
        matches!(self.stage, Stage::Tunnel { .. })
    }

    /// Whether a final response head was passed on.
    pub(crate) const fn has_response(&self) -> bool {
        matches!(self.stage, Stage::Responding { .. } | Stage::Tunnel { .. })
    }

    /// Whether it is a stream by now: nobody owes the next octet.
    pub(crate) const fn is_streaming(&self) -> bool {
        self.outcome.streamed && self.has_response()
    }

    /// Whether a connection to `endpoint` could not be made before.
    pub(crate) fn has_failed_at(&self, endpoint: EndpointId) -> bool {
        self.outcome.attempts.iter().any(|attempt| {
            attempt.endpoint == endpoint && matches!(attempt.result, AttemptResult::ConnectFailed(_))
        })
    }

    pub(crate) fn begin_attempt(&mut self, endpoint: EndpointId, reused: bool, now: Instant) {
        let (took, result) = (Duration::ZERO, AttemptResult::Pending);
        self.outcome.attempts.push(Attempt { endpoint, reused, started: now, took, result });
        self.outcome.marks.leased.get_or_insert(now);
    }

    pub(crate) fn end_attempt(&mut self, result: AttemptResult, now: Instant) {
        if let Some(attempt) = self.outcome.attempts.last_mut()
            && attempt.result == AttemptResult::Pending
        {
            attempt.took = now.since(attempt.started);
            attempt.result = result;
        }
    }

    /// The final response head came.
    pub(crate) fn respond(&mut self, link: ConnId, head: &ResponseHead, now: Instant) {
        self.outcome.status = Some(head.status());
        self.outcome.streamed |= head.event_stream();
        self.awaiting_continue = false;
        self.outcome.marks.responded = Some(now);
        self.stage = Stage::Responding { link };
    }

    /// The explanation of how it ended.
    pub(crate) fn end(mut self, now: Instant, end: Ending) -> Box<Outcome> {
        let result =
            if end.reason == Reason::Ok { AttemptResult::Ok } else { AttemptResult::Failed(end.reason) };
        self.end_attempt(result, now);
        self.outcome.ended = now;
        self.outcome.status = end.status;
        self.outcome.reason = end.reason;
        self.outcome.flags = end.flags;
        self.outcome.marks.answered = now;
        self.outcome
    }
}

/// How an exchange ended, in the words of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) status: Option<u16>,
    pub(crate) reason: Reason,
    pub(crate) flags: Flags,
}

/// Writes what an outcome says of a request over what it said of another.
pub(crate) fn summarise(head: &RequestHead, summary: &mut RequestSummary) {
    replace(&mut summary.method, head.method_bytes());
    replace(&mut summary.target, head.target_bytes());
    replace(&mut summary.host, head.authority().unwrap_or_default());
    summary.http10 = head.version() == Version::Http10;
}

fn replace(old: &mut Vec<u8>, new: &[u8]) {
    old.clear();
    old.extend_from_slice(new);
}
