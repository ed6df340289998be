//! One downstream connection speaking HTTP/1: heads in order, keep-alive, pipelining, the framing of what we answer.
//!
//! Knows nothing of upstreams, routes or timeouts: it turns octets into requests and answers into octets. HTTP/2
//! would be another session over the same exchanges.

use crate::forward::{ResponseContext, downstream_framing, write_interim, write_response};
use crate::http::{
    BadBody, BadHead, BodyDecoder, BodyEncoder, BodySink, Field, Framing, HeadKind, HeadLimits, HeadScanner,
    Piece, RequestHead, ResponseHead, Trailers, Version,
};
use crate::ids::{ExchangeId, ListenerId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::record::{Origin, Outcome};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;

/// One downstream connection.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Session {
    pub(crate) listener: ListenerId,
    pub(crate) peer: SocketAddr,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) state: State,
    /// The client sent FIN.
    pub(crate) half_closed: bool,
    /// Holds a unit of `limits.client_connections`.
    pub(crate) has_permit: bool,
}

/// Where a session is.
#[derive(Clone, Debug, Hash)]
pub(crate) enum State {
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
    /// A request is being served.
    Exchange(Serving),
    /// The answer is complete; its last octets are on their way out.
    Flushing {
        outcome: Box<Outcome>,
        /// Whether `total` runs on.
        has_total: bool,
        then: Then,
    },
    /// FIN is sent. We read on for a while, because closing with octets unread resets the connection, and a reset
    /// can destroy the reply before the client reads it (RFC 9112 §9.6).
    Lingering { since: Instant, discarded: usize },
}

/// The two directions of a request that is being served; they move independently.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Serving {
    pub(crate) id: ExchangeId,
    pub(crate) request: Receiving,
    pub(crate) response: Responding,
    /// What the request asked for (RFC 9112 §9.3).
    keep_alive: bool,
    version: Version,
}

/// The request's side.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Receiving {
    Body(BodyDecoder),
    /// All read. What follows is the next request's.
    Done,
    /// After 101: octets without a message.
    Raw,
}

/// The response's side.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Responding {
    /// No final head was sent.
    Nothing,
    Body {
        encoder: BodyEncoder,
        keep_alive: bool,
    },
    /// After 101; `fin` once the upstream will send no more.
    Raw {
        fin: bool,
    },
}

/// What follows when the answer is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    KeepAlive,
    Close,
    Linger,
}

/// What a session understood of the octets that follow a request's head.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing more for now.
    Nothing,
    /// A piece of the request's body.
    Body(ExchangeId, Bytes),
    /// The request is whole.
    End(ExchangeId, Option<Trailers>),
    /// The body's framing breaks a rule.
    BadBody(ExchangeId, BadBody),
    /// Octets of a tunnel.
    Raw(ExchangeId, Bytes),
}

impl State {
    /// Waits for the next request head.
    pub(crate) fn await_head(now: Instant) -> Self {
        Self::AwaitHead { scanner: HeadScanner::default(), since: now, began: None }
    }
}

impl Session {
    pub(crate) fn new(listener: ListenerId, peer: SocketAddr) -> Self {
        Self {
            listener,
            peer,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            state: State::Unadmitted,
            half_closed: false,
            has_permit: false,
        }
    }

    /// Waits for the first request head.
    pub(crate) fn await_head(&mut self, now: Instant) {
        self.state = State::await_head(now);
    }

    /// Whether what is received next is a request head.
    pub(crate) const fn awaits_head(&self) -> bool {
        matches!(self.state, State::AwaitHead { .. })
    }

