//! The loop of one worker: hands the core what happened and does what it asks for. All order is in here. Decides
//! nothing: how much is read, what is written and when a connection ends is the core's word.

use crate::accept::Listeners;
use crate::crew::Crew;
use crate::net::{BACKLOG, Net, Stream, net_error};
use crate::pipes::Pipes;
use crate::pump::{self, Read, ReadBuffer, Then};
use crate::ready::{Inbox, Token};
use crate::slots::{Occupant, Slots};
use crate::timer::{Alarm, Clock};
use proxy_core::{Action, Close, ConnId, Core, Input, Instant, Interest, ListenerId, NetError, Outcome};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

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
    /// Where outcomes go.
    pub recorder: R,
    /// Where inputs go.
    pub journal: Option<Box<dyn Journal>>,
    /// What the core calls `Instant::ZERO`.
    pub epoch: tokio::time::Instant,
}

/// Runs one worker until it is drained ([`Crew::drain`]). Must be polled within a tokio runtime with I/O and time.
pub async fn run_worker<N: Net, R: Recorder>(setup: Setup<N, R>) {
    let mut worker = Worker::new(setup);
    worker.start();
    // Fairness is this loop's own affair: tokio's budget would cut a turn short at a random connection, and would
    // look like a full kernel to a writer.
    tokio::task::coop::unconstrained(poll_fn(|cx| worker.turn(cx))).await;
}

struct Worker<N: Net, R> {
    core: Core,
    net: N,
    slots: Slots<N::Stream>,
    listeners: Listeners<N>,
    buffer: ReadBuffer,
    pipes: Pipes<N::Pipe>,
    clock: Clock,
    alarm: Alarm,
    /// The time of this turn, the same for all that happens in it.
    now: Instant,
    inbox: Arc<Inbox>,
    /// What has to be looked at again, because it was not finished with.
    again: Vec<Token>,
    /// Clients with news, and listeners: they wait until those requests that are under way have got on.
    waiting: VecDeque<Token>,
    /// Accepted connections whose news nobody would notice yet, and until when that may be so.
    unwatched: VecDeque<(Instant, ConnId)>,
    /// What the actions of the last input leave to do; empty between two inputs from outside.
    todo: VecDeque<Todo>,
    batch: Batch,
    crew: Arc<Crew>,
    number: usize,
    recorder: R,
    recorded: bool,
    journal: Option<Box<dyn Journal>>,
    drained: bool,
    spare_tokens: Vec<Token>,
    spare_mail: Vec<Input>,
}

/// Connections that the core wants something new of, put off for a while.
///
/// A request runs through more code than the processor's nearest cache holds, most of it the kernel's. So as much as possible
/// of one kind is done in a row: requests are read and thought about, then all that came of them is sent.
#[derive(Debug, Default)]
struct Batch {
    updates: VecDeque<ConnId>,
    /// Octets that were taken in meanwhile.
    octets: usize,
}

impl Batch {
    /// Nothing is put off for longer: what was read is still in the cache when it is sent.
    fn is_full(&self) -> bool {
        self.updates.len() >= BATCH_MAX || self.octets >= BATCH_OCTETS_MAX
    }
}

/// Something that ends in an input, and therefore waits until all actions of the one before are done.
enum Todo {
    /// Write what the core has for a connection, having looked at what its peer did.
    Write { conn: ConnId, was_blocked: bool },
    /// Hand in what the peer of a broken connection sent before, then its end.
    Bury(ConnId, NetError),
    /// Tell the core.
    Answer(Input),
}

/// What a read brought, and whether another one would be in vain.
struct News {
    input: Input,
    is_all: bool,
}

impl<N: Net, R: Recorder> Worker<N, R> {
    fn new(setup: Setup<N, R>) -> Self {
        let inbox = setup.crew.inbox(setup.worker);
        let clock = Clock::new(setup.epoch);
        Self {
            core: setup.core,
            net: setup.net,
            slots: Slots::new(Arc::clone(&inbox)),
            listeners: Listeners::new(setup.listeners, &inbox),
            buffer: ReadBuffer::default(),
            pipes: Pipes::new(),
            clock,
            alarm: Alarm::new(clock, &inbox),
            now: clock.now(),
            inbox,
            again: Vec::new(),
            waiting: VecDeque::new(),
            unwatched: VecDeque::new(),
            todo: VecDeque::new(),
            batch: Batch::default(),
            crew: setup.crew,
            number: setup.worker,
            recorder: setup.recorder,
            recorded: false,
            journal: setup.journal,
            drained: false,
            spare_tokens: Vec::new(),
            spare_mail: Vec::new(),
        }
    }

    fn start(&mut self) {
        self.listeners.ring();
        self.settle();
        self.catch_up();
    }

