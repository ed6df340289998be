//! One worker: does on asynchronous sockets what [`drive`] asks for, and sleeps until one of them has news. Decides
//! nothing: what is looked at when is `drive`'s word, and all else the core's.

use crate::accept::Listeners;
use crate::crew::Crew;
use crate::net::{Net, Stream, net_error};
use crate::pipes::Pipes;
use crate::pump::{self, ReadBuffer};
use crate::ready::{Inbox, Token};
use crate::slots::{Occupant, Slots};
use crate::timer::{Alarm, Clock};
use proxy_core::drive::{self, Driver, News, Place, Read, Rest, Then, Turn, Wrote};
use proxy_core::{Close, ConnId, Core, Input, Instant, Listen, ListenerId, NetError, Outcome, Permit};
use std::future::poll_fn;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Takes the explanation of every exchange of one worker.
pub trait Recorder {
    /// An exchange is over.
    fn record(&mut self, outcome: &Outcome);

    /// Whatever was recorded may go out now: called once for many, before the worker sleeps.
    fn flush(&mut self);
}

/// Sees every input of a worker with its time, before the core does: enough to replay it exactly.
pub trait Journal {
    /// An input is about to be handed in.
    fn input(&mut self, now: Instant, input: &Input);

    /// The worker is about to sleep. `digest` works out the digest of the core's state.
    fn flush(&mut self, _digest: &dyn Fn() -> u64) {}

    /// The worker is drained; `digest` is that of the core's last state.
    fn end(&mut self, _digest: u64) {}
}

impl<F: FnMut(Instant, &Input)> Journal for F {
    fn input(&mut self, now: Instant, input: &Input) {
        self(now, input);
    }
}

/// All that one worker is made of.
pub struct Setup<N: Net, R> {
    /// Decides everything.
    pub core: Core,
    /// The network.
    pub net: N,
    /// Bound, in the order of `Config::listeners`.
    pub listeners: Vec<N::Listener>,
    /// The workers of this process.
    pub crew: Arc<Crew>,
    /// Which of them this one is, counted from 0.
    pub worker: usize,
    /// How many pipes it may hold octets in at a time.
    pub pipes: usize,
    /// Where outcomes go.
    pub recorder: R,
    /// Where inputs go.
    pub journal: Option<Box<dyn Journal>>,
    /// What the core calls `Instant::ZERO`.
    pub epoch: tokio::time::Instant,
    /// Tells the time of day, in seconds since the beginning of 1970, UTC.
    pub unix_seconds: fn() -> u64,
}

/// Runs one worker until it is drained ([`Crew::drain`]). Must be polled within a tokio runtime with I/O and time.
pub async fn run_worker<N: Net, R: Recorder>(setup: Setup<N, R>) {
    let mut worker = Worker::new(setup);
    // Fairness is this loop's own affair: tokio's budget would cut a turn short at a random connection, and would
    // look like a full kernel to a writer.
    tokio::task::coop::unconstrained(poll_fn(|cx| worker.turn(cx))).await;
}

struct Worker<N: Net, R> {
    core: Core,
    turn: Turn,
    net: N,
    slots: Slots<N::Stream>,
    listeners: Listeners<N>,
    buffer: ReadBuffer,
    pipes: Pipes<N::Pipe>,
    clock: Clock,
    unix_seconds: fn() -> u64,
    alarm: Alarm,
    inbox: Arc<Inbox>,
    /// What has to be looked at again, because it was not finished with.
    again: Vec<Token>,
    crew: Arc<Crew>,
    number: usize,
    recorder: R,
    recorded: bool,
    journal: Option<Box<dyn Journal>>,
    /// The time of this turn.
    now: Instant,
    spare: Vec<Token>,
}

impl<N: Net, R: Recorder> Worker<N, R> {
    fn new(setup: Setup<N, R>) -> Self {
        let inbox = setup.crew.inbox(setup.worker);
        let clock = Clock::new(setup.epoch);
        let worker = Self {
            core: setup.core,
            turn: Turn::default(),
            net: setup.net,
            slots: Slots::new(Arc::clone(&inbox)),
            listeners: Listeners::new(setup.listeners, &inbox),
            buffer: ReadBuffer::default(),
            pipes: Pipes::new(setup.pipes),
            clock,
            unix_seconds: setup.unix_seconds,
            alarm: Alarm::new(clock, &inbox),
            inbox,
            again: Vec::new(),
            crew: setup.crew,
            number: setup.worker,
            recorder: setup.recorder,
            recorded: false,
            journal: setup.journal,
            now: clock.now(),
            spare: Vec::new(),
        };
        worker.listeners.ring();
        worker
    }

