//! A model of a client: one connection. Sends what the script says and checks by value what comes back.

use crate::content::{Body, content};
use crate::kernel::{End, Got, Wire};
use crate::laws::Facts;
use crate::message::{Head, Kind, Part, Reader, joined};
use crate::script::{self, Leave, Method, Pace, Script};
use crate::time::{MS, Nanos, SECOND, earliest};
use crate::wording;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    index: usize,
    plan: script::Client,
    pub(crate) wire: usize,
    began: Nanos,
    gone: bool,
    /// No request will follow: the proxy said so, or the client itself.
    closing: bool,
    reader: Reader,
    /// Octets of requests that were written down and not sent.
    unsent: Bytes,
    /// How many were sent.
    sent: usize,
    /// Requests written down: where each begins and ends in all that is ever sent.
    written: Vec<Written>,
    /// Requests of which at least an octet was sent, and no final response is over.
    outstanding: VecDeque<u32>,
    receiving: Option<Response>,
    /// A request to leave HTTP that is not answered.
    asked_to_switch: Option<u32>,
    tunnel: Option<Tunnel>,
    /// Where in all that is sent the octets of a tunnel begin.
    tunnel_from: Option<usize>,
    received: usize,
    next: u32,
    next_at: Nanos,
    next_send: Nanos,
    next_read: Nanos,
}

#[derive(Debug)]
struct Written {
    id: u32,
    from: usize,
    /// Where its body begins.
    body: usize,
    to: usize,
    /// Its body waits for a 100, or for this moment.
    held: Option<(usize, Nanos)>,
}

/// The final response under way.
#[derive(Debug)]
struct Response {
    id: u32,
    octets: usize,
    /// It came from an origin.
    passed_on: bool,
    to_head: bool,
    close: bool,
    /// Where its head ended, in all that was ever received.
    content: usize,
}

/// What follows a 101.
#[derive(Debug)]
struct Tunnel {
    id: u32,
    /// Where the 101 ended, in all that was ever received.
    content: usize,
    received: usize,
    /// The other side ended its half.
    is_half_over: bool,
}

impl Client {
    pub(crate) fn new(index: usize, plan: script::Client, wire: usize, now: Nanos) -> Self {
        Self {
            index,
            plan,
            wire,
            began: now,
            gone: false,
            closing: false,
            reader: Reader::new(),
            unsent: Bytes::new(),
            sent: 0,
            written: Vec::new(),
            outstanding: VecDeque::new(),
            receiving: None,
            asked_to_switch: None,
            tunnel: None,
            tunnel_from: None,
            received: 0,
            next: 0,
            next_at: now,
            next_send: now,
            next_read: now,
        }
    }

    /// Does what is to be done at `now`; returns when to look again if nothing happens before.
    pub(crate) fn step(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        if self.gone {
            return None;
        }
        let mut wake = self.read(now, wire, facts);
        if !self.gone {
            wake = earliest(wake, self.write_requests(now, facts));
            wake = earliest(wake, self.send(now, wire, facts));
            wake = earliest(wake, self.leave(now, wire, facts));
            self.end_tunnel(now, wire, facts);
        }
        wake.filter(|_| !self.gone)
    }

    /// Where the content of a request begins, in all that it ever sends.
    pub(crate) fn content_of_request(&self, id: u32) -> Option<usize> {
        self.written.iter().find(|written| written.id == id).map(|written| written.body)
    }

    /// Where the content of the response under way begins, in all that it ever received.
    pub(crate) fn content_of_response(&self, id: u32) -> Option<usize> {
        let tunnel = self.tunnel.iter().map(|tunnel| (tunnel.id, tunnel.content));
        let responses = self.receiving.iter().filter(|receiving| receiving.passed_on);
        let mut all = tunnel.chain(responses.map(|receiving| (receiving.id, receiving.content)));
        all.find(|(of, _)| *of == id).map(|(_, content)| content)
    }

