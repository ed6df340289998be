//! The deciding half of a driver: in which order connections are looked at, what is put off, and what each of them is
//! still good for. Whoever has sockets, real or simulated, implements [`Driver`] and calls [`turn`].
//!
//! It is as free of I/O as the core: it asks for operations that do not block, and acts on what they report. It keeps
//! the contract of [`Core`](crate::Core) so that no driver has to: one input → drain every action → the next input. Nothing that an
//! action causes calls back into the core from within; it waits in a list until all actions are done.

mod driver;
mod turn;

pub use driver::{Driver, News, Place, Read, Then, Wrote};
pub use turn::Turn;

use crate::action::{Action, Interest};
use crate::ids::ListenerId;
use crate::input::{ConnId, Input, NetError};
use crate::time::Instant;
use core::mem;
use core::task::Poll;
use core::time::Duration;
use turn::{Flow, Reads, Todo, Writes};

/// What a driver does after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There is more to do, but the sockets must be asked for news first.
    None,
    /// Sleep until there is news, or until then at most.
    Sleep(Option<Instant>),
    /// The core is drained: nothing is left to do, ever.
    Drained,
}

/// Looks at everything that has news, then at the clock.
pub fn turn<D: Driver>(d: &mut D, now: Instant) -> Rest {
    look(d, now);
    tick(d, now);
    // Whoever was answered until now may ask again.
    watch(d);
    catch_up(d);
    rest(d)
}

/// Looks at everything that has news.
pub fn look<D: Driver>(d: &mut D, now: Instant) {
    d.turn().now = now;
    tell_time(d);
    let mut allowance = CLIENTS_MAX;
    for _ in 0..ROUNDS_MAX {
        if !round(d, &mut allowance) {
            return;
        }
    }
}

/// Tells the time of day, at most once a second.
fn tell_time<D: Driver>(d: &mut D) {
    let now = d.unix_seconds();
    if let Some(unix_seconds) = now
        && mem::replace(&mut d.turn().unix_seconds, now) != now
    {
        feed(d, Input::Clock { unix_seconds });
    }
}

/// Fires what is due. Comes after [`look`]: what arrived in time counts, even if the tick is late.
pub fn tick<D: Driver>(d: &mut D, now: Instant) {
    d.turn().now = now;
    if d.next_deadline().is_some_and(|deadline| deadline.at <= now) {
        feed(d, Input::Tick);
    }
    catch_up(d);
}

/// What to do until the next turn.
pub fn rest<D: Driver>(d: &mut D) -> Rest {
    if d.turn().is_drained {
        return Rest::Drained;
    }
    if !d.turn().waiting.is_empty() {
        return Rest::None;
    }
    let deadline = d.next_deadline().map(|deadline| deadline.at);
    let unwatched_until = d.turn().unwatched.front().map(|(until, _)| *until);
    Rest::Sleep([deadline, unwatched_until].into_iter().flatten().min())
}

/// Hands in one fact that came from elsewhere than a connection, then does all that follows from it.
pub fn tell<D: Driver>(d: &mut D, input: Input) {
    if input == Input::Drain {
        accept_all(d);
    }
    feed(d, input);
}

/// Looks once at every upstream that has news, and at as many clients as `allowance` says; false if nobody was looked
/// at.
///
/// Upstreams go first, so that what is under way is finished before more is begun: however many clients there are, few
/// requests run at a time, few upstream connections are busy, and all that a request touches is still in the
/// processor's cache when its response comes.
fn round<D: Driver>(d: &mut D, allowance: &mut u32) -> bool {
    let mut news = mem::take(&mut d.turn().spare);
    d.news(&mut news);
    let any =
        !news.places.is_empty() || !news.mail.is_empty() || (!d.turn().waiting.is_empty() && *allowance > 0);
    for place in news.places.drain(..) {
        match place {
            Place::Conn(index) if !d.turn().is_client(index) => visit(d, index),
            Place::Conn(_) | Place::Listener(_) => d.turn().waiting.push_back(place),
        }
    }
    catch_up(d);
    serve_clients(d, allowance);
    for input in news.mail.drain(..) {
        tell(d, input);
    }
    catch_up(d);
    d.turn().spare = news;
    any
}

