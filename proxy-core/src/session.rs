//! One downstream connection speaking HTTP/1: heads in order, keep-alive, pipelining, the framing of what we answer.
//!
//! Turns octets into requests and answers into octets. Knows nothing of upstreams, routes or limits on waiting; it notes
//! when a head began, because only it can see that. HTTP/2 would be another session over the same exchanges.

use crate::action::Close;
use crate::forward::{ResponseContext, Signature, downstream_framing, write_interim, write_response};
use crate::http::{
    BadHead, BodyDecoder, Field, Framing, HeadKind, HeadLimits, HeadScanner, RequestHead, ResponseHead,
    Trailers, Version,
};
use crate::ids::ExchangeId;
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::plan::ListenerName;
use crate::time::Instant;
use crate::transfer::{Received, Receiving, Sending};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;

/// One downstream connection.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Session {
    pub(crate) listener: Arc<ListenerName>,
    pub(crate) peer: SocketAddr,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) state: SessionState,
    /// The client sent FIN.
    pub(crate) half_closed: bool,
    /// Holds a unit of `limits.client_connections`.
    pub(crate) has_permit: bool,
}

/// Where a session is.
#[derive(Clone, Debug, Hash)]
pub(crate) enum SessionState {
    /// `limits.client_connections` is reached: nothing is read yet.
    Unadmitted,
    /// Between requests, or part-way through a request head.
    AwaitHead {
        scanner: HeadScanner,
        /// Accepted, or the last response ended.
        since: Instant,
        /// When this head began.
        began: Option<Instant>,
    },
    /// A request is being served, until the last octet of its answer is taken.
    Serving(Serving),
    /// Everything is written, and FIN is sent unless the connection is to end with a reset. We read on for a while,
    /// because closing with octets unread resets the connection, and a reset can destroy what the client did not read yet
    /// (RFC 9112 §9.6).
    Lingering { since: Instant, discarded: usize, how: Close },
}

/// The two directions of a request that is being served; they move independently.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Serving {
    pub(crate) id: ExchangeId,
    pub(crate) request: Receiving,
    response: Response,
    /// What the request asked for (RFC 9112 §9.3).
    keep_alive: bool,
    version: Version,
}

/// How far the response is sent.
#[derive(Clone, Debug, Hash)]
enum Response {
    /// No final head was sent.
    Nothing,
    /// What follows the head.
    Content {
        sending: Sending,
        keep_alive: bool,
        /// How many octets the client was sent before the head.
        starts_at: u64,
    },
}

/// What follows when the answer is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    KeepAlive,
    Close,
    Linger,
    /// The answer is a part that only a reset can tell from the whole.
    Reset,
}

impl SessionState {
    /// Waits for the next request head.
    pub(crate) fn await_head(now: Instant) -> Self {
        Self::AwaitHead { scanner: HeadScanner::default(), since: now, began: None }
    }
}

impl Serving {
    /// Serves the request with this head.
    pub(crate) fn new(id: ExchangeId, head: &RequestHead) -> Self {
        let framing = head.framing();
        let request =
            if framing.is_empty() { Receiving::Done } else { Receiving::Body(BodyDecoder::new(framing)) };
        let (keep_alive, version) = (head.keep_alive(), head.version());
        Self { id, request, response: Response::Nothing, keep_alive, version }
    }

    /// Only answers: where the request ends is not known, or does not matter because nothing will follow.
    pub(crate) const fn refusing(id: ExchangeId) -> Self {
        Self {
            id,
            request: Receiving::Done,
            response: Response::Nothing,
            keep_alive: false,
            version: Version::Http11,
        }
    }
}

impl Session {
    pub(crate) fn new(listener: Arc<ListenerName>, peer: SocketAddr) -> Self {
        Self {
            listener,
            peer,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            state: SessionState::Unadmitted,
            half_closed: false,
            has_permit: false,
        }
    }