    fn read(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        loop {
            let max = match self.plan.reading {
                Pace::Prompt => usize::MAX,
                Pace::Drip { .. } if now < self.next_read => return Some(self.next_read),
                Pace::Drip { bytes, every } => {
                    if wire.readable(now, End::Peer) {
                        self.next_read = now + Nanos::from(every.max(1)) * MS;
                    }
                    usize::from(bytes.max(1))
                }
                Pace::Stops { after } => usize::from(after).saturating_sub(self.received),
            };
            // Whether one reads or not: of a RST one hears.
            if max == 0 && !wire.is_reset(now, End::Peer) {
                return None;
            }
            let max = match self.plan.leave {
                Leave::AbortsReceiving { after, .. } => {
                    max.min((usize::from(after) + 1).saturating_sub(self.received))
                }
                _ => max,
            };
            match wire.read(now, End::Peer, max) {
                Got::Data(bytes) => {
                    self.received += bytes.len();
                    match &self.tunnel {
                        Some(_) => self.on_tunnel_data(&bytes, facts),
                        None => {
                            self.reader.push(bytes);
                            self.understand(now, facts);
                        }
                    }
                    if self.leave(now, wire, facts).is_none() && self.gone {
                        return None;
                    }
                }
                Got::Fin if self.tunnel.is_some() => {
                    self.on_tunnel_fin(facts);
                    return None;
                }
                Got::Fin => {
                    self.on_fin(now, facts);
                    wire.close(now, End::Peer);
                    self.gone = true;
                }
                Got::Reset => {
                    facts.client_ended(self.index, true);
                    self.gone = true;
                }
                Got::Nothing => return None,
            }
            if self.gone {
                return None;
            }
        }
    }

    fn on_fin(&mut self, now: Nanos, facts: &mut Facts) {
        if let Some(receiving) = self.receiving.take() {
            if self.reader.ends_by_close() {
                self.complete(now, &receiving, "", facts);
            }
        } else if !self.reader.rest().is_empty() {
            // Part of a head: nobody takes that for an answer.
            self.closing = true;
        }
        facts.client_ended(self.index, false);
    }

    fn understand(&mut self, now: Nanos, facts: &mut Facts) {
        loop {
            let asked = self.outstanding.front().copied();
            let to_head = asked.is_some_and(|id| wording::method(facts.script(), id) == Method::Head);
            let part = match self.reader.next(Kind::Response { to_head }) {
                Ok(Some(part)) => part,
                Ok(None) => return,
                Err(bad) => return facts.violate(format!("client {} got a bad response: {bad}", self.index)),
            };
            match (part, asked) {
                // What was meant for a tunnel that never was is no request.
                (Part::Head(_), None) if self.tunnel_from.is_some() => self.closing = true,
                (Part::Head(head), None) => {
                    let index = self.index;
                    return facts
                        .violate(format!("client {index} got a response that it did not ask for: {head:?}"));
                }
                (Part::Head(head), Some(id)) if head.status() == 101 => {
                    facts.client_saw_head(id, &head, true);
                    return self.on_switch(id, facts);
                }
                (Part::Head(head), Some(id)) if (100..200).contains(&head.status()) => {
                    facts.client_saw_interim(id, &head, now);
                    if head.status() == 100
                        && let Some(written) = self.written.last_mut()
                    {
                        written.held = None;
                    }
                }
                (Part::Head(head), Some(id)) => self.on_head(id, &head, to_head, facts),
                (Part::Body(bytes), _) => self.on_body(&bytes, facts),
                (Part::End(trailers), _) => {
                    if let Some(receiving) = self.receiving.take() {
                        self.complete(now, &receiving, &trailers, facts);
                        if receiving.close && receiving.to_head && !receiving.passed_on {
                            // A reply to a head that the proxy never read: it can't know that it was a HEAD.
                            self.reader = Reader::new();
                            return;
                        }
                    }
                }
            }
        }
    }