/// Looks at clients in the order in which they came to wait.
fn serve_clients<D: Driver>(d: &mut D, allowance: &mut u32) {
    while *allowance > 0
        && let Some(place) = d.turn().waiting.pop_front()
    {
        *allowance -= 1;
        match place {
            Place::Conn(index) => visit(d, index),
            Place::Listener(listener) => accept(d, listener, allowance),
        }
    }
}

/// A listener that closes resets the clients in its queue: before a drain, they are taken.
fn accept_all<D: Driver>(d: &mut D) {
    for listener in (0..d.listeners()).map(ListenerId::at) {
        // As many as can have waited there.
        let mut all = BACKLOG_MAX;
        accept(d, listener, &mut all);
    }
}

/// Takes at least one client, if any waits, and at most as many more as `allowance` says.
fn accept<D: Driver>(d: &mut D, listener: ListenerId, allowance: &mut u32) {
    d.answer(Place::Listener(listener));
    for _ in 0..=*allowance {
        let conn = d.core().vacant();
        let Some(peer) = d.accept(conn, listener) else { return };
        *allowance = allowance.saturating_sub(1);
        d.turn().insert(Flow::accepted(conn));
        feed(d, Input::Accepted { conn, listener, peer });
        // The request is often there already.
        look_at(d, conn);
        if !d.is_watched(conn) {
            let until = d.turn().now.after(UNWATCHED_MAX);
            d.turn().unwatched.push_back((until, conn));
        }
    }
    d.ring(listener);
}

/// Has the driver watch accepted connections for news, if the core waits for any or time is up. Until then they can
/// only leave; and one that is served and closed in the meantime never has to be watched.
fn watch<D: Driver>(d: &mut D) {
    let now = d.turn().now;
    for _ in 0..d.turn().unwatched.len() {
        let Some((until, conn)) = d.turn().unwatched.pop_front() else { return };
        if d.turn().open(conn).is_none() {
            continue;
        }
        if until > now && !d.is_watched(conn) && !d.core().is_awaited(conn) {
            d.turn().unwatched.push_back((until, conn));
            continue;
        }
        // A full kernel may have made the driver watch it: that was for writing, and nobody has asked for octets since.
        match d.watch(conn) {
            Ok(()) => look_at(d, conn),
            Err(error) => {
                let failed = fail(d, conn, error);
                failed.into_iter().for_each(|input| feed(d, input));
            }
        }
    }
}

/// Does whatever the connection in this place is ready for.
fn visit<D: Driver>(d: &mut D, index: u32) {
    d.answer(Place::Conn(index));
    let Some(conn) = d.turn().conn_at(index) else { return };
    finish_connecting(d, conn);
    look_at(d, conn);
}

fn finish_connecting<D: Driver>(d: &mut D, conn: ConnId) {
    if !d.turn().is_connecting(conn) {
        return;
    }
    match d.finish_connecting(conn) {
        Poll::Ready(Ok(())) => {
            d.turn().insert(Flow::connected(conn));
            feed(d, Input::Connected { conn });
        }
        Poll::Ready(Err(error)) => {
            d.turn().remove(conn);
            feed(d, Input::ConnectFailed { conn, error });
        }
        Poll::Pending => {}
    }
}

/// Writes what waited for room, and reads what is there.
fn look_at<D: Driver>(d: &mut D, conn: ConnId) {
    let Some(flow) = d.turn().open(conn) else { return };
    let was_blocked = flow.writes == Writes::Blocked;
    if flow.reads == Reads::Paused {
        flow.reads = Reads::Watched;
    }
    if was_blocked {
        flow.writes = Writes::Open;
        d.turn().todo.push_back(Todo::Write { conn, was_blocked });
        settle(d);
    }
    for _ in 0..READS_MAX {
        let Some(Heard { input, is_all }) = read(d, conn) else { return };
        feed(d, input);
        // What comes next may be a reset: what was said before it is passed on first.
        if !is_all || d.turn().batch.is_full() {
            catch_up(d);
        }
        if is_all {
            return;
        }
    }
    d.look_again(conn);
}

