//! One upstream connection speaking HTTP/1: requests out, responses in. Knows nothing of clients or policy.

use crate::forward::{RequestContext, write_request};
use crate::http::{
    BadBody, BadHead, BodyDecoder, Field, HeadKind, HeadLimits, HeadScanner, Method, RequestHead,
    ResponseHead, Trailers,
};
use crate::ids::{EndpointId, ExchangeId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::time::Instant;
use crate::transfer::{Fin, Received, Receiving, Sending};
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
    pub(crate) state: LinkState,
    /// It has served an exchange before: that it stands is not certain.
    pub(crate) reused: bool,
}

/// Where an upstream connection is.
#[derive(Clone, Debug, Hash)]
pub(crate) enum LinkState {
    /// The request waits in the outbox already.
    Connecting(Lease),
    Leased(Lease),
    /// In the pool since then; `lifetime` is what is left of its use.
    Idle {
        since: Instant,
        lifetime: Option<Duration>,
    },
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// It carries this exchange.
    Exchange(ExchangeId),
}

/// One use of a connection: a request and its response.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Lease {
    purpose: Purpose,
    request: Sending,
    response: Response,
    to_head: bool,
    /// How strictly its answer is read.
    kind: HeadKind,
    answered: bool,
    keep_alive: bool,
    /// The server's own Keep-Alive hint, in seconds.
    hint: Option<u32>,
}

/// How far the response is received.
#[derive(Clone, Debug, Hash)]
enum Response {
    /// No final head came.
    Head(HeadScanner),
    /// What follows it.
    Content(Receiving),
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
        kind: HeadKind,
        mut outbox: Outbox,
    ) -> Self {
        outbox.append(|out| write_request(out, head, context));
        Self { outbox, lease: Lease::new(Purpose::Exchange(exchange), head, kind) }
    }
}

/// How much of a request had left us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    /// Some or all of it, of which nothing is forgotten yet.
    Held,
    /// So much that its beginning is forgotten.
    Gone,
}

/// What an upstream said.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing more for now.
    Nothing,
    /// A head, interim ones and 101 included.
    Head(ResponseHead),
    BadHead(BadHead),
    /// A piece of the content, or of a tunnel.
    Data(Bytes),
    End(Option<Trailers>),
    BadBody(BadBody),
}

impl Link {
    /// A connection that is being made for `request`.
    pub(crate) fn connecting(endpoint: EndpointId, request: Request) -> Self {
        Self {
            endpoint,
            inbox: Inbox::default(),
            outbox: request.outbox,
            state: LinkState::Connecting(request.lease),
            reused: false,
        }
    }

    pub(crate) fn connected(&mut self) {
        if let LinkState::Connecting(lease) = &self.state {
            self.state = LinkState::Leased(lease.clone());
        }
    }

    /// Gives an idle connection `request` to carry.
    pub(crate) fn carry(&mut self, request: Request) {
        self.outbox = request.outbox;
        self.state = LinkState::Leased(request.lease);
    }

    /// Gives an idle connection a request to carry that was not written yet.
    pub(crate) fn ask(
        &mut self,
        exchange: ExchangeId,
        head: &RequestHead,
        context: &RequestContext<'_>,
        kind: HeadKind,
    ) {
        self.outbox.begin();
        self.outbox.append(|out| write_request(out, head, context));
        self.state = LinkState::Leased(Lease::new(Purpose::Exchange(exchange), head, kind));
    }