    fn on_head(&mut self, id: u32, head: &Head, to_head: bool, facts: &mut Facts) {
        let connection = head.field("connection").unwrap_or_default();
        let is_http10 = wording::is_http10(facts.script(), id);
        let content = self.received - self.reader.rest().len();
        let close = if is_http10 { connection != "keep-alive" } else { connection.contains("close") };
        self.asked_to_switch.take_if(|asked| *asked == id);
        if head.status() == 408 && head.field("x-grumble").is_some() {
            facts.client_saw_grumble(id);
            self.receiving = Some(Response { id, octets: 0, passed_on: false, to_head, close, content });
            return;
        }
        let passed_on = head.field("x-id").is_some();
        match head.field("x-id") {
            Some(named) if named != id.to_string() => {
                facts.violate(format!("client {} asked for {id} and got {named}", self.index));
            }
            None if head.field("proxy-status").is_none() => {
                facts
                    .violate(format!("a response to {id} is neither the origin's nor the proxy's: {head:?}"));
            }
            Some(_) | None => {}
        }
        if is_http10 && head.field("transfer-encoding").is_some() {
            facts.violate(format!("the 1.0 client of {id} got a transfer coding"));
        }
        facts.client_saw_head(id, head, passed_on);
        self.receiving = Some(Response { id, octets: 0, passed_on, to_head, close, content });
    }

    fn on_body(&mut self, bytes: &[u8], facts: &mut Facts) {
        let Some(receiving) = &mut self.receiving else { return };
        if receiving.passed_on {
            facts.client_got_body(receiving.id, receiving.octets, bytes);
        }
        receiving.octets += bytes.len();
        facts.client_got(receiving.id, receiving.octets);
    }

    fn complete(&mut self, now: Nanos, receiving: &Response, trailers: &str, facts: &mut Facts) {
        self.outstanding.pop_front();
        facts.client_saw_end(receiving.id, self.received - self.reader.rest().len());
        if receiving.passed_on {
            facts.client_got_all(receiving.id, receiving.octets, trailers);
        }
        facts.client_saw_all(receiving.id, receiving.close);
        facts.client_counted(receiving.id, receiving.passed_on || !receiving.to_head);
        if receiving.close {
            self.closing = true;
        }
        self.next_at = now + Nanos::from(self.plan.think) * MS;
    }

    /// Writes down the requests whose time has come.
    fn write_requests(&mut self, now: Nanos, facts: &mut Facts) -> Option<Nanos> {
        let count = Script::count(&self.plan);
        while self.next < count && !self.closing {
            let is_free = self.outstanding.is_empty() && self.unsent.is_empty();
            if (!self.plan.pipelined || self.asked_to_switch.is_some()) && !is_free {
                return None;
            }
            if now < self.next_at && !self.plan.pipelined {
                return Some(self.next_at);
            }
            let id = Script::id(self.index, self.next);
            self.next += 1;
            let asked = wording::ask(facts.script(), id);
            let from = self.sent + self.unsent.len();
            // Nobody waits for a 100 behind which other requests are written already.
            let holds = wording::expects(facts.script(), id) && !self.plan.pipelined;
            let held = holds.then_some((from + asked.head_len, now + SECOND));
            let body = from + asked.head_len;
            facts.client_writes(id, [from, body, from + asked.octets.len()]);
            self.written.push(Written { id, from, body, to: from + asked.octets.len(), held });
            self.unsent = joined(std::mem::take(&mut self.unsent), asked.octets);
            if wording::upgrades(facts.script(), id) {
                self.asked_to_switch = Some(id);
            }
            if wording::is_eager(facts.script(), id) {
                self.put_tunnel(id, facts);
            }
            if wording::says_close(facts.script(), id) || self.tunnel_from.is_some() {
                self.closing = true;
            }
        }
        None
    }

    fn send(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        let mut left = self.unsent.len();
        let mut wake = None;
        if let Some((at, until)) = self.written.last().and_then(|written| written.held)
            && now < until
        {
            left = at.saturating_sub(self.sent);
            wake = Some(until);
        }
        if left == 0 {
            return wake;
        }
        match self.plan.sending {
            Pace::Prompt => {}
            Pace::Drip { .. } if now < self.next_send => return Some(self.next_send),
            Pace::Drip { bytes, every } => {
                left = left.min(usize::from(bytes.max(1)));
                self.next_send = now + Nanos::from(every.max(1)) * MS;
                wake = earliest(wake, Some(self.next_send));
            }
            Pace::Stops { after } => left = left.min(usize::from(after).saturating_sub(self.sent)),
        }
        if let Leave::AbortsSending { after, .. } = self.plan.leave {
            left = left.min(usize::from(after).saturating_sub(self.sent));
        }
        let before = self.sent;
        let taken = wire.write(now, End::Peer, self.unsent.slice(..left));
        self.unsent.advance(taken);
        let arrives = wire.arrives(now, End::Peer);
        self.sent += taken;
        if let Some(from) = self.tunnel_from.filter(|from| *from < self.sent) {
            facts.client_tunnelled(self.written.last().map_or(0, |written| written.id), self.sent - from);
        }
        for written in &self.written {
            if written.from >= before && written.from < self.sent {
                self.outstanding.push_back(written.id);
                facts.client_began(written.id, now);
            }
            if written.body > before && written.body <= self.sent {
                facts.client_sent_head(written.id, arrives);
            }
            if written.to > before && written.to <= self.sent {
                facts.client_sent_all(written.id, arrives);
            }
            if self.sent > before && written.from < self.sent && written.to > before {
                facts.client_sent(written.id, arrives);
            }
        }
        wake
    }