/// Hands in one fact, then does all that follows from it.
fn feed<D: Driver>(d: &mut D, input: Input) {
    hand_in(d, input);
    settle(d);
}

fn hand_in<D: Driver>(d: &mut D, input: Input) {
    let now = d.turn().now;
    d.handle(now, input);
}

/// Drains every action, then does what the first of them left to do, until no action leads to another input.
fn settle<D: Driver>(d: &mut D) {
    loop {
        while let Some(action) = d.poll_action() {
            carry_out(d, action);
        }
        let Some(todo) = d.turn().todo.pop_front() else { return };
        if let Some(input) = follow_up(d, todo) {
            hand_in(d, input);
        }
    }
}

/// Does what was put off, and what follows from it.
fn catch_up<D: Driver>(d: &mut D) {
    while let Some(conn) = d.turn().batch.updates.pop_front() {
        if let Some(input) = update(d, conn) {
            hand_in(d, input);
        }
        settle(d);
    }
    d.turn().batch.octets = 0;
}

fn carry_out<D: Driver>(d: &mut D, action: Action) {
    match action {
        Action::Connect { conn, peer } => {
            d.turn().insert(Flow::connecting(conn));
            d.connect(conn, peer);
        }
        Action::Update { conn } => d.turn().batch.updates.push_back(conn),
        Action::Close { conn, how } => {
            d.turn().remove(conn);
            d.close(conn, how);
        }
        Action::Listen(listen) => d.listen(listen),
        Action::Acquire(permit) => {
            let is_granted = d.acquire(permit);
            let answer = if is_granted { Input::Granted { permit } } else { Input::Denied { permit } };
            d.turn().todo.push_back(Todo::Answer(answer));
        }
        Action::Release(permit) => d.release(permit),
        Action::Record(outcome) => d.record(outcome),
        Action::Drained => d.turn().is_drained = true,
    }
}

fn follow_up<D: Driver>(d: &mut D, todo: Todo) -> Option<Input> {
    match todo {
        Todo::Answer(input) => Some(input),
        Todo::Write { conn, was_blocked } => {
            let interest = d.interest(conn)?;
            write(d, conn, interest, was_blocked)
        }
        Todo::Bury(conn, error) => bury(d, conn, error),
    }
}

/// Starts to read or write as the core now wants.
fn update<D: Driver>(d: &mut D, conn: ConnId) -> Option<Input> {
    let interest = d.interest(conn)?;
    let is_upstream = !d.turn().open(conn)?.is_client;
    let has_news = interest.write && is_upstream && d.has_news(conn);
    let flow = d.turn().open(conn)?;
    if interest.read > 0 && flow.reads == Reads::Paused {
        flow.reads = Reads::Watched;
        d.look_again(conn);
    }
    if has_news {
        // The news may be that a pooled connection was closed by its peer. Reading first finds that out with no octet
        // sent, so that any request may be sent again on another one.
        d.turn().todo.push_back(Todo::Write { conn, was_blocked: false });
        return read(d, conn).map(|heard| heard.input);
    }
    write(d, conn, interest, false)
}

/// What was read, and whether another read would be in vain.
struct Heard {
    input: Input,
    is_all: bool,
}