    /// Reads the next request head, if it is there.
    pub(crate) fn next_head(
        &mut self,
        limits: &HeadLimits,
        now: Instant,
        memory: &mut Vec<Field>,
    ) -> Result<Option<RequestHead>, BadHead> {
        let SessionState::AwaitHead { scanner, began, .. } = &mut self.state else { return Ok(None) };
        let inbox = &mut self.inbox;
        if began.is_none() {
            if let [b'\r', ..] = inbox.as_slice() {
                inbox.skip(scanner.blank_lines(inbox.as_slice())?);
            }
            // A lone CR may become another empty line: no request has begun.
            if matches!(inbox.as_slice(), [] | [b'\r']) {
                return Ok(None);
            }
            *began = Some(now);
            let head = RequestHead::parse_front_in(inbox.lend(), limits, memory);
            if !matches!(head, Ok(None)) {
                return head;
            }
        }
        match scanner.feed(inbox.as_slice(), HeadKind::Request, limits)? {
            Some(len) => RequestHead::parse(inbox.take(len), limits).map(Some),
            None => Ok(None),
        }
    }

    /// Understands the next part of what follows a request's head.
    pub(crate) fn next(&mut self) -> Received {
        match &mut self.state {
            SessionState::Serving(serving) => serving.request.next(&mut self.inbox),
            _ => Received::Nothing,
        }
    }

    /// When the request began whose head is being read.
    pub(crate) fn began(&self, now: Instant) -> Instant {
        match &self.state {
            SessionState::AwaitHead { began, .. } => began.unwrap_or(now),
            _ => now,
        }
    }

    pub(crate) fn serving(&self) -> Option<&Serving> {
        if let SessionState::Serving(serving) = &self.state { Some(serving) } else { None }
    }

    pub(crate) fn exchange(&self) -> Option<ExchangeId> {
        self.serving().map(|serving| serving.id)
    }

