//! The driver of the simulated world: runs the turns that the real one runs ([`drive`]) on simulated sockets, and checks
//! the core's side of the contract.

use super::trace::excerpt;
use super::{Peer, World, next};
use crate::agenda::Event;
use crate::kernel::{End, Got};
use crate::ledger::sometimes;
use crate::notes;
use crate::origin::Server;
use crate::script::{Connect, Script, cyclic};
use crate::setup::{client_addr, client_at, endpoint_at, listener_of, listeners};
use crate::stamps::Stamps;
use crate::time::{MS, Nanos, SECOND};
use bytes::{Buf, Bytes};
use proxy_core::drive::{self, Driver, News, Place, Read, Rest, Then, Turn, Wrote};
use proxy_core::{
    Action, Alarm, Close, ConnId, Core, Input, Instant, Listen, ListenerId, NetError, Outcome, Permit,
};
use std::net::SocketAddr;
use std::task::Poll;

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
    /// How connecting ended, until it was told.
    made: Option<Result<(), NetError>>,
    /// The proxy is told of news.
    watched: bool,
    /// The kernel was full, and tells when it is not.
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

/// The input that is being dealt with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled {
    cause: notes::Cause,
    /// The connection of which it tells that octets moved.
    about: Option<ConnId>,
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
            made: None,
            watched: endpoint.is_some() || !self.script.batches,
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

    /// Clients may be waiting at the door.
    pub(crate) fn knock(&mut self) {
        if self.listen == Listen::Stop {
            while let Some(index) = self.backlog.pop_front() {
                let Some(wire) = self.wire_of_client(index) else { continue };
                self.wires[wire].reset(self.now, End::Proxy);
                self.after_proxy(wire, false);
            }
            return;
        }
        let mut listeners: Vec<_> =
            self.backlog.iter().map(|index| listener_of(&self.script, *index)).collect();
        listeners.sort_unstable();
        listeners.dedup();
        self.news.places.extend(listeners.into_iter().map(Place::Listener));
        self.run();
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
        let busy = self.core.connections() > 0;
        sometimes!(self.ledger, busy, "drain: something ran");
        sometimes!(self.ledger, !busy, "drain: nothing ran");
        self.tell_worker(Input::Drain);
        for index in 0..self.script.people() {
            let conn = self.wire_of_client(index).and_then(|wire| self.ends[wire]);
            // A FIN may have been put off.
            let is_ended = |conn| self.core.interest(conn).is_none_or(|interest| interest.shutdown);
            let lives = conn.is_some_and(|conn| !is_ended(conn));
            if lives && self.facts.is_between_requests(index, self.now + 1) {
                self.facts
                    .violate(format!("client {index} was between requests and outlived the order to drain"));
            }
        }
    }

    /// The alarm rings.
    pub(crate) fn tick(&mut self) {
        self.answer_alarm();
        let due = self.core.next_deadline().filter(|deadline| deadline.at <= self.instant());
        let is_very_late = due.is_some_and(|due| self.now > due.at.as_nanos() + VERY_LATE);
        sometimes!(self.ledger, is_very_late, "a tick came very late");
        self.alarm_rings = true;
        self.take_turn();
        self.alarm_rings = false;
        if let Some(deadline) = self.core.next_deadline().filter(|deadline| deadline.at <= self.instant()) {
            self.facts.violate(format!("{deadline:?} is due after a tick at {} ms", self.now / MS));
        }
    }

    /// Something may have happened on a connection.
    pub(crate) fn visit(&mut self, conn: ConnId) {
        let now = self.now;
        let Some(socket) = self.socket(conn) else { return };
        if socket.wakes_at.is_some_and(|at| at <= now) {
            socket.wakes_at = None;
        }
        if socket.watched {
            self.news.places.push(Place::of(conn));
            self.run();
        }
    }

    /// Has the worker look at the news: at once, or together with what else happens at this moment.
    fn run(&mut self) {
        if !self.script.batches {
            self.take_turn();
        } else if !self.turn_is_due {
            self.turn_is_due = true;
            self.at(self.now, Event::Turn);
        }
    }

    /// One turn of the worker.
    pub(crate) fn take_turn(&mut self) {
        self.turn_is_due = false;
        let (places, inputs) = (self.news.places.clone(), self.inputs);
        sometimes!(self.ledger, places.len() > 1, "news of several connections came together");
        match drive::turn(self, self.instant()) {
            Rest::None => self.at(self.now, Event::Turn),
            Rest::Sleep(Some(until)) => self.at(until.as_nanos(), Event::Turn),
            Rest::Sleep(None) | Rest::Drained => {}
        }
        if !self.news.places.is_empty() || !self.news.mail.is_empty() {
            self.run();
        }
        places.into_iter().for_each(|place| self.check_heeded(place));
        self.check_settled();
        if self.inputs != inputs {
            self.tell_late_news();
        }
    }

    /// Whoever was looked at was read from, or there is a cause why not.
    fn check_heeded(&mut self, place: Place) {
        let Place::Conn(index) = place else { return };
        let now = self.now;
        let Some(socket) = self.sockets.get(index as usize).and_then(Option::as_ref) else { return };
        let (conn, is_client) = (socket.conn, socket.is_client());
        let Some(wire) = socket.wire.filter(|_| !socket.connecting && !socket.ended) else { return };
        let is_paused = self.core.interest(conn).is_some_and(|interest| interest.read == 0);
        if is_paused && self.wires[wire].readable(now, End::Proxy) {
            sometimes!(self.ledger, is_client, "reading a client was paused");
            sometimes!(self.ledger, !is_client, "reading an upstream was paused");
            self.check_pause(conn);
        }
    }

    /// The worker is looked at again when there is more to read.
    fn sleep_until_news(&mut self, conn: ConnId, wire: usize) {
        if let Some(at) = self.wires[wire].readable_at(End::Proxy).filter(|at| *at > self.now) {
            self.wake_socket(conn, at);
        }
    }

    /// Tells the worker of what happened elsewhere in the process.
    pub(crate) fn tell_worker(&mut self, input: Input) {
        self.news.mail.push(input);
        self.take_turn();
    }

    /// News of a dead connection, which come at the same moment as other news: they must change nothing.
    fn tell_late_news(&mut self) {
        while let Some((_, news)) = self.late_news.pop_front_if(|(at, _)| *at <= self.now) {
            self.ledger.note("news came of a dead connection");
            let before = (self.core.digest(), self.core.next_deadline());
            let told = format!("{news:?}");
            self.handle(self.instant(), news);
            let action = self.poll_action();
            if action.is_some() || (self.core.digest(), self.core.next_deadline()) != before {
                self.facts.violate(format!("the core minded late news: {told}"));
            }
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

    fn check_drain_in_time(&mut self) {
        if self.script.drain_ends().is_some_and(|at| self.now > at + self.slack()) {
            self.facts.violate(format!("the drain ended at {} ms", self.now / MS));
        }
    }

    fn reach_origin(&mut self, conn: ConnId, peer: SocketAddr, fate: Connect) {
        let index = self.origins.len() - 1;
        let wire = self.new_wire(Peer::Origin(index));
        let endpoint = self.script.endpoint(endpoint_at(peer));
        let latency = self.wires[wire].latency;
        let extra = if let Connect::Slow { ms } = fate { Nanos::from(ms) * MS } else { 0 };
        let stands = self.now + 2 * latency + extra;
        self.origins[index] = Some(Server::new(index, wire, endpoint));
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

    /// Connecting is over.
    pub(crate) fn end_connecting(&mut self, conn: ConnId, error: Option<NetError>) {
        let Some(socket) = self.socket(conn).filter(|socket| socket.connecting) else { return };
        socket.made = Some(error.map_or(Ok(()), Err));
        self.news.places.push(Place::of(conn));
        self.run();
    }

    fn note_death(&mut self, conn: ConnId, error: NetError) {
        let now = self.now;
        if let Some(name) = self.socket(conn).map(|socket| socket.name()) {
            self.stamps(name).died = Some((error, now));
        }
    }

    /// What the proxy does next is due to this.
    fn cause(&self) -> notes::Cause {
        self.handled.map_or(notes::Cause::Other, |handled| handled.cause)
    }

    /// Hands on what a read brought: to a pipe, or to the core.
    fn take_in(&mut self, conn: ConnId, wire: usize, bytes: Bytes, max: usize, pipe: Option<ConnId>) -> Read {
        let is_client = self.socket(conn).is_some_and(|socket| socket.is_client());
        self.after_proxy(wire, true);
        if let Some(to) = pipe {
            sometimes!(self.ledger, is_client, "a request went through a pipe");
            sometimes!(self.ledger, !is_client, "a response went through a pipe");
            let n = bytes.len();
            self.pipe_to(to, bytes);
            return Read::Piped(n);
        }
        let splits = bytes.ends_with(b"\r") && self.wires[wire].peek(End::Proxy) == Some(b'\n');
        sometimes!(self.ledger, splits, "a read ended between CR and LF");
        if bytes.len() > max {
            self.facts.violate(format!("{} octets were read where {max} were wanted", bytes.len()));
        }
        let was_heard = self.socket(conn).is_some_and(|socket| std::mem::replace(&mut socket.is_heard, true));
        if is_client && !was_heard {
            self.check_heard();
        }
        let is_all = !self.wires[wire].readable(self.now, End::Proxy);
        Read::Data { bytes: self.lender.lend(bytes), is_all }
    }

    fn pipe_to(&mut self, conn: ConnId, bytes: Bytes) {
        let is_next = self.core.egress(conn).next().is_none();
        match self.socket(conn) {
            Some(socket) if is_next && socket.pipe.is_empty() && !socket.connecting => socket.pipe = bytes,
            Some(_) => self.facts.violate(format!("octets are piped to {conn:?} that can't be written next")),
            None => self.facts.violate(format!("octets are piped to {conn:?}, which is dead")),
        }
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

    /// Gives the kernel `data`, the first of `offered` octets.
    fn give(&mut self, conn: ConnId, wire: usize, data: Bytes, offered: usize) -> Wrote {
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
        let mut was_piped = false;
        if let Some(socket) = self.socket(conn) {
            socket.served += 1;
            was_piped = !socket.pipe.is_empty();
            socket.pipe.advance(n.min(socket.pipe.len()));
            socket.blocked = n < offered;
            socket.watched |= socket.blocked;
        }
        if n == offered {
            return Wrote { octets: n, then: Then::Done };
        }
        sometimes!(self.ledger, was_piped && n > 0, "a pipe was emptied in parts");
        self.ledger.note("a write was cut short");
        if self.wires[wire].room(End::Proxy) > 0 {
            self.wake_socket(conn, self.now + MS / 10);
        }
        Wrote { octets: n, then: Then::Blocked }
    }

    fn is_dead(&mut self, conn: ConnId) -> bool {
        self.socket(conn).is_none() || self.core.interest(conn).is_none()
    }

    fn check_action(&mut self, action: &Action) {
        match action {
            Action::Update { conn } if self.is_dead(*conn) => {
                self.facts.violate(format!("an update of the dead {conn:?}"));
            }
            Action::Drained => {
                if self.drained {
                    self.facts.violate("drained twice".to_owned());
                }
                self.drained = true;
                self.check_drain_in_time();
            }
            _ => {}
        }
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

impl Driver for World {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn handle(&mut self, now: Instant, input: Input) {
        if let Some(journal) = &mut self.journal {
            journal.input(now, &input);
        }
        if input == Input::Tick {
            self.alarm_rings = false;
        }
        self.inputs += 1;
        self.handled = Some(Handled { cause: notes::Cause::of(&input), about: conn_of(&input) });
        self.tell_input(&input);
        self.stamp(&input);
        self.count_octets(&input);
        self.core.handle(now, input);
        self.core.check();
        if self.inputs.is_multiple_of(CHECKPOINT)
            && let Some(journal) = &mut self.journal
        {
            // Not the same state as after the actions, for which `Update` notes are cleared; the digest ignores them.
            journal.digest(self.core.digest());
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        let action = self.core.poll_action();
        match &action {
            Some(action) => {
                self.tell_action(action);
                self.check_action(action);
            }
            None => {
                if let Some(Handled { about, .. }) = self.handled.take() {
                    self.check_contract();
                    about.into_iter().for_each(|conn| self.check_octets(conn));
                }
            }
        }
        action
    }

    /// Ticks may come late.
    fn next_deadline(&mut self) -> Option<Alarm> {
        self.core.next_deadline().filter(|_| self.alarm_rings)
    }

    fn news(&mut self, into: &mut News) {
        into.places.append(&mut self.news.places);
        into.mail.append(&mut self.news.mail);
    }

    fn unix_seconds(&mut self) -> Option<u64> {
        Some(DAWN + self.now / SECOND)
    }

    fn has_news(&mut self, conn: ConnId) -> bool {
        let now = self.now;
        let has_news = self.wire_of(conn).is_some_and(|wire| self.wires[wire].readable(now, End::Proxy));
        let is_unasked = has_news && self.socket(conn).is_some_and(|socket| socket.is_heard);
        sometimes!(self.ledger, is_unasked, "a server was heard before what waits for it was written");
        has_news
    }

    fn look_again(&mut self, conn: ConnId) {
        self.wake_socket(conn, self.now);
    }

    fn ring(&mut self, _listener: ListenerId) {
        self.at(self.now, Event::Listen);
    }

    fn listeners(&mut self) -> usize {
        listeners(&self.script).into()
    }

    fn accept(&mut self, conn: ConnId, listener: ListenerId) -> Option<SocketAddr> {
        if !self.may_accept() {
            return None;
        }
        let at = self.backlog.iter().position(|index| listener_of(&self.script, *index) == listener)?;
        let index = self.backlog.remove(at)?;
        let wire = self.wire_of_client(index)?;
        self.open_socket(conn, index, Some(wire), None);
        self.stamps((true, index)).opened = self.now;
        Some(client_addr(&self.script, index))
    }

    fn is_watched(&mut self, conn: ConnId) -> bool {
        self.socket(conn).is_none_or(|socket| socket.watched)
    }

    fn watch(&mut self, conn: ConnId) -> Result<(), NetError> {
        if let Some(socket) = self.socket(conn) {
            socket.watched = true;
        }
        Ok(())
    }

    fn connect(&mut self, conn: ConnId, peer: SocketAddr) {
        let cause = self.cause();
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

    fn finish_connecting(&mut self, conn: ConnId) -> Poll<Result<(), NetError>> {
        let Some(socket) = self.socket(conn) else { return Poll::Pending };
        let Some(made) = socket.made.take() else { return Poll::Pending };
        socket.connecting = false;
        if let Err(error) = made {
            self.note_death(conn, error);
            self.forget_socket(conn);
        }
        Poll::Ready(made)
    }

    fn read(&mut self, conn: ConnId, max: usize, pipe: Option<ConnId>) -> Read {
        let now = self.now;
        let Some(wire) = self.wire_of(conn) else { return Read::Pending };
        let draw = next(&self.script.reads, &mut self.cursors.reads).unwrap_or(0);
        let cap = if draw == 0 { usize::MAX } else { self.at_least_tiny(draw.into()) };
        // Any choice is right: a driver may have pipes or not.
        let pipe = pipe.filter(|_| self.script.pipes || draw % 2 == 1);
        let got = self.wires[wire].read(now, End::Proxy, max.min(cap));
        self.sleep_until_news(conn, wire);
        match got {
            Got::Data(bytes) => self.take_in(conn, wire, bytes, max, pipe),
            Got::Fin => {
                if let Some(socket) = self.socket(conn) {
                    socket.ended = true;
                }
                Read::Eof
            }
            Got::Reset => Read::Failed(NetError::Reset),
            Got::Nothing => Read::Pending,
        }
    }

    fn write(&mut self, conn: ConnId) -> Wrote {
        let nothing = |then| Wrote { octets: 0, then };
        let Some(socket) = self.socket(conn) else { return nothing(Then::Done) };
        let Some(wire) = socket.wire else { return nothing(Then::Done) };
        socket.blocked = false;
        if socket.shut {
            self.facts.violate(format!("{conn:?} has octets behind its FIN"));
        }
        if self.wires[wire].is_reset(self.now, End::Proxy) {
            return nothing(Then::Failed(NetError::Reset));
        }
        let cap = match next(&self.script.writes, &mut self.cursors.writes).unwrap_or(0) {
            0 => usize::MAX,
            cap => self.at_least_tiny(cap.into()),
        };
        let (data, offered) = self.egress(conn, cap.min(self.wires[wire].room(End::Proxy)));
        if offered == 0 {
            self.facts.violate(format!("{conn:?} wants to write nothing"));
            return nothing(Then::Done);
        }
        self.give(conn, wire, data, offered)
    }

    fn shut(&mut self, conn: ConnId) -> Then {
        let now = self.now;
        let Some(socket) = self.socket(conn) else { return Then::Done };
        let (name, is_client, wire) = (socket.name(), socket.is_client(), socket.wire);
        socket.shut = true;
        sometimes!(self.ledger, is_client, "a reply was lingered for");
        self.stamps(name).shut = Some(now);
        if let Some(wire) = wire {
            self.wires[wire].finish(now, End::Proxy);
            self.after_proxy(wire, false);
        }
        Then::Done
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        let cause = self.cause();
        let Some(socket) = self.forget_socket(conn) else {
            return self.facts.violate(format!("{conn:?} was closed and is dead"));
        };
        sometimes!(self.ledger, !socket.pipe.is_empty(), "a reader was given up with octets in its pipe");
        let (now, slack) = (self.now, self.slack());
        let stamps = self.stamps(socket.name());
        stamps.closed = Some(now);
        let stamps = *stamps;
        let is_idle = !socket.is_client() || self.facts.is_between_requests(socket.number, now);
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

    fn lost(&mut self, conn: ConnId) {
        self.note_death(conn, NetError::Reset);
        let Some(socket) = self.forget_socket(conn) else {
            return self.facts.violate(format!("{conn:?} died and is dead"));
        };
        sometimes!(self.ledger, !socket.pipe.is_empty(), "a reader died with octets in its pipe");
    }

    fn listen(&mut self, listen: Listen) {
        self.listen = listen;
        sometimes!(self.ledger, listen == Listen::Pause, "clients waited for a connection slot");
        // Not at once: the actions of this input come first.
        self.at(self.now, Event::Listen);
    }

    fn acquire(&mut self, permit: Permit) -> bool {
        match self.permits.acquire(permit) {
            Ok(is_granted) => is_granted,
            Err(complaint) => {
                self.facts.violate(complaint);
                false
            }
        }
    }

    fn release(&mut self, permit: Permit) {
        match self.permits.release(permit) {
            Ok(inputs) => self.news.mail.extend(inputs),
            Err(complaint) => self.facts.violate(complaint),
        }
    }

    fn record(&mut self, outcome: Box<Outcome>) {
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
}

/// The connection of which an input tells that octets moved.
const fn conn_of(input: &Input) -> Option<ConnId> {
    match input {
        Input::Data { conn, .. } | Input::Piped { conn, .. } | Input::Wrote { conn, .. } => Some(*conn),
        _ => None,
    }
}

/// More than any limit on waiting that is usual, but for those on idle connections.
const VERY_LATE: Nanos = 30 * SECOND;

/// How long accepting rests for want of descriptors, as in the real driver.
const REST: Nanos = 100 * MS;

/// When the world begins, in seconds since 1970.
const DAWN: u64 = 784_111_777;

/// How often the state's digest goes into the journal.
const CHECKPOINT: u64 = 64;

/// A read or write that is not called tiny, in octets.
const BEARABLE: usize = 700;