/// Reads what the peer sent, as much as the core allows.
fn read<D: Driver>(d: &mut D, conn: ConnId) -> Option<Heard> {
    let interest = d.interest(conn)?;
    let flow = d.turn().open(conn)?;
    match flow.reads {
        Reads::Ended => return None,
        Reads::Watched | Reads::Paused if interest.read == 0 => {
            flow.reads = Reads::Paused;
            return None;
        }
        Reads::Watched | Reads::Paused => {}
    }
    let (input, is_all) = match d.read(conn, interest.read, interest.pipe) {
        Read::Data { bytes, is_all } => {
            d.turn().batch.octets += bytes.len();
            (Input::Data { conn, bytes }, is_all)
        }
        Read::Piped(n) => {
            d.turn().batch.octets += n;
            (Input::Piped { conn, n: octets(n) }, false)
        }
        Read::Eof => {
            d.turn().open(conn)?.reads = Reads::Ended;
            (Input::Eof { conn }, false)
        }
        Read::Failed(error) => (fail(d, conn, error)?, false),
        Read::Pending => return None,
    };
    Some(Heard { input, is_all })
}

/// Writes what the core has for the peer, then FIN if nothing will follow. A full kernel is told once.
fn write<D: Driver>(d: &mut D, conn: ConnId, interest: Interest, was_blocked: bool) -> Option<Input> {
    let is_shut = match d.turn().open(conn)?.writes {
        Writes::Broken | Writes::Blocked => return None,
        Writes::Open => false,
        Writes::Shut => true,
    };
    let Wrote { octets: n, then } = match interest {
        Interest { write: true, .. } => d.write(conn),
        Interest { shutdown: true, .. } if !is_shut => Wrote { octets: 0, then: d.shut(conn) },
        Interest { .. } => return None,
    };
    let flow = d.turn().open(conn)?;
    flow.writes = match then {
        Then::Done if interest.write => Writes::Open,
        Then::Done => Writes::Shut,
        Then::Blocked => Writes::Blocked,
        Then::Failed(_) => Writes::Broken,
    };
    let wrote = Input::Wrote { conn, n: octets(n) };
    match then {
        Then::Blocked if n == 0 && (was_blocked || !interest.write) => None,
        Then::Blocked => Some(wrote),
        Then::Failed(error) => {
            d.turn().todo.push_back(Todo::Bury(conn, error));
            (n > 0).then_some(wrote)
        }
        Then::Done => (n > 0).then_some(wrote),
    }
}

/// After a failed write: a peer that answered before it reset the connection is heard first.
fn bury<D: Driver>(d: &mut D, conn: ConnId, error: NetError) -> Option<Input> {
    if error == NetError::Reset
        && let Some(input) = read_rest(d, conn)
    {
        d.turn().todo.push_back(Todo::Bury(conn, error));
        return Some(input);
    }
    fail(d, conn, error)
}

/// Reads what arrived before the end. The end itself is no FIN, even where the kernel says so once it has reported the
/// error: a body that only the end delimits would count as whole.
fn read_rest<D: Driver>(d: &mut D, conn: ConnId) -> Option<Input> {
    let max = d.interest(conn)?.read;
    if max == 0 || d.turn().open(conn)?.reads == Reads::Ended {
        return None;
    }
    match d.read_rest(conn, max) {
        Read::Data { bytes, .. } => Some(Input::Data { conn, bytes }),
        Read::Piped(_) | Read::Eof | Read::Failed(_) | Read::Pending => None,
    }
}

/// `None`: it was closed before.
fn fail<D: Driver>(d: &mut D, conn: ConnId, error: NetError) -> Option<Input> {
    d.turn().remove(conn)?;
    d.lost(conn);
    Some(Input::Failed { conn, error })
}

/// The core buffers far less than 4 GiB for one connection.
fn octets(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Clients looked at in one turn, old and new: few enough that the first responses come back while the processor still
/// knows what they belong to, and enough that asking for news costs little by comparison.
pub const CLIENTS_MAX: u32 = 32;

/// How long an accepted client for whose octets nobody waits may go unwatched: that much later it is noticed that it
/// left.
pub const UNWATCHED_MAX: Duration = Duration::from_millis(5);

/// Most clients that can wait at a listener.
pub const BACKLOG_MAX: u32 = 4_096;

/// Reads from one connection until others get a turn.
const READS_MAX: usize = 4;

/// Rounds of one turn: what one connection causes on another is done in the same turn, but a chain of causes must not
/// keep the driver from asking for news.
const ROUNDS_MAX: usize = 4;
