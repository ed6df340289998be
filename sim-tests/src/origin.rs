//! A model of an origin server: one of its connections. Strict in what it reads, scripted in how it answers.

use crate::kernel::{End, Got, Wire};
use crate::laws::Facts;
use crate::message::{Kind, Part, Reader};
use crate::script::{Answer, AnswerEnd, Endpoint, Pace};
use crate::time::{MS, Nanos, earliest};
use crate::wording::{self, Answered};
use bytes::Bytes;

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Server {
    /// Which of the proxy's connections to servers it is.
    number: usize,
    pub(crate) wire: usize,
    endpoint: Endpoint,
    reader: Reader,
    /// Octets that were ever read.
    read: usize,
    state: State,
    /// Since when it is idle, once it has served.
    idle_since: Option<Nanos>,
    /// More was sent than announced, and the proxy got it all in one piece.
    poisoned: bool,
    /// It said that it closes.
    has_said_close: bool,
    /// When its complaint about an idle connection reached the proxy.
    pub(crate) grumbled: Option<Nanos>,
}

#[derive(Debug)]
enum State {
    Idle,
    Serving(Box<Serving>),
    Gone,
}

#[derive(Debug)]
struct Serving {
    id: u32,
    /// Where its head ended, in all that was ever read.
    asked: usize,
    /// Where the answer's head ends, in all that was ever written.
    answered: Option<usize>,
    /// Where the answer ends.
    ends: Option<usize>,
    plan: Answer,
    answer: Answered,
    /// The client waits for a 100.
    owes_continue: bool,
    /// Content octets of the request so far.
    received: usize,
    request_whole: bool,
    /// When the first octet of the answer goes out.
    starts: Option<Nanos>,
    sent: usize,
    next_drip: Nanos,
    /// What comes now is not HTTP.
    is_tunnel: bool,
    /// The client's half of the tunnel is over, and ours.
    halves: [bool; 2],
}

/// A request that an origin serves, and where in the octets of its connection the content is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) id: u32,
    /// Where the request's head ended, in all that the origin ever read.
    pub(crate) asked: usize,
    /// Where the response's head ends, in all that it ever wrote.
    pub(crate) answered: Option<usize>,
    /// Where the response ends.
    pub(crate) ends: Option<usize>,
}

impl Flow {
    /// Whether these octets of its connection are the whole response, and more perhaps.
    pub(crate) fn is_answered(&self, octets: usize) -> bool {
        self.ends.is_some_and(|ends| octets >= ends)
    }
}

impl Server {
    pub(crate) const fn new(number: usize, wire: usize, endpoint: Endpoint) -> Self {
        Self {
            number,
            wire,
            endpoint,
            reader: Reader::new(),
            read: 0,
            state: State::Idle,
            idle_since: None,
            poisoned: false,
            has_said_close: false,
            grumbled: None,
        }
    }

    /// Does what is to be done at `now`; returns when to look again if nothing happens before.
    pub(crate) fn step(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        let (is_down, changes) = self.endpoint.is_down(now);
        if is_down && !matches!(self.state, State::Gone) {
            facts.origin_left_with(self.reader.rest(), self.serving_id());
            wire.reset(now, End::Peer);
            self.state = State::Gone;
        }
        self.read(now, wire, facts);
        let wake = self.answer(now, wire, facts);
        let goes_down = (changes < Nanos::MAX && !matches!(self.state, State::Gone)).then_some(changes);
        earliest(wake, goes_down)
    }

    fn read(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) {
        loop {
            if wire.is_reset(now, End::Peer) && !matches!(self.state, State::Gone) {
                // Whether one reads or not: writing would fail.
                wire.read(now, End::Peer, 0);
                facts.origin_left_with(self.reader.rest(), self.serving_id());
                self.state = State::Gone;
            }
            let is_deaf = matches!(&self.state, State::Serving(serving) if serving.plan.deaf);
            if matches!(self.state, State::Gone) || is_deaf {
                return;
            }
            match wire.read(now, End::Peer, usize::MAX) {
                Got::Data(bytes) => {
                    self.read += bytes.len();
                    self.reader.push(bytes);
                    self.understand(now, facts);
                }
                Got::Fin if self.tunnel().is_some() => {
                    if let Some(serving) = self.tunnel() {
                        serving.halves[0] = true;
                        facts.origin_saw_half_end(serving.id, serving.received);
                    }
                    return;
                }
                Got::Fin => {
                    // The proxy half-closes nothing but tunnels: it is gone.
                    facts.origin_left_with(self.reader.rest(), self.serving_id());
                    wire.close(now, End::Peer);
                    self.state = State::Gone;
                }
                Got::Reset => {
                    facts.origin_left_with(self.reader.rest(), self.serving_id());
                    self.state = State::Gone;
                }
                Got::Nothing => return,
            }
        }
    }

