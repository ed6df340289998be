//! One upstream connection speaking HTTP/1: requests out, responses in. Knows nothing of clients or policy.

use crate::forward::{RequestContext, write_request};
use crate::http::{
    BadBody, BadHead, BodyDecoder, BodyEncoder, BodySink, Field, Framing, HeadKind, HeadLimits, HeadScanner,
    Method, Piece, RequestHead, ResponseHead, Trailers, Truncated,
};
use crate::ids::{EndpointId, ExchangeId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::time::Instant;
use alloc::vec::Vec;
use bytes::Bytes;
use core::mem;
use core::time::Duration;

/// One upstream connection.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Link {
    /// Whom it leads to.
    pub(crate) endpoint: EndpointId,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) state: State,
    /// It has served an exchange before: that it stands is not certain.
    pub(crate) reused: bool,
}

/// Where an upstream connection is.
#[derive(Clone, Debug, Hash)]
pub(crate) enum State {
    /// The request waits in the outbox already.
    Connecting(Lease),
    Leased(Lease),
    /// In the pool since then; `lifetime` is what is left of its use.
    Idle {
        since: Instant,
        lifetime: Option<Duration>,
    },
}

/// An exchange's use of a connection.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Lease {
    exchange: ExchangeId,
    request: Sending,
    response: Receiving,
    to_head: bool,
    answered: bool,
    keep_alive: bool,
    /// The server's own Keep-Alive hint, in seconds.
    hint: Option<u32>,
}

#[derive(Clone, Debug, Hash)]
enum Sending {
    Body(BodyEncoder),
    Done,
    /// After 101; `fin` once the client will send no more.
    Raw {
        fin: bool,
    },
}

#[derive(Clone, Debug, Hash)]
enum Receiving {
    Head(HeadScanner),
    Body(BodyDecoder),
    Done,
    Raw,
}

/// A request on its way: its octets, and how they go on.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Request {
    outbox: Outbox,
    lease: Lease,
}

impl Request {
    /// Writes it into `outbox`, which is empty.
    pub(crate) fn new(
        exchange: ExchangeId,
        head: &RequestHead,
        context: &RequestContext<'_>,
        mut outbox: Outbox,
    ) -> Self {
        outbox.append(|out| write_request(out, head, context));
        Self { outbox, lease: Lease::new(exchange, head) }
    }
}

/// What an upstream said.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing more for now.
    Nothing,
    /// A head, interim ones and 101 included.
    Head(ResponseHead),
    BadHead(BadHead),
    Body(Bytes),
    End(Option<Trailers>),
    BadBody(BadBody),
    Raw(Bytes),
}

/// What the upstream's FIN means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fin {
    /// It ends a close-delimited response, which is whole.
    Whole,
    /// It ends its half of a tunnel.
    HalfClose,
    /// The response is cut.
    Truncated,
}

impl Link {
    /// A connection that is being made for `request`.
    pub(crate) fn connecting(endpoint: EndpointId, request: Request) -> Self {
        Self {
            endpoint,
            inbox: Inbox::default(),
            outbox: request.outbox,
            state: State::Connecting(request.lease),
            reused: false,
        }
    }

    pub(crate) fn connected(&mut self) {
        if let State::Connecting(lease) = &self.state {
            self.state = State::Leased(lease.clone());
        }
    }

    /// Gives an idle connection `request` to carry.
    pub(crate) fn carry(&mut self, request: Request) {
        self.outbox = request.outbox;
        self.state = State::Leased(request.lease);
    }

    /// Gives an idle connection a request to carry that was not written yet.
    pub(crate) fn ask(&mut self, exchange: ExchangeId, head: &RequestHead, context: &RequestContext<'_>) {
        self.outbox.begin();
        self.outbox.append(|out| write_request(out, head, context));
        self.state = State::Leased(Lease::new(exchange, head));
    }