    /// Looks at everything that has news, then sleeps. Ready when drained.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.now = self.clock.now();
        self.listeners.resume(self.now);
        let mut allowance = CLIENTS_MAX;
        for _ in 0..ROUNDS_MAX {
            if !self.round(&mut allowance) {
                break;
            }
        }
        self.tick();
        self.catch_up();
        // Whoever was answered until now may ask again.
        self.watch();
        self.catch_up();
        if mem::take(&mut self.recorded) {
            self.recorder.flush();
        }
        if let Some(journal) = &mut self.journal {
            journal.flush(&|| self.core.digest());
        }
        if self.drained {
            if let Some(journal) = &mut self.journal {
                journal.end(self.core.digest());
            }
            return Poll::Ready(());
        }
        self.set_alarm();
        if self.has_more() || !self.inbox.sleep(cx.waker()) {
            // There is more to do, but the reactor must see the sockets first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Whether something has to be done before sleeping.
    fn has_more(&self) -> bool {
        !self.again.is_empty() || !self.waiting.is_empty()
    }

    /// Looks once at every upstream that has news, and at as many clients as `allowance` says; false if nobody was looked
    /// at.
    ///
    /// Upstreams go first, so that what is under way is finished before more is begun: however many clients there are, a
    /// request then needs few others' company, few upstream connections are busy at a time, and all that it touches is
    /// still near the processor when its response comes.
    fn round(&mut self, allowance: &mut u32) -> bool {
        let mut tokens = mem::take(&mut self.spare_tokens);
        let mut mail = mem::take(&mut self.spare_mail);
        self.inbox.take(&mut tokens, &mut mail);
        tokens.append(&mut self.again);
        let any = !tokens.is_empty() || !mail.is_empty() || (!self.waiting.is_empty() && *allowance > 0);
        for token in tokens.drain(..) {
            match token {
                Token::Slot(index) if !self.slots.is_client(index) => self.visit(index),
                Token::Slot(_) | Token::Listener(_) => self.waiting.push_back(token),
                Token::Alarm => self.alarm.answer(),
            }
        }
        self.catch_up();
        self.serve_clients(allowance);
        for input in mail.drain(..) {
            if input == Input::Drain {
                self.accept_all();
            }
            self.feed(input);
        }
        self.catch_up();
        (self.spare_tokens, self.spare_mail) = (tokens, mail);
        any
    }

    /// Timers fire after the sockets were looked at: what arrived in time counts, even if we are late.
    fn tick(&mut self) {
        if self.core.next_deadline().is_some_and(|deadline| deadline.at <= self.now) {
            self.feed(Input::Tick);
        }
    }

    fn set_alarm(&mut self) {
        let deadline = self.core.next_deadline().map(|deadline| deadline.at);
        let unwatched_until = self.unwatched.front().map(|(until, _)| *until);
        if let Some(at) =
            [deadline, self.listeners.resting_until(), unwatched_until].into_iter().flatten().min()
        {
            self.alarm.set(at);
        }
    }

    /// Looks at clients in the order in which they came to wait.
    fn serve_clients(&mut self, allowance: &mut u32) {
        while *allowance > 0
            && let Some(token) = self.waiting.pop_front()
        {
            *allowance -= 1;
            match token {
                Token::Slot(index) => self.visit(index),
                Token::Listener(id) => self.accept(id, allowance),
                Token::Alarm => self.alarm.answer(),
            }
        }
    }

    /// A listener that closes resets the clients in its queue: before a drain, they are taken.
    fn accept_all(&mut self) {
        for listener in self.listeners.ids() {
            // As many as can have waited there.
            let mut all = BACKLOG.unsigned_abs();
            self.accept(listener, &mut all);
        }
    }

    /// Takes at least one client, if any waits, and at most as many more as `allowance` says.
    fn accept(&mut self, listener: ListenerId, allowance: &mut u32) {
        self.listeners.answer(listener);
        for _ in 0..=*allowance {
            let Some((stream, peer)) = self.listeners.accept(&self.net, listener, self.now) else { return };
            *allowance = allowance.saturating_sub(1);
            let conn = self.core.vacant();
            self.slots.insert_accepted(conn, stream);
            self.feed(Input::Accepted { conn, listener, peer });
            // The request is often there already.
            self.look_at(conn);
            self.unwatched.push_back((self.now.after(UNWATCHED_MAX), conn));
        }
        self.listeners.ring_one(listener);
    }

    /// Has the kernel tell of news of accepted connections, if the core waits for them or time is up. Until then they can
    /// only leave; and one that is served and closed in the meantime costs two system calls less.
    fn watch(&mut self) {
        for _ in 0..self.unwatched.len() {
            let Some((until, conn)) = self.unwatched.pop_front() else { return };
            let Some((open, ..)) = self.slots.open(conn) else { continue };
            if open.stream.is_watched() {
                continue;
            }
            if until > self.now && !self.core.is_awaited(conn) {
                self.unwatched.push_back((until, conn));
                continue;
            }
            match open.stream.watch() {
                Ok(()) => self.look_at(conn),
                Err(error) => {
                    let failed = self.fail(conn, net_error(&error));
                    failed.into_iter().for_each(|input| self.feed(input));
                }
            }
        }
    }

    /// Does whatever the connection in this slot is ready for.
    fn visit(&mut self, index: u32) {
        let Some(conn) = self.slots.answer(index) else { return };
        self.finish_connecting(conn);
        self.look_at(conn);
    }

    /// Writes what waited for room, and reads what is there.
    fn look_at(&mut self, conn: ConnId) {
        let Some((open, ..)) = self.slots.open(conn) else { return };
        let was_blocked = mem::take(&mut open.blocked);
        // From here to the end of this visit the read side is looked after.
        open.watched = true;
        if was_blocked {
            self.todo.push_back(Todo::Write { conn, was_blocked });
            self.settle();
        }
        for _ in 0..READS_MAX {
            let Some(News { input, is_all }) = self.read(conn) else { return };
            self.feed(input);
            // What comes next may be a reset: what was said before it is passed on first.
            if !is_all || self.batch.is_full() {
                self.catch_up();
            }
            if is_all {
                return;
            }
        }
        self.look_again(conn);
    }

    fn finish_connecting(&mut self, conn: ConnId) {
        let Some((connecting, waker)) = self.slots.connecting(conn) else { return };
        match connecting.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(Ok(stream)) => {
                self.slots.insert_connected(conn, stream);
                self.feed(Input::Connected { conn });
            }
            Poll::Ready(Err(error)) => {
                self.slots.remove(conn);
                self.feed(Input::ConnectFailed { conn, error: net_error(&error) });
            }
            Poll::Pending => {}
        }
    }