    /// The request that is being served.
    pub(crate) fn flow(&self) -> Option<Flow> {
        let State::Serving(serving) = &self.state else { return None };
        Some(Flow { id: serving.id, asked: serving.asked, answered: serving.answered, ends: serving.ends })
    }

    fn serving_id(&self) -> Option<u32> {
        if let State::Serving(serving) = &self.state { Some(serving.id) } else { None }
    }

    fn tunnel(&mut self) -> Option<&mut Serving> {
        match &mut self.state {
            State::Serving(serving) if serving.is_tunnel => Some(serving),
            State::Serving(_) | State::Idle | State::Gone => None,
        }
    }

    fn understand(&mut self, now: Nanos, facts: &mut Facts) {
        loop {
            if let State::Serving(serving) = &mut self.state
                && serving.is_tunnel
            {
                let octets = self.reader.take_rest();
                facts.origin_got_tunnelled(serving.id, serving.received, &octets);
                serving.received += octets.len();
                return;
            }
            let part = match self.reader.next(Kind::Request) {
                Ok(Some(part)) => part,
                Ok(None) => return,
                Err(bad) => return facts.violate(format!("the proxy sent a bad request: {bad}")),
            };
            match (&mut self.state, part) {
                (State::Idle, Part::Head(head)) => {
                    let Some(id) = facts.origin_got(&head) else { return };
                    if self.poisoned {
                        facts.violate(format!("{id} came on a connection with octets left over"));
                    }
                    let asked = self.read - self.reader.rest().len();
                    facts.carried(id, self.number, asked - head.raw.len());
                    if self.has_said_close {
                        facts.violate(format!("{id} came on a connection that was to close"));
                    }
                    let plan = facts.script().answer(id);
                    self.poisoned = wording::is_over_long(facts.script(), id) && facts.moves_whole();
                    let answer = wording::answer(facts.script(), id, self.endpoint.hint);
                    let owes_continue = plan.continues && head.field("expect").is_some();
                    self.poisoned &= answer.octets.len() < READ_MIN;
                    self.state = State::Serving(Box::new(Serving {
                        id,
                        asked,
                        answered: None,
                        ends: None,
                        plan,
                        answer,
                        owes_continue,
                        received: 0,
                        request_whole: false,
                        starts: None,
                        sent: 0,
                        next_drip: 0,
                        is_tunnel: false,
                        halves: [false; 2],
                    }));
                }
                (State::Serving(serving), Part::Body(bytes)) => {
                    facts.origin_got_body(serving.id, serving.received, &bytes);
                    serving.received += bytes.len();
                }
                (State::Serving(serving), Part::End(trailers)) => {
                    serving.request_whole = true;
                    serving.is_tunnel = wording::switches(facts.script(), serving.id);
                    facts.origin_got_all(serving.id, serving.received, &trailers);
                    facts.carried_whole(serving.id, self.read - self.reader.rest().len());
                    // An early answer may be over before its request is.
                    let is_over = serving.starts.is_some() && serving.sent == serving.answer.lengths.sent_max;
                    if is_over && matches!(serving.plan.end, AnswerEnd::Whole | AnswerEnd::OverLong) {
                        self.state = State::Idle;
                        self.idle_since = Some(now);
                    }
                }
                (State::Serving(serving), Part::Head(head)) => {
                    facts.violate(format!("{head:?} came before {} was answered", serving.id));
                }
                (State::Idle | State::Gone, _) => return,
            }
        }
    }

    fn answer(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        let serving = match &mut self.state {
            State::Gone => return None,
            State::Idle => return self.idle(now, wire),
            State::Serving(serving) => serving,
        };
        if serving.owes_continue && wire.room(End::Peer) > CONTINUE.len() {
            serving.owes_continue = false;
            wire.write(now, End::Peer, Bytes::from_static(CONTINUE));
            facts.origin_spoke(serving.id, wire.arrives(now, End::Peer));
        }
        if serving.starts.is_none() && (serving.request_whole || serving.plan.early) {
            serving.starts = Some(now + Nanos::from(serving.plan.delay) * MS);
        }
        let starts = serving.starts?;
        if now < starts {
            return Some(starts);
        }
        if serving.plan.endless > 0 {
            return serving.stall(now, wire, facts);
        }
        let wake = serving.send(now, wire, facts);
        if serving.sent < serving.answer.lengths.sent_max {
            return wake;
        }
        let is_open = serving.is_tunnel && serving.sent >= serving.answer.lengths.head_end;
        if is_open && serving.end_half(now, wire, facts) {
            self.state = State::Gone;
            return None;
        }
        let is_last = wording::ends_connection(facts.script(), serving.id);
        match serving.plan.end {
            AnswerEnd::Hangs { .. } => {}
            AnswerEnd::Whole | AnswerEnd::OverLong | AnswerEnd::Fin { .. } if is_open => {}
            AnswerEnd::Reset { .. } => {
                wire.reset(now, End::Peer);
                self.state = State::Gone;
            }
            AnswerEnd::Fin { .. } => {
                wire.close(now, End::Peer);
                self.state = State::Gone;
            }
            AnswerEnd::Whole if is_last && wording::leaves_open(facts.script(), serving.id) => {
                self.has_said_close = true;
                self.state = State::Idle;
            }
            AnswerEnd::Whole if is_last => {
                wire.close(now, End::Peer);
                self.state = State::Gone;
            }
            AnswerEnd::Whole | AnswerEnd::OverLong if serving.request_whole => {
                self.state = State::Idle;
                self.idle_since = Some(now);
                return self.idle(now, wire);
            }
            AnswerEnd::Whole | AnswerEnd::OverLong => {}
        }
        None
    }