    /// Takes the request back, to send it elsewhere; `None` when part of it is gone.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if !self.outbox.is_complete() {
            return None;
        }
        let (State::Connecting(lease) | State::Leased(lease)) = &self.state else { return None };
        let mut request = Request { outbox: mem::take(&mut self.outbox), lease: lease.clone() };
        request.outbox.rewind();
        Some(request)
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Connecting(lease) | State::Leased(lease) => Some(lease),
            State::Idle { .. } => None,
        }
    }

    fn lease_mut(&mut self) -> Option<(&mut Lease, &mut Inbox, &mut Outbox)> {
        match &mut self.state {
            State::Connecting(lease) | State::Leased(lease) => {
                Some((lease, &mut self.inbox, &mut self.outbox))
            }
            State::Idle { .. } => None,
        }
    }

    pub(crate) fn exchange(&self) -> Option<ExchangeId> {
        self.lease().map(|lease| lease.exchange)
    }

    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// Octets came back: the server is alive and has seen the request.
    pub(crate) fn answered(&mut self) {
        if let Some((lease, _, outbox)) = self.lease_mut()
            && !lease.answered
        {
            lease.answered = true;
            outbox.forget();
        }
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.lease().is_some_and(|lease| lease.answered)
    }

    /// Sends a piece of the request's body, or of a tunnel.
    pub(crate) fn send(&mut self, data: Bytes) {
        if let Some((lease, _, outbox)) = self.lease_mut() {
            match &mut lease.request {
                Sending::Body(encoder) => encoder.data(data, outbox),
                Sending::Raw { .. } => outbox.put_bytes(data),
                Sending::Done => {}
            }
        }
    }

    /// Ends the request's body.
    pub(crate) fn finish(&mut self, trailers: Option<&Trailers>) {
        if let Some((lease, _, outbox)) = self.lease_mut()
            && let Sending::Body(encoder) = &mut lease.request
        {
            encoder.end(trailers, outbox);
            lease.request = Sending::Done;
        }
    }

    /// Whether the request's next octets may come by pipe.
    pub(crate) fn takes_piped(&self) -> bool {
        let State::Leased(lease) = &self.state else { return false };
        matches!(&lease.request, Sending::Body(encoder) if encoder.is_bare()) && self.outbox.takes_piped()
    }

    /// How many octets of the response are still to be received that nobody needs to see.
    pub(crate) fn unseen(&self) -> u64 {
        match &self.state {
            State::Leased(Lease { response: Receiving::Body(decoder), .. }) if self.inbox.is_empty() => {
                decoder.certain()
            }
            State::Leased(_) | State::Connecting(_) | State::Idle { .. } => 0,
        }
    }

    /// `n` of them went by.
    pub(crate) fn skip(&mut self, n: usize) {
        if let State::Leased(Lease { response: Receiving::Body(decoder), .. }) = &mut self.state {
            decoder.skip(n as u64);
        }
    }

    /// The client ended its half of the tunnel.
    pub(crate) fn finish_raw(&mut self) {
        if let Some((lease, _, _)) = self.lease_mut() {
            lease.request = Sending::Raw { fin: true };
        }
    }

    /// Whether the last octet of the request was taken by the kernel.
    pub(crate) fn is_request_sent(&self) -> bool {
        self.outbox.is_empty()
            && !self.is_connecting()
            && self.lease().is_some_and(|lease| !matches!(lease.request, Sending::Body(_)))
    }

    /// Whether FIN is due: the client's half of the tunnel is over and everything is written.
    pub(crate) fn wants_fin(&self) -> bool {
        self.outbox.is_empty()
            && self.lease().is_some_and(|lease| matches!(lease.request, Sending::Raw { fin: true }))
    }

    /// Understands the next part of what was received.
    pub(crate) fn next(&mut self, limits: &HeadLimits, memory: &mut Vec<Field>) -> Said {
        let State::Leased(lease) = &mut self.state else { return Said::Nothing };
        match &mut lease.response {
            Receiving::Head(scanner) => {
                match next_head(&mut self.inbox, scanner, lease.to_head, limits, memory) {
                    Ok(Some(head)) => {
                        lease.accept(&head);
                        Said::Head(head)
                    }
                    Ok(None) => Said::Nothing,
                    Err(bad) => Said::BadHead(bad),
                }
            }
            Receiving::Body(decoder) => match decoder.decode(self.inbox.lend()) {
                Ok(Piece::NeedMore) => Said::Nothing,
                Ok(Piece::Data(bytes)) => Said::Body(bytes),
                Ok(Piece::End(trailers)) => {
                    lease.response = Receiving::Done;
                    Said::End(trailers)
                }
                Err(bad) => Said::BadBody(bad),
            },
            Receiving::Raw if !self.inbox.is_empty() => Said::Raw(self.inbox.take(self.inbox.len())),
            Receiving::Raw | Receiving::Done => Said::Nothing,
        }
    }

    /// What the upstream's FIN means just now.
    pub(crate) fn on_fin(&mut self) -> Fin {
        let State::Leased(lease) = &mut self.state else { return Fin::Truncated };
        match &mut lease.response {
            Receiving::Raw => Fin::HalfClose,
            Receiving::Body(decoder) => match decoder.eof() {
                Ok(()) => {
                    lease.response = Receiving::Done;
                    Fin::Whole
                }
                Err(Truncated) => Fin::Truncated,
            },
            Receiving::Head(_) | Receiving::Done => Fin::Truncated,
        }
    }

    /// Whether the connection can serve again, and if so for how long the server hinted that it keeps it. Only after
    /// messages whose ends were certain, with nothing left over either way (RFC 9112 §9.3).
    pub(crate) fn reusable(&self) -> Option<Option<u32>> {
        let lease = self.lease()?;
        let clean = matches!(lease.request, Sending::Done)
            && matches!(lease.response, Receiving::Done)
            && self.outbox.is_empty()
            && self.inbox.is_empty();
        (clean && lease.keep_alive).then_some(lease.hint)
    }

    /// Puts the connection into the state of a pooled one.
    pub(crate) fn park(&mut self, now: Instant, lifetime: Option<Duration>) {
        self.inbox = Inbox::default();
        self.reused = true;
        self.state = State::Idle { since: now, lifetime };
    }
}

