//! Does what the core says, as the real driver does: one input, drain every action, then the next. The kernel below it
//! is the simulated one, and it checks the core's side of the contract.

use super::trace::excerpt;
use super::{Peer, World, next};
use crate::agenda::Event;
use crate::kernel::{End, Got};
use crate::ledger::sometimes;
use crate::notes;
use crate::origin::Server;
use crate::script::{Connect, Script, cyclic};
use crate::setup::{client_addr, client_at, endpoint_at, listener_of};
use crate::stamps::Stamps;
use crate::time::{MS, Nanos, SECOND};
use bytes::{Buf, Bytes};
use proxy_core::{Action, Close, ConnId, Input, Interest, Listen, NetError};
use std::net::SocketAddr;

/// The proxy's end of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) conn: ConnId,
    /// Which client it leads to, or which of the connections to servers it is.
    pub(crate) number: usize,
    /// `None` while connecting.
    wire: Option<usize>,
    /// Which server it leads to; `None`: it is a client's.
    pub(crate) endpoint: Option<usize>,
    /// Something was read from it.
    pub(crate) is_heard: bool,
    connecting: bool,
    blocked: bool,
    ended: bool,
    shut: bool,
    served: u32,
    /// What was piped and is to be written to it.
    pub(crate) pipe: Bytes,
    /// Octets that the core was handed from it.
    pub(crate) taken: usize,
    /// Octets that were written to it.
    pub(crate) given: usize,
    wakes_at: Option<Nanos>,
}

/// Something that ends in an input, and waits until all actions of the one before are done.
#[derive(Debug)]
pub(crate) enum Todo {
    Update(ConnId),
    Write { conn: ConnId, was_blocked: bool },
    Answer(Input),
}

impl Socket {
    pub(crate) const fn is_client(&self) -> bool {
        self.endpoint.is_none()
    }
}

impl World {
    pub(crate) fn socket(&mut self, conn: ConnId) -> Option<&mut Socket> {
        self.sockets.get_mut(conn.index())?.as_mut().filter(|socket| socket.conn == conn)
    }

    fn wire_of(&mut self, conn: ConnId) -> Option<usize> {
        self.socket(conn)?.wire
    }

    pub(crate) fn is_blocked(&mut self, conn: ConnId) -> bool {
        self.socket(conn).is_some_and(|socket| socket.blocked)
    }

    pub(crate) fn wake_socket(&mut self, conn: ConnId, at: Nanos) {
        let at = at.max(self.now);
        let Some(socket) = self.socket(conn) else { return };
        if socket.wakes_at.is_none_or(|earlier| earlier > at) {
            socket.wakes_at = Some(at);
            self.at(at, Event::Socket(conn));
        }
    }

    fn open_socket(&mut self, conn: ConnId, number: usize, wire: Option<usize>, endpoint: Option<usize>) {
        self.check_new(conn);
        if self.sockets.len() <= conn.index() {
            self.sockets.resize_with(conn.index() + 1, || None);
        }
        if let Some(wire) = wire {
            self.ends[wire] = Some(conn);
        }
        self.open_sockets += 1;
        self.open_clients += usize::from(endpoint.is_none());
        self.sockets[conn.index()] = Some(Socket {
            conn,
            number,
            wire,
            endpoint,
            is_heard: false,
            connecting: endpoint.is_some(),
            blocked: false,
            ended: false,
            shut: false,
            served: 0,
            pipe: Bytes::new(),
            taken: 0,
            given: 0,
            wakes_at: None,
        });
    }

    fn forget_socket(&mut self, conn: ConnId) -> Option<Socket> {
        self.socket(conn)?;
        let socket = self.sockets.get_mut(conn.index())?.take()?;
        self.open_sockets -= 1;
        self.open_clients -= usize::from(socket.is_client());
        self.plan_late_news(conn);
        if let Some(wire) = socket.wire {
            self.ends[wire] = None;
        }
        Some(socket)
    }

    /// Takes clients off the listener's queue.
    pub(crate) fn accept(&mut self) {
        while self.may_accept()
            && let Some(index) = self.backlog.pop_front()
        {
            let Some(wire) = self.wire_of_client(index) else { continue };
            let conn = self.core.vacant();
            self.open_socket(conn, index, Some(wire), None);
            self.stamps((true, index)).opened = self.now;
            let listener = listener_of(&self.script, index);
            self.feed(Input::Accepted { conn, listener, peer: client_addr(&self.script, index) });
            self.wake_socket(conn, self.now);
        }
        if self.listen == Listen::Stop {
            while let Some(index) = self.backlog.pop_front() {
                let Some(wire) = self.wire_of_client(index) else { continue };
                self.wires[wire].reset(self.now, End::Proxy);
                self.after_proxy(wire, false);
            }
        }
    }