    /// All exchanges that it serves: one at most in HTTP/1.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = ExchangeId> {
        self.exchange().into_iter()
    }

    /// Whether the client still owes octets of the request's content.
    pub(crate) fn owes_body(&self) -> bool {
        self.serving().is_some_and(|serving| serving.request.is_owed())
    }

    /// Whether a tunnel's client still owes octets of the request's content.
    pub(crate) fn owes_before_raw(&self) -> bool {
        self.serving().is_some_and(|serving| matches!(serving.request, Receiving::BeforeRaw(_)))
    }

    /// Whether what the client sends next belongs to the request that is being served.
    pub(crate) fn is_receiving(&self) -> bool {
        self.serving().is_some_and(|serving| !matches!(serving.request, Receiving::Done))
    }

    /// Whether the client's FIN can only mean that it left: it had asked to go on with this connection. One that said
    /// `close`, or speaks 1.0, or had pipelined more, may just be done sending.
    pub(crate) fn fin_means_gone(&self) -> bool {
        self.serving().is_some_and(|serving| {
            serving.keep_alive && self.inbox.is_empty() && !matches!(serving.request, Receiving::Raw)
        })
    }

    /// Passes a 1xx on. 1.0 knows none (RFC 9110 §15.2).
    pub(crate) fn interim(&mut self, head: &ResponseHead, via: bool) {
        if self.serving().is_some_and(|serving| serving.version == Version::Http11) {
            self.outbox.append(|out| write_interim(out, head, via));
        }
    }

    /// Becomes a tunnel: what was pipelined behind the request is the tunnel's first octets.
    pub(crate) fn switch(&mut self, head: &ResponseHead, via: bool) {
        if let SessionState::Serving(serving) = &mut self.state {
            let starts_at = self.outbox.end();
            self.outbox.append(|out| write_interim(out, head, via));
            serving.request.switch();
            serving.response =
                Response::Content { sending: Sending::Raw { fin: false }, keep_alive: false, starts_at };
        }
    }

    /// Sends the final response head. `may_keep`: nothing on our side speaks against keeping the connection.
    pub(crate) fn respond(&mut self, head: &ResponseHead, may_keep: bool, signature: Signature<'_>) {
        let may_follow = self.may_follow();
        let SessionState::Serving(serving) = &mut self.state else { return };
        let framing = downstream_framing(head.framing(), serving.version);
        let keep_alive = may_keep && may_follow && serving.keep_alive && framing != Framing::Close;
        let context = ResponseContext { client_version: serving.version, framing, keep_alive, signature };
        let starts_at = self.outbox.end();
        self.outbox.append(|out| write_response(out, head, &context));
        serving.response = Response::Content { sending: Sending::new(framing), keep_alive, starts_at };
    }

    /// Sends a piece of the response's content, or of a tunnel.
    pub(crate) fn send(&mut self, data: Bytes) {
        if let Some((sending, outbox)) = self.response() {
            sending.send(data, outbox);
        }
    }

    /// The upstream ended its half of the tunnel.
    pub(crate) fn end_raw(&mut self) {
        if let Some((sending, _)) = self.response() {
            sending.end_raw();
        }
    }

    /// Ends the response and says what is to follow it.
    pub(crate) fn finish(&mut self, trailers: Option<&Trailers>) -> Then {
        if let Some((sending, outbox)) = self.response() {
            sending.end(trailers, outbox);
        }
        let keeps = self.serving().is_some_and(|serving| {
            matches!(serving.response, Response::Content { keep_alive: true, .. })
                && !serving.request.is_owed()
        });
        if keeps { Then::KeepAlive } else { self.farewell() }
    }

    /// Whether the response's next octets may come by pipe.
    pub(crate) fn takes_piped(&self) -> bool {
        self.content().is_some_and(|sending| sending.takes_piped(&self.outbox))
    }

    /// Whether FIN is due: the upstream's half of the tunnel is over and everything is written.
    pub(crate) fn wants_fin(&self) -> bool {
        self.content().is_some_and(|sending| sending.wants_fin(&self.outbox))
    }

    /// How many octets of the request are still to be received that nobody needs to see.
    pub(crate) fn unseen(&self) -> u64 {
        self.serving().map_or(0, |serving| serving.request.unseen(&self.inbox))
    }

    /// `n` of them went by.
    pub(crate) fn skip(&mut self, n: usize) {
        if let SessionState::Serving(serving) = &mut self.state {
            serving.request.skip(n);
        }
    }

    /// How to close once the answer is out. A client that may still send, the rest of this request or the next one, is
    /// lingered for: its octets would reset the answer away. One that said `close` will send no more.
    pub(crate) fn farewell(&self) -> Then {
        let is_last = self.serving().is_some_and(|serving| !serving.keep_alive);
        if is_last && !self.owes_body() && self.inbox.is_empty() { Then::Close } else { Then::Linger }
    }

    /// How to end a response of which no more will come, once all that came is delivered: so that its client can tell the
    /// part from the whole (RFC 9112 §8).
    pub(crate) fn end_of_part(&self) -> Then {
        match self.content() {
            Some(sending) if sending.shows_end() => Then::Linger,
            Some(_) | None => Then::Reset,
        }
    }

    /// Whether the client took an octet of the response.
    pub(crate) fn has_shown(&self) -> bool {
        self.starts_at().is_some_and(|starts_at| self.outbox.taken() > starts_at)
    }

    /// Takes back a response that can be: it may be answered otherwise.
    pub(crate) fn retract(&mut self) {
        if self.is_retractable()
            && let SessionState::Serving(serving) = &mut self.state
        {
            self.outbox.discard();
            serving.response = Response::Nothing;
        }
    }

    /// Whether a response was written of which nothing left us, and nothing waits before it.
    pub(crate) fn is_retractable(&self) -> bool {
        self.starts_at() == Some(self.outbox.taken())
    }

    /// Whether the client may be told to keep the connection after a reply of ours.
    pub(crate) fn may_keep_after_reply(&self) -> bool {
        self.may_follow()
            && self
                .serving()
                .is_some_and(|serving| serving.keep_alive && matches!(serving.request, Receiving::Done))
    }

    /// Whether another request may come, or is there: FIN behind pipelined requests takes nothing of them back.
    pub(crate) fn may_follow(&self) -> bool {
        !self.half_closed || !self.inbox.is_empty()
    }

    /// Whether a final response head went out, after which no other status is possible.
    pub(crate) fn has_responded(&self) -> bool {
        self.content().is_some()
    }

    fn starts_at(&self) -> Option<u64> {
        match self.serving()?.response {
            Response::Content { starts_at, .. } => Some(starts_at),
            Response::Nothing => None,
        }
    }

    fn content(&self) -> Option<&Sending> {
        match &self.serving()?.response {
            Response::Content { sending, .. } => Some(sending),
            Response::Nothing => None,
        }
    }

    /// The content of the response that is being sent, and where its octets wait.
    fn response(&mut self) -> Option<(&mut Sending, &mut Outbox)> {
        match &mut self.state {
            SessionState::Serving(Serving { response: Response::Content { sending, .. }, .. }) => {
                Some((sending, &mut self.outbox))
            }
            _ => None,
        }
    }
}