    /// Reads the next request head, if it is there.
    pub(crate) fn next_head(
        &mut self,
        limits: &HeadLimits,
        now: Instant,
        memory: &mut Vec<Field>,
    ) -> Result<Option<RequestHead>, BadHead> {
        let State::AwaitHead { scanner, began, .. } = &mut self.state else { return Ok(None) };
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
    pub(crate) fn next_body(&mut self) -> Heard {
        let State::Exchange(Serving { id, request, .. }) = &mut self.state else { return Heard::Nothing };
        let (id, inbox) = (*id, &mut self.inbox);
        match request {
            Receiving::Done => Heard::Nothing,
            Receiving::Raw if inbox.is_empty() => Heard::Nothing,
            Receiving::Raw => Heard::Raw(id, inbox.take(inbox.len())),
            Receiving::Body(decoder) => match decoder.decode(inbox.lend()) {
                Ok(Piece::NeedMore) => Heard::Nothing,
                Ok(Piece::Data(bytes)) => Heard::Body(id, bytes),
                Ok(Piece::End(trailers)) => {
                    *request = Receiving::Done;
                    Heard::End(id, trailers)
                }
                Err(bad) => Heard::BadBody(id, bad),
            },
        }
    }

    /// Where the request comes from whose head is being read.
    pub(crate) fn origin(&self, now: Instant) -> Origin {
        let began = match &self.state {
            State::AwaitHead { began, .. } => began.unwrap_or(now),
            _ => now,
        };
        Origin { listener: self.listener, peer: self.peer, began }
    }

    /// Starts serving the request that `next_head` returned.
    pub(crate) fn begin(&mut self, id: ExchangeId, head: &RequestHead) {
        let request = match head.framing() {
            Framing::None | Framing::Length(0) => Receiving::Done,
            framing => Receiving::Body(BodyDecoder::new(framing)),
        };
        self.state = State::Exchange(Serving {
            id,
            request,
            response: Responding::Nothing,
            keep_alive: head.keep_alive(),
            version: head.version(),
        });
    }

    pub(crate) fn serving(&self) -> Option<&Serving> {
        if let State::Exchange(serving) = &self.state { Some(serving) } else { None }
    }

    pub(crate) fn exchange(&self) -> Option<ExchangeId> {
        self.serving().map(|serving| serving.id)
    }

    /// The exchange that takes what the client sends next, if any does.
    pub(crate) fn receiving(&self) -> Option<ExchangeId> {
        match &self.state {
            State::Exchange(Serving { id, request: Receiving::Body(_) | Receiving::Raw, .. }) => Some(*id),
            _ => None,
        }
    }

    /// Whether the client still owes octets of the request's body.
    pub(crate) fn owes_body(&self) -> bool {
        self.serving().is_some_and(|serving| matches!(serving.request, Receiving::Body(_)))
    }

    /// Whether the client's FIN can only mean that it left: it had asked to go on with this connection. One that said
    /// `close`, or speaks 1.0, or had pipelined more, may just be done sending.
    pub(crate) fn fin_means_gone(&self) -> bool {
        self.serving().is_some_and(|serving| {
            serving.keep_alive
                && self.inbox.is_empty()
                && !matches!(serving.request, Receiving::Raw)
                && !matches!(serving.response, Responding::Raw { .. })
        })
    }

    /// Passes a 1xx on. 1.0 knows none (RFC 9110 §15.2).
    pub(crate) fn interim(&mut self, head: &ResponseHead) {
        if let State::Exchange(Serving { version: Version::Http11, .. }) = &self.state {
            self.outbox.append(|out| write_interim(out, head));
        }
    }

    /// Becomes a tunnel: what was pipelined behind the request is the tunnel's first octets.
    pub(crate) fn switch(&mut self, head: &ResponseHead) {
        if let State::Exchange(serving) = &mut self.state {
            self.outbox.append(|out| write_interim(out, head));
            serving.request = Receiving::Raw;
            serving.response = Responding::Raw { fin: false };
        }
    }

    /// Sends the final response head. `may_keep`: nothing on our side speaks against keeping the connection.
    pub(crate) fn respond(&mut self, head: &ResponseHead, may_keep: bool) {
        let may_follow = self.may_follow();
        let State::Exchange(serving) = &mut self.state else { return };
        let framing = downstream_framing(head.framing(), serving.version);
        let keep_alive = may_keep && may_follow && serving.keep_alive && framing != Framing::Close;
        let context = ResponseContext { client_version: serving.version, framing, keep_alive };
        self.outbox.append(|out| write_response(out, head, &context));
        serving.response = Responding::Body { encoder: BodyEncoder::new(framing), keep_alive };
    }

    /// Sends a piece of the response's body, or of a tunnel.
    pub(crate) fn send(&mut self, data: Bytes) {
        if let State::Exchange(serving) = &mut self.state {
            match &mut serving.response {
                Responding::Body { encoder, .. } => encoder.data(data, &mut self.outbox),
                Responding::Raw { .. } => self.outbox.put_bytes(data),
                Responding::Nothing => {}
            }
        }
    }

    /// Whether the response's next octets may come by pipe.
    pub(crate) fn takes_piped(&self) -> bool {
        let is_bare = self.serving().is_some_and(
            |serving| matches!(&serving.response, Responding::Body { encoder, .. } if encoder.is_bare()),
        );
        is_bare && self.outbox.takes_piped()
    }

    /// How many octets of the request are still to be received that nobody needs to see.
    pub(crate) fn unseen(&self) -> u64 {
        match &self.state {
            State::Exchange(Serving { request: Receiving::Body(decoder), .. }) if self.inbox.is_empty() => {
                decoder.certain()
            }
            _ => 0,
        }
    }

    /// `n` of them went by.
    pub(crate) fn skip(&mut self, n: usize) {
        if let State::Exchange(Serving { request: Receiving::Body(decoder), .. }) = &mut self.state {
            decoder.skip(n as u64);
        }
    }

    /// Ends the response and says what is to follow it.
    pub(crate) fn finish(&mut self, trailers: Option<&Trailers>) -> Then {
        let State::Exchange(serving) = &mut self.state else { return Then::Close };
        let Responding::Body { encoder, keep_alive } = &mut serving.response else { return Then::Close };
        encoder.end(trailers, &mut self.outbox);
        let keeps = *keep_alive && !matches!(serving.request, Receiving::Body(_));
        if keeps { Then::KeepAlive } else { self.farewell() }
    }

    /// How to close once the answer is out. A client that may still send, the rest of this request or the next one, is
    /// lingered for: its octets would reset the answer away. One that said `close` will send no more.
    pub(crate) fn farewell(&self) -> Then {
        let is_last = self.serving().is_some_and(|serving| !serving.keep_alive);
        if is_last && !self.owes_body() && self.inbox.is_empty() { Then::Close } else { Then::Linger }
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
        self.serving().is_some_and(|serving| !matches!(serving.response, Responding::Nothing))
    }
}