    /// Looks at everything that has news, then sleeps. Ready when drained.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.now = self.clock.now();
        self.listeners.resume(self.now);
        let rest = drive::turn(self, self.now);
        self.flush();
        match rest {
            Rest::Drained => {
                if let Some(journal) = &mut self.journal {
                    journal.end(self.core.digest());
                }
                Poll::Ready(())
            }
            Rest::None => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Rest::Sleep(until) => {
                until.into_iter().chain(self.listeners.resting_until()).for_each(|at| self.alarm.set(at));
                if !self.again.is_empty() || !self.inbox.sleep(cx.waker()) {
                    // There is more to do, but the reactor must see the sockets first.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    fn flush(&mut self) {
        if mem::take(&mut self.recorded) {
            self.recorder.flush();
        }
        if let Some(journal) = &mut self.journal {
            journal.flush(&|| self.core.digest());
        }
    }
}

impl<N: Net, R: Recorder> Driver for Worker<N, R> {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn unix_seconds(&mut self) -> Option<u64> {
        Some((self.unix_seconds)())
    }

    fn handle(&mut self, now: Instant, input: Input) {
        if let Some(journal) = &mut self.journal {
            journal.input(now, &input);
        }
        self.core.handle(now, input);
    }

    fn news(&mut self, into: &mut News) {
        self.inbox.take(&mut self.spare, &mut into.mail);
        self.spare.append(&mut self.again);
        for token in self.spare.drain(..) {
            match token {
                Token::Slot(index) => into.places.push(Place::Conn(index)),
                Token::Listener(id) => into.places.push(Place::Listener(id)),
                Token::Alarm => self.alarm.answer(),
            }
        }
    }

    fn has_news(&mut self, conn: ConnId) -> bool {
        self.slots.has_news(conn)
    }

    fn answer(&mut self, place: Place) {
        match place {
            Place::Conn(index) => self.slots.answer(index),
            Place::Listener(id) => self.listeners.answer(id),
        }
    }

    fn look_again(&mut self, conn: ConnId) {
        self.again.extend(self.slots.queue(conn));
    }

    fn ring(&mut self, listener: ListenerId) {
        self.listeners.ring_one(listener);
    }

    fn listeners(&mut self) -> usize {
        self.listeners.count()
    }

    fn accept(&mut self, conn: ConnId, listener: ListenerId) -> Option<SocketAddr> {
        let (stream, peer) = self.listeners.accept(&self.net, listener, self.now)?;
        self.slots.insert(conn, Occupant::Open(stream));
        Some(peer)
    }

    fn is_watched(&mut self, conn: ConnId) -> bool {
        self.slots.open(conn).is_none_or(|(stream, _)| stream.is_watched())
    }

    fn watch(&mut self, conn: ConnId) -> Result<(), NetError> {
        let Some((stream, _)) = self.slots.open(conn) else { return Ok(()) };
        stream.watch().map_err(|error| net_error(&error))
    }

    fn connect(&mut self, conn: ConnId, peer: SocketAddr) {
        self.slots.insert(conn, Occupant::Connecting(Box::pin(self.net.connect(peer))));
        self.look_again(conn);
    }

    fn finish_connecting(&mut self, conn: ConnId) -> Poll<Result<(), NetError>> {
        let Some((connecting, waker)) = self.slots.connecting(conn) else { return Poll::Pending };
        match connecting.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(Ok(stream)) => {
                self.slots.remove(conn);
                self.slots.insert(conn, Occupant::Open(stream));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.slots.remove(conn);
                Poll::Ready(Err(net_error(&error)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn read(&mut self, conn: ConnId, max: usize, pipe: Option<ConnId>) -> Read {
        let Some((stream, waker)) = self.slots.open(conn) else { return Read::Pending };
        let mut cx = Context::from_waker(waker);
        let piped = pipe.and_then(|to| self.pipes.fill(stream, &mut cx, to, max));
        piped.unwrap_or_else(|| self.buffer.read(stream, &mut cx, max))
    }

    fn read_rest(&mut self, conn: ConnId, max: usize) -> Read {
        let Some((stream, _)) = self.slots.open(conn) else { return Read::Pending };
        self.buffer.read_now(stream, max)
    }

    fn write(&mut self, conn: ConnId) -> Wrote {
        let Some((stream, waker)) = self.slots.open(conn) else {
            return Wrote { octets: 0, then: Then::Done };
        };
        let mut cx = Context::from_waker(waker);
        if self.pipes.hold(conn) {
            return self.pipes.drain(stream, &mut cx, conn);
        }
        pump::write(stream, &mut cx, || self.core.egress(conn))
    }

    fn shut(&mut self, conn: ConnId) -> Then {
        let Some((stream, waker)) = self.slots.open(conn) else { return Then::Done };
        pump::shut_down(stream, &mut Context::from_waker(waker))
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        self.pipes.forget(conn);
        match (self.slots.remove(conn), how) {
            (Some(Occupant::Open(stream)), Close::Abort) => self.net.abort(stream),
            (Some(Occupant::Open(_)), Close::Graceful) | (Some(Occupant::Connecting(_)) | None, _) => {}
        }
    }

    fn lost(&mut self, conn: ConnId) {
        self.pipes.forget(conn);
        self.slots.remove(conn);
    }

    fn listen(&mut self, listen: Listen) {
        self.listeners.set(listen);
    }

    fn acquire(&mut self, permit: Permit) -> bool {
        self.crew.acquire(permit, self.number)
    }

    fn release(&mut self, permit: Permit) {
        self.crew.release(permit);
    }

    fn record(&mut self, outcome: Box<Outcome>) {
        self.recorder.record(&outcome);
        self.recorded = true;
        self.core.recycle(outcome);
    }
}

impl<N: Net, R> Drop for Worker<N, R> {
    fn drop(&mut self) {
        self.crew.leave(self.number);
    }
}

#[cfg(test)]
mod tests;