    /// Hands in one fact, then does all that follows from it.
    fn feed(&mut self, input: Input) {
        self.hand_in(input);
        self.settle();
    }

    /// The only call of `Core::handle`.
    fn hand_in(&mut self, input: Input) {
        if let Some(journal) = &mut self.journal {
            journal.input(self.now, &input);
        }
        self.core.handle(self.now, input);
    }

    /// One input → drain every action, until no action leads to another input. Flat: what an action causes waits in
    /// `todo`, it never calls back into the core from within.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.core.poll_action() {
                self.carry_out(action);
            }
            let Some(todo) = self.todo.pop_front() else { return };
            if let Some(input) = self.follow_up(todo) {
                self.hand_in(input);
            }
        }
    }

    /// Does what was put off, and what follows from it.
    fn catch_up(&mut self) {
        while let Some(conn) = self.batch.updates.pop_front() {
            if let Some(input) = self.update(conn) {
                self.hand_in(input);
            }
            self.settle();
        }
        self.batch.octets = 0;
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { conn, peer } => {
                self.slots.insert_connecting(conn, Box::pin(self.net.connect(peer)));
                self.look_again(conn);
            }
            Action::Update { conn } => self.batch.updates.push_back(conn),
            Action::Close { conn, how } => self.close(conn, how),
            Action::Listen(listen) => self.listeners.set(listen),
            Action::Acquire(permit) => {
                let answer = self.crew.acquire(permit, self.number);
                self.todo.push_back(Todo::Answer(answer));
            }
            Action::Release(permit) => self.crew.release(permit),
            Action::Record(outcome) => {
                self.recorder.record(&outcome);
                self.recorded = true;
                self.core.recycle(outcome);
            }
            Action::Drained => self.drained = true,
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        self.pipes.forget(conn);
        match (self.slots.remove(conn), how) {
            (Some(Occupant::Open(open)), Close::Abort) => self.net.abort(open.stream),
            (Some(Occupant::Open(_)), Close::Graceful) | (Some(Occupant::Connecting(_)) | None, _) => {}
        }
    }

    fn follow_up(&mut self, todo: Todo) -> Option<Input> {
        match todo {
            Todo::Answer(input) => Some(input),
            Todo::Write { conn, was_blocked } => self.write(conn, self.core.interest(conn)?, was_blocked),
            Todo::Bury(conn, error) => self.bury(conn, error),
        }
    }

    /// Starts to read or write as the core now wants.
    fn update(&mut self, conn: ConnId) -> Option<Input> {
        let interest = self.core.interest(conn)?;
        let (open, bell, _) = self.slots.open(conn)?;
        let upstream_has_news = bell.is_queued() && !open.is_client;
        if interest.read > 0 && !open.watched && !open.ended {
            open.watched = true;
            self.look_again(conn);
        }
        if interest.write && upstream_has_news {
            // The news may be that a pooled connection was closed by its peer. Reading first finds that out with no
            // octet sent, so that any request may be sent again on another one.
            self.todo.push_back(Todo::Write { conn, was_blocked: false });
            return self.read(conn).map(|news| news.input);
        }
        self.write(conn, interest, false)
    }

    /// Hands in what the peer sent, as much as the core allows.
    fn read(&mut self, conn: ConnId) -> Option<News> {
        let interest = self.core.interest(conn)?;
        let (open, _, waker) = self.slots.open(conn)?;
        if interest.read == 0 || open.ended {
            open.watched = false;
            return None;
        }
        let mut cx = Context::from_waker(waker);
        let piped = interest.pipe.and_then(|to| self.pipes.fill(open, &mut cx, to, interest.read));
        let (input, is_all) = match piped.unwrap_or_else(|| self.buffer.read(open, &mut cx, interest.read)) {
            Read::Data { bytes, is_all } => {
                self.batch.octets += bytes.len();
                (Input::Data { conn, bytes }, is_all)
            }
            // No more than was allowed, which is far less than 4 GiB.
            Read::Piped(n) => {
                self.batch.octets += n;
                (Input::Piped { conn, n: u32::try_from(n).unwrap_or(u32::MAX) }, false)
            }
            Read::Eof => (Input::Eof { conn }, false),
            Read::Failed(error) => (self.fail(conn, error)?, false),
            Read::Pending => return None,
        };
        Some(News { input, is_all })
    }

    /// Writes what the core has for the peer, then FIN if nothing will follow. A full kernel is told once.
    fn write(&mut self, conn: ConnId, interest: Interest, was_blocked: bool) -> Option<Input> {
        let (open, _, waker) = self.slots.open(conn)?;
        let mut cx = Context::from_waker(waker);
        if open.broken || open.blocked {
            return None;
        }
        let wrote = match interest {
            Interest { write: true, .. } if self.pipes.hold(conn) => self.pipes.drain(open, &mut cx, conn),
            Interest { write: true, .. } => pump::write(open, &mut cx, || self.core.egress(conn)),
            Interest { shutdown: true, .. } => pump::shut_down(open, &mut cx),
            Interest { .. } => return None,
        };
        match wrote.then {
            Then::Failed(error) => {
                open.broken = true;
                self.todo.push_back(Todo::Bury(conn, error));
            }
            Then::Blocked if wrote.octets == 0 && (was_blocked || !interest.write) => return None,
            Then::Blocked => return Some(wrote_input(conn, wrote.octets)),
            Then::Done => {}
        }
        (wrote.octets > 0).then(|| wrote_input(conn, wrote.octets))
    }

    /// After a failed write: a peer that answered before it reset the connection is heard first.
    fn bury(&mut self, conn: ConnId, error: NetError) -> Option<Input> {
        if error == NetError::Reset
            && let Some(News { input, .. }) = self.read(conn)
        {
            self.todo.push_back(Todo::Bury(conn, error));
            return Some(input);
        }
        self.fail(conn, error)
    }

    fn fail(&mut self, conn: ConnId, error: NetError) -> Option<Input> {
        self.pipes.forget(conn);
        self.slots.remove(conn).map(|_| Input::Failed { conn, error })
    }

    /// Puts a connection on the list of those to look at.
    fn look_again(&mut self, conn: ConnId) {
        self.again.extend(self.slots.queue(conn));
    }
}

impl<N: Net, R> Drop for Worker<N, R> {
    fn drop(&mut self) {
        self.crew.leave(self.number);
    }
}

fn wrote_input(conn: ConnId, octets: usize) -> Input {
    // The core buffers far less than 4 GiB for one connection.
    Input::Wrote { conn, n: u32::try_from(octets).unwrap_or(u32::MAX) }
}

/// Clients looked at in one turn, old and new: few enough that the first responses come back while the processor still
/// knows what they belong to, and enough that looking for news costs little by comparison.
const CLIENTS_MAX: u32 = 32;

/// Connections for which something is put off at a time.
const BATCH_MAX: usize = 32;

/// Octets taken in while something is put off: what fits into a processor's nearest cache.
const BATCH_OCTETS_MAX: usize = 32 * 1024;

/// How long an accepted client for whose octets nobody waits may go unwatched: that much later it is noticed that it left.
const UNWATCHED_MAX: Duration = Duration::from_millis(5);

/// Reads from one connection until others get a turn.
const READS_MAX: usize = 4;

/// Rounds of one turn: what one connection causes on another is done in the same turn, but a chain of causes must not
/// keep the reactor from looking at the sockets.
const ROUNDS_MAX: usize = 4;

#[cfg(test)]
mod tests;