    /// Takes the request back, to send it elsewhere; `None` when part of it is gone.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if !self.outbox.is_complete() {
            return None;
        }
        let (LinkState::Connecting(lease) | LinkState::Leased(lease)) = &self.state else { return None };
        let mut request = Request { outbox: mem::take(&mut self.outbox), lease: lease.clone() };
        request.outbox.rewind();
        Some(request)
    }

    pub(crate) fn exchange(&self) -> Option<ExchangeId> {
        self.lease().map(|lease| match lease.purpose {
            Purpose::Exchange(id) => id,
        })
    }

    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.state, LinkState::Connecting(_))
    }

    /// Whether it is in the pool.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.state, LinkState::Idle { .. })
    }

    /// Octets came back: the server is alive and has seen the request.
    pub(crate) fn answered(&mut self) {
        if let LinkState::Leased(lease) = &mut self.state
            && !lease.answered
        {
            lease.answered = true;
            self.outbox.forget();
        }
    }

    /// How much of the request left us.
    pub(crate) fn sent(&self) -> Sent {
        match (self.outbox.is_untouched(), self.outbox.is_complete()) {
            (true, true) => Sent::Nothing,
            (false, true) => Sent::Held,
            (_, false) => Sent::Gone,
        }
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.lease().is_some_and(|lease| lease.answered)
    }

    /// Sends a piece of the request's content, or of a tunnel.
    pub(crate) fn send(&mut self, data: Bytes) {
        if let Some((request, outbox)) = self.request() {
            request.send(data, outbox);
        }
    }

    /// Ends the request's content.
    pub(crate) fn finish(&mut self, trailers: Option<&Trailers>) {
        if let Some((request, outbox)) = self.request() {
            request.end(trailers, outbox);
        }
    }

    /// The client ended its half of the tunnel.
    pub(crate) fn end_raw(&mut self) {
        if let Some((request, _)) = self.request() {
            request.end_raw();
        }
    }

    /// Whether the request's next octets may come by pipe.
    pub(crate) fn takes_piped(&self) -> bool {
        !self.is_connecting() && self.lease().is_some_and(|lease| lease.request.takes_piped(&self.outbox))
    }

    /// Whether the last octet of the request was taken by the kernel.
    pub(crate) fn is_request_sent(&self) -> bool {
        self.outbox.is_empty()
            && !self.is_connecting()
            && self.lease().is_some_and(|lease| lease.request.is_over())
    }

    /// Whether FIN is due: the client's half of the tunnel is over and everything is written.
    pub(crate) fn wants_fin(&self) -> bool {
        self.lease().is_some_and(|lease| lease.request.wants_fin(&self.outbox))
    }

    /// Understands the next part of what was received.
    pub(crate) fn next(&mut self, limits: &HeadLimits, memory: &mut Vec<Field>) -> Said {
        let LinkState::Leased(lease) = &mut self.state else { return Said::Nothing };
        match &mut lease.response {
            Response::Head(scanner) => {
                match next_head(&mut self.inbox, scanner, (lease.to_head, lease.kind), limits, memory) {
                    Ok(Some(head)) => {
                        lease.accept(&head);
                        Said::Head(head)
                    }
                    Ok(None) => Said::Nothing,
                    Err(bad) => Said::BadHead(bad),
                }
            }
            Response::Content(content) => match content.next(&mut self.inbox) {
                Received::Nothing => Said::Nothing,
                Received::Data(bytes) => Said::Data(bytes),
                Received::End(trailers) => Said::End(trailers),
                Received::Bad(bad) => Said::BadBody(bad),
            },
        }
    }

    /// How many octets of the response are still to be received that nobody needs to see.
    pub(crate) fn unseen(&self) -> u64 {
        match &self.state {
            LinkState::Leased(Lease { response: Response::Content(content), .. }) => {
                content.unseen(&self.inbox)
            }
            LinkState::Leased(_) | LinkState::Connecting(_) | LinkState::Idle { .. } => 0,
        }
    }

    /// `n` of them went by.
    pub(crate) fn skip(&mut self, n: usize) {
        if let LinkState::Leased(Lease { response: Response::Content(content), .. }) = &mut self.state {
            content.skip(n);
        }
    }

    /// What the upstream's FIN means just now.
    pub(crate) fn on_fin(&mut self) -> Fin {
        match &mut self.state {
            LinkState::Leased(Lease { response: Response::Content(content), .. }) => content.on_fin(),
            LinkState::Leased(_) | LinkState::Connecting(_) | LinkState::Idle { .. } => Fin::Truncated,
        }
    }

    /// Whether the connection can serve again, and if so for how long the server hinted that it keeps it. Only after
    /// messages whose ends were certain, with nothing left over either way (RFC 9112 §9.3).
    pub(crate) fn reusable(&self) -> Option<Option<u32>> {
        let lease = self.lease()?;
        let clean = matches!(lease.request, Sending::Done)
            && matches!(lease.response, Response::Content(Receiving::Done))
            && self.outbox.is_empty()
            && self.inbox.is_empty();
        (clean && lease.keep_alive).then_some(lease.hint)
    }

    /// Puts the connection into the state of a pooled one.
    pub(crate) fn park(&mut self, now: Instant, lifetime: Option<Duration>) {
        self.inbox = Inbox::default();
        self.reused = true;
        self.state = LinkState::Idle { since: now, lifetime };
    }

    fn lease(&self) -> Option<&Lease> {
        match &self.state {
            LinkState::Connecting(lease) | LinkState::Leased(lease) => Some(lease),
            LinkState::Idle { .. } => None,
        }
    }

    /// The request that it carries, and where its octets wait.
    fn request(&mut self) -> Option<(&mut Sending, &mut Outbox)> {
        match &mut self.state {
            LinkState::Connecting(lease) | LinkState::Leased(lease) => {
                Some((&mut lease.request, &mut self.outbox))
            }
            LinkState::Idle { .. } => None,
        }
    }
}

impl Lease {
    fn new(purpose: Purpose, head: &RequestHead, kind: HeadKind) -> Self {
        let framing = head.framing();
        Self {
            purpose,
            request: if framing.is_empty() { Sending::Done } else { Sending::new(framing) },
            response: Response::Head(HeadScanner::default()),
            to_head: head.method() == Method::Head,
            kind,
            answered: false,
            keep_alive: false,
            hint: None,
        }
    }

    fn accept(&mut self, head: &ResponseHead) {
        if head.is_interim() {
            self.response = Response::Head(HeadScanner::default());
        } else if head.is_switching() {
            self.request.switch();
            self.response = Response::Content(Receiving::Raw);
        } else {
            self.keep_alive = head.keep_alive();
            self.hint = head.keep_alive_timeout();
            self.response = Response::Content(Receiving::Body(BodyDecoder::of(head.framing(), self.kind)));
        }
    }
}

fn next_head(
    inbox: &mut Inbox,
    scanner: &mut HeadScanner,
    (to_head, kind): (bool, HeadKind),
    limits: &HeadLimits,
    memory: &mut Vec<Field>,
) -> Result<Option<ResponseHead>, BadHead> {
    if inbox.is_empty() {
        return Ok(None);
    }
    if *scanner == HeadScanner::default() {
        let head = ResponseHead::parse_front_in(inbox.lend(), to_head, kind, limits, memory);
        if !matches!(head, Ok(None)) {
            return head;
        }
    }
    match scanner.feed(inbox.as_slice(), kind, limits)? {
        Some(len) => ResponseHead::parse_as(kind, inbox.take(len), to_head, limits).map(Some),
        None => Ok(None),
    }
}