    /// Whether a client can be taken. The real driver, too, rests a while when it runs out of descriptors.
    fn may_accept(&mut self) -> bool {
        if self.listen != Listen::Accept || self.backlog.is_empty() || self.now < self.rests_until {
            return false;
        }
        if self.is_exhausted() {
            self.ledger.note("accepting was out of descriptors");
            self.rests_until = self.now + REST;
            self.at(self.rests_until, Event::Listen);
            return false;
        }
        true
    }

    /// Whether the process has no descriptor left.
    fn is_exhausted(&self) -> bool {
        let covers = |(at, length): &(u16, u16)| {
            let at = Nanos::from(*at) * MS;
            (at..at + Nanos::from(*length) * MS).contains(&self.now)
        };
        self.script.exhausted.iter().any(covers)
    }

    pub(crate) fn drain(&mut self) {
        self.accept();
        let busy = self.core.connections() > 0;
        sometimes!(self.ledger, busy, "drain: something ran");
        sometimes!(self.ledger, !busy, "drain: nothing ran");
        self.feed(Input::Drain);
        for index in 0..self.script.people() {
            let conn = self.wire_of_client(index).and_then(|wire| self.ends[wire]);
            let lives = conn.and_then(|conn| self.socket(conn)).is_some_and(|socket| !socket.shut);
            if lives && self.facts.is_between_requests(index) {
                self.facts
                    .violate(format!("client {index} was between requests and outlived the order to drain"));
            }
        }
    }

    pub(crate) fn tick(&mut self) {
        self.answer_alarm();
        if self.core.next_deadline().is_some_and(|deadline| deadline.at <= self.instant()) {
            let due = self.core.next_deadline().map_or(self.now, |deadline| deadline.at.as_nanos());
            sometimes!(self.ledger, self.now > due + VERY_LATE, "a tick came very late");
            self.feed(Input::Tick);
            if let Some(deadline) = self.core.next_deadline().filter(|deadline| deadline.at <= self.instant())
            {
                self.facts.violate(format!("{deadline:?} is due after a tick at {} ms", self.now / MS));
            }
        }
    }

    /// Does whatever the connection is ready for.
    pub(crate) fn visit(&mut self, conn: ConnId) {
        let now = self.now;
        let Some(socket) = self.socket(conn) else { return };
        if socket.wakes_at.is_some_and(|at| at <= now) {
            socket.wakes_at = None;
        }
        let was_blocked = std::mem::take(&mut socket.blocked);
        self.todo.push_back(Todo::Write { conn, was_blocked });
        self.settle();
        for _ in 0..READS_MAX {
            let Some(input) = self.read(conn) else {
                return self.sleep_until_news(conn);
            };
            self.feed(input);
            // What comes next may be a reset: what was said before it is passed on first.
            if self.wire_of(conn).is_some_and(|wire| self.wires[wire].readable(now, End::Proxy)) {
                self.catch_up();
            }
        }
        self.wake_socket(conn, now);
    }

    fn sleep_until_news(&mut self, conn: ConnId) {
        let Some(wire) = self.wire_of(conn) else { return };
        if let Some(at) = self.wires[wire].readable_at(End::Proxy).filter(|at| *at > self.now) {
            self.wake_socket(conn, at);
        }
    }

    /// Hands in one fact, then does all that follows from it.
    pub(crate) fn feed(&mut self, input: Input) {
        self.hand_in(input);
        self.settle();
        self.tell_late_news();
    }

    /// News of a dead connection, which come at the same moment as other news: they must change nothing.
    fn tell_late_news(&mut self) {
        while let Some((_, news)) = self.late_news.pop_front_if(|(at, _)| *at <= self.now) {
            self.ledger.note("news came of a dead connection");
            let before = (self.core.digest(), self.core.next_deadline());
            let told = format!("{news:?}");
            self.hand_in(news);
            if !self.todo.is_empty() || (self.core.digest(), self.core.next_deadline()) != before {
                self.facts.violate(format!("the core minded late news: {told}"));
            }
            self.settle();
        }
    }