    /// Leaves if it is time to.
    fn leave(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        let is_last = self.next == Script::count(&self.plan) || self.tunnel.is_some();
        let asked_all = is_last && self.unsent.is_empty() && self.asked_to_switch.is_none();
        let reset = match self.plan.leave {
            Leave::Stays => return None,
            Leave::Closes if asked_all && self.outstanding.is_empty() => false,
            Leave::HalfCloses | Leave::HalfClosesRudely if asked_all => {
                self.tunnel.iter().for_each(|tunnel| facts.client_ended_half(tunnel.id));
                wire.finish(now, End::Peer);
                facts.client_half_closed(self.index, wire.arrives(now, End::Peer));
                return None;
            }
            Leave::AbortsSending { after, reset } if self.sent >= usize::from(after) => reset,
            Leave::AbortsReceiving { after, reset } if self.received > usize::from(after) => reset,
            Leave::AbortsAt { ms, reset } => {
                let at = self.began + Nanos::from(ms) * MS;
                if now < at {
                    return Some(at);
                }
                reset
            }
            _ => return None,
        };
        if self.plan.leave != Leave::Closes {
            facts.client_aborted(self.index);
        }
        if reset {
            wire.reset(now, End::Peer);
        } else {
            if self.asked_to_switch.is_some() || self.tunnel_from.is_some() {
                self.written.last().iter().for_each(|last| facts.client_ended_half(last.id));
            }
            wire.close(now, End::Peer);
        }
        self.gone = true;
        None
    }

    /// Has the octets sent that go through a tunnel.
    fn put_tunnel(&mut self, id: u32, facts: &Facts) {
        let octets = wording::request_octets(&facts.script().request(id));
        let octets = content(id, Body::Request).get(..octets).unwrap_or_default();
        self.tunnel_from = Some(self.sent + self.unsent.len());
        self.unsent = joined(std::mem::take(&mut self.unsent), Bytes::from_static(octets));
    }

    fn on_switch(&mut self, id: u32, facts: &mut Facts) {
        self.closing = true;
        self.asked_to_switch = None;
        let content = self.received - self.reader.rest().len();
        self.tunnel = Some(Tunnel { id, content, received: 0, is_half_over: false });
        if self.tunnel_from.is_none() {
            self.put_tunnel(id, facts);
        }
        let first = self.reader.take_rest();
        self.on_tunnel_data(&first, facts);
    }

    fn on_tunnel_data(&mut self, data: &[u8], facts: &mut Facts) {
        let Some(tunnel) = &mut self.tunnel else { return };
        facts.client_got_tunnelled(tunnel.id, tunnel.received, data);
        tunnel.received += data.len();
    }

    fn on_tunnel_fin(&mut self, facts: &mut Facts) {
        let Some(tunnel) = &mut self.tunnel else { return };
        tunnel.is_half_over = true;
        facts.client_saw_half_end(tunnel.id, tunnel.received);
        facts.client_saw_all(tunnel.id, true);
    }

    /// Ends the client's half of a tunnel whose other half is over, when everything is sent.
    fn end_tunnel(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) {
        let Some(tunnel) = self.tunnel.as_ref().filter(|tunnel| tunnel.is_half_over) else { return };
        if self.unsent.is_empty() && !self.gone {
            facts.client_ended_half(tunnel.id);
            wire.close(now, End::Peer);
            self.gone = true;
        }
    }
}