    fn idle(&mut self, now: Nanos, wire: &mut Wire) -> Option<Nanos> {
        if self.endpoint.idle_close == 0 {
            return None;
        }
        let ends = self.idle_since? + Nanos::from(self.endpoint.idle_close) * MS;
        if now < ends {
            return Some(ends);
        }
        if self.endpoint.grumbles && wire.room(End::Peer) > GRUMBLE.len() {
            wire.write(now, End::Peer, Bytes::from_static(GRUMBLE));
            self.grumbled = Some(wire.arrives(now, End::Peer));
            wire.close(now, End::Peer);
            self.state = State::Gone;
            return None;
        }
        // A RST in pursuit of an answer would destroy it: that is truncation, another fault.
        if self.endpoint.idle_reset && wire.is_delivered(End::Peer) {
            wire.reset(now, End::Peer);
        } else {
            wire.close(now, End::Peer);
        }
        self.state = State::Gone;
        None
    }
}

impl Serving {
    /// Sends what may be sent by now.
    fn send(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        let mut left = self.answer.lengths.sent_max - self.sent;
        let mut wake = None;
        match self.plan.pace {
            Pace::Prompt => {}
            Pace::Drip { bytes, every } => {
                if now < self.next_drip {
                    return Some(self.next_drip);
                }
                left = left.min(usize::from(bytes.max(1)));
                self.next_drip = now + Nanos::from(every.max(1)) * MS;
                wake = Some(self.next_drip);
            }
            Pace::Stops { after } => left = left.min(usize::from(after).saturating_sub(self.sent)),
        }
        let before = usize::try_from(wire.progress(End::Peer).written).unwrap_or(usize::MAX);
        let n = wire.write(now, End::Peer, self.answer.octets.slice(self.sent..self.sent + left));
        let answered = *self.answered.get_or_insert(before + self.answer.lengths.head_end);
        let ends = *self.ends.get_or_insert(before + self.answer.lengths.message_end);
        self.sent += n;
        facts.carries_back(self.id, answered, ends);
        if self.sent >= self.answer.lengths.message_end {
            // What would follow later could pass for the answer to a later request: nobody can tell.
            self.answer.lengths.sent_max = self.sent;
        }
        if n > 0 {
            facts.origin_sent(self.id, wire.arrives(now, End::Peer), self.sent, &self.answer);
            if self.is_tunnel && self.sent >= self.answer.lengths.head_end {
                facts.origin_tunnelled(self.id, self.sent - self.answer.lengths.head_end);
            }
        }
        wake
    }
}

impl Serving {
    /// Sends one more interim response.
    fn stall(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> Option<Nanos> {
        if now >= self.next_drip && wire.room(End::Peer) > STALL.len() {
            self.next_drip = now + Nanos::from(self.plan.endless.max(1_000)) * MS;
            wire.write(now, End::Peer, Bytes::from_static(STALL));
            facts.origin_spoke(self.id, wire.arrives(now, End::Peer));
        }
        Some(self.next_drip.max(now + MS))
    }

    /// Ends our half of a tunnel when it is time to. Whether both are over.
    fn end_half(&mut self, now: Nanos, wire: &mut Wire, facts: &mut Facts) -> bool {
        let is_over = match self.plan.end {
            AnswerEnd::Whole | AnswerEnd::OverLong => self.plan.closes || self.halves[0],
            AnswerEnd::Fin { .. } => true,
            AnswerEnd::Hangs { .. } | AnswerEnd::Reset { .. } => false,
        };
        if is_over && !self.halves[1] {
            self.halves[1] = true;
            facts.origin_ended_half(self.id);
            wire.finish(now, End::Peer);
        }
        let both = self.halves == [true; 2];
        if both {
            wire.close(now, End::Peer);
        }
        both
    }
}

/// What an endless answer consists of.
const STALL: &[u8] = b"HTTP/1.1 103 Interim\r\nLink: </a>\r\n\r\n";

/// What a server says that closes an idle connection.
const GRUMBLE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nX-Grumble: yes\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const CONTINUE: &[u8] = b"HTTP/1.1 100 Interim\r\nLink: </a>\r\n\r\n";

/// What the proxy takes in a single read if it takes anything, in octets.
const READ_MIN: usize = 4_096;