impl Lease {
    fn new(exchange: ExchangeId, head: &RequestHead) -> Self {
        let request = match head.framing() {
            Framing::None | Framing::Length(0) => Sending::Done,
            framing => Sending::Body(BodyEncoder::new(framing)),
        };
        Self {
            exchange,
            request,
            response: Receiving::Head(HeadScanner::default()),
            to_head: head.method() == Method::Head,
            answered: false,
            keep_alive: false,
            hint: None,
        }
    }

    fn accept(&mut self, head: &ResponseHead) {
        if head.is_interim() {
            self.response = Receiving::Head(HeadScanner::default());
        } else if head.is_switching() {
            self.request = Sending::Raw { fin: false };
            self.response = Receiving::Raw;
        } else {
            self.keep_alive = head.keep_alive();
            self.hint = head.keep_alive_timeout();
            self.response = Receiving::Body(BodyDecoder::new(head.framing()));
        }
    }
}

fn next_head(
    inbox: &mut Inbox,
    scanner: &mut HeadScanner,
    to_head: bool,
    limits: &HeadLimits,
    memory: &mut Vec<Field>,
) -> Result<Option<ResponseHead>, BadHead> {
    if inbox.is_empty() {
        return Ok(None);
    }
    if *scanner == HeadScanner::default() {
        let head = ResponseHead::parse_front_in(inbox.lend(), to_head, limits, memory);
        if !matches!(head, Ok(None)) {
            return head;
        }
    }
    match scanner.feed(inbox.as_slice(), HeadKind::Response, limits)? {
        Some(len) => ResponseHead::parse(inbox.take(len), to_head, limits).map(Some),
        None => Ok(None),
    }
}