    /// Has something be said of a connection that is dead now, if the script wants it.
    fn plan_late_news(&mut self, conn: ConnId) {
        let Some(plan) = next(&self.script.late_news, &mut self.cursors.late_news) else { return };
        let news = match plan % 8 {
            1 => Input::Data { conn, bytes: Bytes::from_static(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n") },
            2 => Input::Eof { conn },
            3 => Input::Wrote { conn, n: plan.into() },
            4 => Input::Failed { conn, error: NetError::Reset },
            5 => Input::Connected { conn },
            6 => Input::ConnectFailed { conn, error: NetError::TimedOut },
            7 => Input::Piped { conn, n: plan.into() },
            _ => return,
        };
        self.late_news.push_back((self.now + Nanos::from(plan) * MS, news));
    }

    fn hand_in(&mut self, input: Input) {
        let now = self.instant();
        if let Some(journal) = &mut self.journal {
            journal.input(now, &input);
        }
        self.inputs += 1;
        let cause = notes::Cause::of(&input);
        self.tell_input(&input);
        self.stamp(&input);
        self.count_octets(&input);
        let about = conn_of(&input);
        self.core.handle(now, input);
        self.core.check();
        if self.inputs.is_multiple_of(CHECKPOINT)
            && let Some(journal) = &mut self.journal
        {
            // Not the same state as after the actions, for which `Update` notes are cleared; the digest ignores them.
            journal.digest(self.core.digest());
        }
        while let Some(action) = self.core.poll_action() {
            self.tell_action(&action);
            self.carry_out(action, cause);
        }
        self.check_contract();
        if let Some(conn) = about {
            self.check_octets(conn);
        }
    }

    fn settle(&mut self) {
        while let Some(todo) = self.todo.pop_front() {
            let input = match todo {
                Todo::Answer(input) => Some(input),
                Todo::Update(conn) if self.script.batches => {
                    self.put_off(conn);
                    None
                }
                Todo::Update(conn) => self.update(conn),
                Todo::Write { conn, was_blocked } => self.write(conn, was_blocked),
            };
            if let Some(input) = input {
                self.hand_in(input);
            }
        }
        self.check_settled();
    }

    fn put_off(&mut self, conn: ConnId) {
        if self.batch.is_empty() {
            self.at(self.now, Event::CatchUp);
        }
        self.batch.push(conn);
    }

    /// Does what was put off, and what follows from it.
    pub(crate) fn catch_up(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        sometimes!(self.ledger, batch.len() > 1, "what was read from several connections was sent together");
        for conn in batch {
            if let Some(input) = self.update(conn) {
                self.hand_in(input);
            }
            self.settle();
        }
    }

    fn carry_out(&mut self, action: Action, cause: notes::Cause) {
        match action {
            Action::Connect { conn, peer } => self.connect(conn, peer, cause),
            Action::Update { conn } => {
                if self.socket(conn).is_none() || self.core.interest(conn).is_none() {
                    self.facts.violate(format!("an update of the dead {conn:?}"));
                }
                self.todo.push_back(Todo::Update(conn));
            }
            Action::Close { conn, how } => self.close(conn, how, cause),
            Action::Listen(listen) => {
                self.listen = listen;
                sometimes!(self.ledger, listen == Listen::Pause, "clients waited for a connection slot");
                // Not at once: the actions of this input come first.
                self.at(self.now, Event::Listen);
            }
            Action::Acquire(permit) => match self.permits.acquire(permit) {
                Ok(input) => self.todo.push_back(Todo::Answer(input)),
                Err(complaint) => self.facts.violate(complaint),
            },
            Action::Release(permit) => match self.permits.release(permit) {
                Ok(inputs) => self.todo.extend(inputs.into_iter().map(Todo::Answer)),
                Err(complaint) => self.facts.violate(complaint),
            },
            Action::Record(outcome) => {
                let slack = self.slack();
                let client = client_at(outcome.peer);
                let id = self.facts.ended(self.now, &outcome, client, slack, &self.clocks);
                if let Some(id) = id {
                    notes::note(&mut self.ledger, &self.script, id, &outcome);
                    self.aftermath.ended(id, &outcome, &mut self.facts);
                }
                // A driver may give its memory back or not.
                if outcome.id.is_multiple_of(2) {
                    self.core.recycle(outcome);
                }
            }
            Action::Drained => {
                if self.drained {
                    self.facts.violate("drained twice".to_owned());
                }
                self.drained = true;
                self.check_drain_in_time();
            }
        }
    }

    fn check_drain_in_time(&mut self) {
        if self.script.drain_ends().is_some_and(|at| self.now > at + self.slack()) {
            self.facts.violate(format!("the drain ended at {} ms", self.now / MS));
        }
    }

    fn close(&mut self, conn: ConnId, how: Close, cause: notes::Cause) {
        let Some(socket) = self.forget_socket(conn) else {
            return self.facts.violate(format!("{conn:?} was closed and is dead"));
        };
        sometimes!(self.ledger, !socket.pipe.is_empty(), "a reader was given up with octets in its pipe");
        let (now, slack) = (self.now, self.slack());
        let stamps = self.stamps(socket.name());
        stamps.closed = now;
        let stamps = *stamps;
        let is_idle = !socket.is_client() || self.facts.is_between_requests(socket.number);
        if how == Close::Graceful && cause == notes::Cause::Tick && is_idle {
            self.facts.idled(now, socket.is_client(), stamps, slack);
        }
        let was_idle = !socket.is_client() && how == Close::Graceful && socket.served > 0;
        sometimes!(self.ledger, was_idle && cause == notes::Cause::Tick, "a pooled connection expired");
        sometimes!(
            self.ledger,
            was_idle && cause == notes::Cause::Wanted,
            "a pooled connection was given up for another worker"
        );
        let Some(wire) = socket.wire else { return };
        match how {
            Close::Graceful => self.wires[wire].close(self.now, End::Proxy),
            Close::Abort => self.wires[wire].reset(self.now, End::Proxy),
        }
        self.after_proxy(wire, false);
    }

    fn connect(&mut self, conn: ConnId, peer: SocketAddr, cause: notes::Cause) {
        self.connects += 1;
        let clients = (0..self.script.people()).map(|index| self.script.client(index));
        let requests = clients.map(|client| Script::count(&client)).sum::<u32>();
        // A request tries each endpoint once.
        let most = requests as usize * self.core.config().endpoints().count();
        if self.connects > most {
            self.facts.violate(format!("more than {most} connects for {requests} requests"));
            self.is_hopeless = true;
        }
        let (endpoint, number) = (endpoint_at(peer), self.origins.len());
        self.open_socket(conn, number, None, Some(endpoint));
        self.check_links(endpoint, cause);
        self.origins.push(None);
        *self.stamps((false, number)) =
            Stamps { opened: self.now, endpoint: endpoint_at(peer), ..Stamps::default() };
        let is_exhausted = self.is_exhausted();
        sometimes!(self.ledger, is_exhausted, "connecting was out of descriptors");
        let (is_down, _) = self.script.endpoint(endpoint_at(peer)).is_down(self.now);
        let fate = match self.next_connect() {
            _ if is_exhausted => Connect::Exhausted,
            Connect::Stands | Connect::Slow { .. } if is_down => Connect::Refused,
            fate => fate,
        };
        let error = match fate {
            Connect::Stands | Connect::Slow { .. } => return self.reach_origin(conn, peer, fate),
            Connect::Blackhole => return,
            Connect::Refused => NetError::Refused,
            Connect::Unreachable => NetError::Unreachable,
            Connect::Reset => NetError::Reset,
            Connect::Other => NetError::Other,
            Connect::Exhausted => NetError::Exhausted,
        };
        let latency = cyclic(&self.script.latencies, 0).map_or(0, |latency| 2 * Nanos::from(latency) * MS);
        self.at(self.now + latency, Event::Connected(conn, Some(error)));
    }

    fn reach_origin(&mut self, conn: ConnId, peer: SocketAddr, fate: Connect) {
        let index = self.origins.len() - 1;
        let wire = self.new_wire(Peer::Origin(index));
        let endpoint = self.script.endpoint(endpoint_at(peer));
        let latency = self.wires[wire].latency;
        let extra = if let Connect::Slow { ms } = fate { Nanos::from(ms) * MS } else { 0 };
        let stands = self.now + 2 * latency + extra;
        self.origins[index] = Some(Server::new(wire, endpoint));
        if let Some(socket) = self.socket(conn) {
            socket.wire = Some(wire);
        }
        self.ends[wire] = Some(conn);
        self.at(stands, Event::Connected(conn, None));
        self.at(stands, Event::Origin(index));
    }

    /// Whether a connection is still being made.
    pub(crate) fn is_unmade(&self, conn: ConnId) -> bool {
        let socket = self.sockets.get(conn.index()).and_then(Option::as_ref);
        socket.is_some_and(|socket| socket.conn == conn && socket.connecting)
    }

    pub(crate) fn finish_connecting(&mut self, conn: ConnId, error: Option<NetError>) {
        let Some(socket) = self.socket(conn).filter(|socket| socket.connecting) else { return };
        socket.connecting = false;
        match error {
            None => {
                self.feed(Input::Connected { conn });
                self.wake_socket(conn, self.now);
            }
            Some(error) => {
                self.forget_socket(conn);
                self.feed(Input::ConnectFailed { conn, error });
            }
        }
    }

    /// Starts to read or write as the core now wants.
    fn update(&mut self, conn: ConnId) -> Option<Input> {
        let interest = self.core.interest(conn)?;
        let now = self.now;
        let wire = self.wire_of(conn)?;
        let has_news = self.wires[wire].readable(now, End::Proxy);
        if interest.read > 0 && has_news {
            self.wake_socket(conn, now);
        }
        let is_upstream = self.socket(conn).is_some_and(|socket| !socket.is_client());
        if interest.write && has_news && is_upstream {
            // The news may be that a pooled connection was closed by its peer.
            let is_unasked = self.socket(conn).is_some_and(|socket| socket.is_heard);
            sometimes!(self.ledger, is_unasked, "a server was heard before what waits for it was written");
            self.todo.push_back(Todo::Write { conn, was_blocked: false });
            return self.read(conn);
        }
        self.write(conn, false)
    }

    fn read(&mut self, conn: ConnId) -> Option<Input> {
        let Interest { read: max, pipe, .. } = self.core.interest(conn)?;
        let now = self.now;
        let socket = self.socket(conn)?;
        if socket.connecting || socket.ended {
            return None;
        }
        let (is_client, wire) = (socket.is_client(), socket.wire?);
        if max == 0 {
            let waits = self.wires[wire].readable(now, End::Proxy);
            sometimes!(self.ledger, waits && is_client, "reading a client was paused");
            sometimes!(self.ledger, waits && !is_client, "reading an upstream was paused");
            if waits {
                self.check_pause(conn);
            }
            return None;
        }
        let draw = next(&self.script.reads, &mut self.cursors.reads).unwrap_or(0);
        let cap = if draw == 0 { usize::MAX } else { self.at_least_tiny(draw.into()) };
        // Any choice is right: a driver may have pipes or not.
        let pipe = pipe.filter(|_| self.script.pipes || draw % 2 == 1);
        match self.wires[wire].read(now, End::Proxy, max.min(cap)) {
            Got::Data(bytes) if let Some(to) = pipe => {
                sometimes!(self.ledger, is_client, "a request went through a pipe");
                sometimes!(self.ledger, !is_client, "a response went through a pipe");
                self.after_proxy(wire, true);
                let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.pipe_to(to, bytes);
                Some(Input::Piped { conn, n })
            }
            Got::Data(bytes) => {
                let splits = bytes.ends_with(b"\r") && self.wires[wire].peek(End::Proxy) == Some(b'\n');
                sometimes!(self.ledger, splits, "a read ended between CR and LF");
                self.after_proxy(wire, true);
                if bytes.len() > max {
                    self.facts.violate(format!("{} octets were read where {max} were wanted", bytes.len()));
                }
                let was_heard = std::mem::replace(&mut self.socket(conn)?.is_heard, true);
                if is_client && !was_heard {
                    self.check_heard();
                }
                Some(Input::Data { conn, bytes: self.lender.lend(bytes) })
            }
            Got::Fin => {
                self.socket(conn)?.ended = true;
                Some(Input::Eof { conn })
            }
            Got::Reset => self.fail(conn),
            Got::Nothing => None,
        }
    }

    fn pipe_to(&mut self, conn: ConnId, bytes: Bytes) {
        let is_next = self.core.egress(conn).next().is_none();
        match self.socket(conn) {
            Some(socket) if is_next && socket.pipe.is_empty() && !socket.connecting => socket.pipe = bytes,
            Some(_) => self.facts.violate(format!("octets are piped to {conn:?} that can't be written next")),
            None => self.facts.violate(format!("octets are piped to {conn:?}, which is dead")),
        }
    }

    fn fail(&mut self, conn: ConnId) -> Option<Input> {
        let socket = self.forget_socket(conn)?;
        sometimes!(self.ledger, !socket.pipe.is_empty(), "a reader died with octets in its pipe");
        Some(Input::Failed { conn, error: NetError::Reset })
    }

    /// A length of the script, or a bearable one when many tiny ones were used up.
    fn at_least_tiny(&mut self, n: usize) -> usize {
        if n >= BEARABLE {
            return n;
        }
        if self.tiny == 0 {
            return BEARABLE;
        }
        self.tiny -= 1;
        n
    }

    fn write(&mut self, conn: ConnId, was_blocked: bool) -> Option<Input> {
        let interest = self.core.interest(conn)?;
        let now = self.now;
        let socket = self.socket(conn)?;
        if socket.blocked || socket.connecting {
            return None;
        }
        let (wire, is_client, shut) = (socket.wire?, socket.is_client(), socket.shut);
        if interest.write {
            if shut {
                self.facts.violate(format!("{conn:?} has octets behind its FIN"));
            }
            return self.write_egress(conn, wire, was_blocked);
        }
        if interest.shutdown && !shut {
            sometimes!(self.ledger, is_client, "a reply was lingered for");
            let socket = self.socket(conn)?;
            socket.shut = true;
            let name = socket.name();
            self.stamps(name).shut = Some(now);
            self.wires[wire].finish(now, End::Proxy);
            self.after_proxy(wire, false);
        }
        None
    }

    fn write_egress(&mut self, conn: ConnId, wire: usize, was_blocked: bool) -> Option<Input> {
        if self.wires[wire].is_reset(self.now, End::Proxy) {
            return self.fail(conn);
        }
        let cap = match next(&self.script.writes, &mut self.cursors.writes).unwrap_or(0) {
            0 => usize::MAX,
            cap => self.at_least_tiny(cap.into()),
        };
        let (data, offered) = self.egress(conn, cap.min(self.wires[wire].room(End::Proxy)));
        if offered == 0 {
            self.facts.violate(format!("{conn:?} wants to write nothing"));
            return None;
        }
        self.tell(|world| {
            ("proxy writes".to_owned(), format!("to {}: {}", world.name(conn), excerpt(&data)))
        });
        let n = self.wires[wire].write(self.now, End::Proxy, data);
        if n > 0 {
            self.after_proxy(wire, false);
        }
        if let Some(at) = self.wires[wire].reset_at(End::Proxy) {
            // A writer hears of it even if it has read FIN before.
            self.wake_socket(conn, at);
        }
        let socket = self.socket(conn)?;
        socket.served += 1;
        let was_piped = !socket.pipe.is_empty();
        socket.pipe.advance(n.min(socket.pipe.len()));
        if n < offered {
            socket.blocked = true;
            sometimes!(self.ledger, was_piped && n > 0, "a pipe was emptied in parts");
            self.ledger.note("a write was cut short");
            if self.wires[wire].room(End::Proxy) > 0 {
                self.wake_socket(conn, self.now + MS / 10);
            }
            if n == 0 && was_blocked {
                return None;
            }
        }
        Some(Input::Wrote { conn, n: u32::try_from(n).unwrap_or(u32::MAX) })
    }

    /// The first octets that the core wants to write, at most `max`, and how many it wants to write in all.
    fn egress(&mut self, conn: ConnId, max: usize) -> (Bytes, usize) {
        if let Some(pipe) =
            self.socket(conn).map(|socket| socket.pipe.clone()).filter(|pipe| !pipe.is_empty())
        {
            if self.core.egress(conn).next().is_some() {
                self.facts.violate(format!("{conn:?} wants to write before what was piped"));
            }
            return (pipe.slice(..max.min(pipe.len())), pipe.len());
        }
        let offered = self.core.egress(conn).map(<[u8]>::len).sum::<usize>();
        let taken = offered.min(max);
        let mut data = Vec::with_capacity(taken);
        for slice in self.core.egress(conn) {
            data.extend_from_slice(slice.get(..taken - data.len()).unwrap_or(slice));
        }
        (data.into(), offered)
    }
}

/// The connection of which an input tells that octets moved.
const fn conn_of(input: &Input) -> Option<ConnId> {
    match input {
        Input::Data { conn, .. } | Input::Piped { conn, .. } | Input::Wrote { conn, .. } => Some(*conn),
        _ => None,
    }
}

/// Reads from one connection until others get a turn.
const READS_MAX: usize = 4;

/// More than any limit on waiting that is usual, but for those on idle connections.
const VERY_LATE: Nanos = 30 * SECOND;

/// How long accepting rests for want of descriptors, as in the real driver.
const REST: Nanos = 100 * MS;

/// How often the state's digest goes into the journal.
const CHECKPOINT: u64 = 64;

/// A read or write that is not called tiny, in octets.
const BEARABLE: usize = 700;
