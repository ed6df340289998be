//! Every kind of server × fresh and reused connection × method × framing: status, reason, letters, time, whether the
//! client can tell a part from the whole, how many tries it took, and that no POST is sent twice.

use crate::net::{EXHAUSTING, UNREACHABLE};
use crate::origin::{Door, Place};
use crate::seeds::Random;
use crate::story::Story;
use crate::trouble::{CONTENT, DRIP, FIRST, Framed, SLOW, Trouble, serve};
use crate::wire::{self, End};
use crate::world::{Answer, ask};
use crate::xray::LATE;
use crate::{World, each_seed};
use proxy_core::{Attempt, AttemptResult, Outcome, Reason, Timer};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// What stands at the server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// One that takes everybody in.
    Open(Trouble),
    /// One that takes a single connection; connecting is then refused, or not answered.
    OnceThenRefuses(Trouble),
    OnceThenDeaf(Trouble),
    /// Nobody listens.
    Nobody,
    /// Nobody answers.
    Deaf,
    Unreachable,
    /// We are out of ports.
    Exhausting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Fresh,
    /// It has served a request before.
    Reused,
}

/// What the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    /// Idempotent, with content.
    Put,
    Post,
    PostChunked,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    server: Server,
    framed: Framed,
    connection: Connection,
    method: Method,
}

/// What must come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    status: u16,
    reason: &'static str,
    letters: &'static str,
    after: Duration,
    body: Body,
    tries: usize,
}

/// What the client gets behind the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// This, whole.
    Whole(&'static str),
    /// This, and then a reset.
    Cut(&'static str),
    /// An explanation of ours, whole.
    Reply,
}

const AT_ONCE: Duration = Duration::ZERO;
const CONNECT: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_secs(15);

const fn end(
    status: u16,
    reason: &'static str,
    letters: &'static str,
    after: Duration,
    body: Body,
) -> Expected {
    Expected { status, reason, letters, after, body, tries: 1 }
}

/// The matrix.
fn expected(case: Case) -> Expected {
    use {Body::*, Framed as F, Server as S, Trouble as T};
    let replayed = case.connection == Connection::Reused && case.method.is_idempotent();
    let closed_early = end(502, "upstream_closed_early", "SH", AT_ONCE, Reply);
    let reset = end(502, "upstream_reset", "SH", AT_ONCE, Reply);
    let refused = end(502, "connect_refused", "SC", AT_ONCE, Reply);
    let deaf = end(504, "connect_timeout", "sC", CONNECT, Reply);
    let well = end(200, "ok", "--", AT_ONCE, Whole(CONTENT));
    match (case.server, case.framed) {
        (S::Nobody, _) => refused,
        (S::Deaf, _) => deaf,
        (S::Unreachable, _) => end(502, "connect_unreachable", "SC", AT_ONCE, Reply),
        (S::Exhausting, _) => end(502, "connect_exhausted", "RC", AT_ONCE, Reply),
        // A reused connection that ends without an octet is nobody's fault: what may be sent twice is.
        (S::OnceThenRefuses(_), _) if replayed => Expected { tries: 2, ..refused },
        (S::OnceThenDeaf(_), _) if replayed => Expected { tries: 2, ..deaf },
        (S::Open(T::FinOnce | T::ResetOnce), _) if replayed => Expected { tries: 2, ..well },
        (S::Open(T::FinBeforeHead), _) if replayed => Expected { tries: 2, ..closed_early },
        (S::Open(T::ResetBeforeHead), _) if replayed => Expected { tries: 2, ..reset },
        (S::Open(trouble) | S::OnceThenRefuses(trouble) | S::OnceThenDeaf(trouble), framed) => {
            match (trouble, framed) {
                (T::None | T::FinWhenIdle, _) => well,
                (T::SlowHead, _) => Expected { after: SLOW, ..well },
                (T::Drip, F::Length | F::Chunked) => Expected { after: DRIP * 2, ..well },
                (T::Drip, F::Close) => Expected { after: DRIP * 3, ..well },
                (T::HangBeforeHead | T::HangInHead, _) => {
                    end(504, "upstream_read_timeout", "sH", READ, Reply)
                }
                (T::HangAfterHead, _) => end(200, "upstream_read_timeout", "sD", READ, Cut("")),
                (T::HangInBody, _) => end(200, "upstream_read_timeout", "sD", READ, Cut(FIRST)),
                (T::FinBeforeHead | T::FinInHead | T::FinOnce, _) => closed_early,
                // FIN is where a close-delimited body ends: nobody can tell that more was to come.
                (T::FinAfterHead, F::Close) => end(200, "ok", "--", AT_ONCE, Whole("")),
                (T::FinInBody, F::Close) => end(200, "ok", "--", AT_ONCE, Whole(FIRST)),
                (T::FinAfterHead, _) => end(200, "upstream_closed_early", "SD", AT_ONCE, Cut("")),
                (T::FinInBody, _) => end(200, "upstream_closed_early", "SD", AT_ONCE, Cut(FIRST)),
                (T::FinInChunk, _) => end(200, "upstream_closed_early", "SD", AT_ONCE, Cut("hel")),
                (T::ResetBeforeHead | T::ResetInHead | T::ResetOnce, _) => reset,
                (T::ResetAfterHead, _) => end(200, "upstream_reset", "SD", AT_ONCE, Cut("")),
                (T::ResetInBody, _) => end(200, "upstream_reset", "SD", AT_ONCE, Cut(FIRST)),
                (T::Garbage, _) => end(502, "upstream_bad_response", "SH", AT_ONCE, Reply),
                (T::GarbageChunk, _) => end(200, "upstream_bad_response", "SD", AT_ONCE, Cut("")),
                (T::HugeHead, _) => end(502, "upstream_head_too_large", "SH", AT_ONCE, Reply),
            }
        }
    }
}

/// Every case there is.
fn cases() -> Vec<Case> {
    use {Connection as C, Framed as F, Server as S, Trouble as T};
    const ALL: &[F] = &[F::Length, F::Chunked, F::Close];
    const BOTH: &[C] = &[C::Fresh, C::Reused];
    let any = |trouble| (S::Open(trouble), ALL, BOTH);
    let headless = |trouble| (S::Open(trouble), &ALL[..1], BOTH);
    let chunked = |trouble| (S::Open(trouble), &ALL[1..2], BOTH);
    let no_server = |server| (server, &ALL[..1], &BOTH[..1]);
    let reused = |server| (server, &ALL[..1], &BOTH[1..]);
    let rows = [
        any(T::None),
        any(T::SlowHead),
        any(T::Drip),
        headless(T::HangBeforeHead),
        headless(T::HangInHead),
        any(T::HangAfterHead),
        any(T::HangInBody),
        headless(T::FinBeforeHead),
        headless(T::FinInHead),
        any(T::FinAfterHead),
        any(T::FinInBody),
        chunked(T::FinInChunk),
        headless(T::ResetBeforeHead),
        headless(T::ResetInHead),
        any(T::ResetAfterHead),
        any(T::ResetInBody),
        headless(T::Garbage),
        chunked(T::GarbageChunk),
        headless(T::HugeHead),
        no_server(S::Nobody),
        no_server(S::Deaf),
        no_server(S::Unreachable),
        no_server(S::Exhausting),
        reused(S::Open(T::FinWhenIdle)),
        reused(S::Open(T::FinOnce)),
        reused(S::Open(T::ResetOnce)),
        reused(S::OnceThenRefuses(T::FinBeforeHead)),
        reused(S::OnceThenDeaf(T::FinBeforeHead)),
    ];
    let mut cases = Vec::new();
    for (server, framings, connections) in rows {
        for &framed in framings {
            for &connection in connections {
                for method in [Method::Get, Method::Put, Method::Post, Method::PostChunked] {
                    cases.push(Case { server, framed, connection, method });
                }
            }
        }
    }
    cases
}

#[test]
fn every_kind_of_server_has_its_status_reason_and_time() {
    each_seed(|world| {
        let mut random = Random::new(world.weather.seed);
        let start = |case| (case, Duration::from_millis(random.within(0, 400)));
        let trials: Vec<_> =
            cases().into_iter().map(start).map(|(case, at)| Trial::start(world, case, at)).collect();
        world.then(move |story| {
            let wrong: Vec<_> = trials.iter().filter_map(|trial| trial.check(story).err()).collect();
            assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), trials.len(), wrong.join("\n"));
        });
    });
}

/// One case in a world that has others: none may be disturbed by another.
struct Trial {
    case: Case,
    target: String,
    place: Place,
    answer: Rc<RefCell<Option<Answer>>>,
}

impl Trial {
    fn start(world: &mut World, case: Case, at: Duration) -> Self {
        let path = format!("/{:?}/{:?}/{:?}/{:?}", case.server, case.framed, case.connection, case.method)
            .replace(['(', ')'], "-");
        let place = place(world, case);
        world.route(&path, &[&place], |_, _| {});
        let target = format!("{path}/asked");
        let (warm_up, request) = (wire::get(&format!("{path}/warm")), case.method.request(&target));
        let way = world.weather.way();
        let answer = world.client(at, move |dial| async move {
            let mut wire = dial.proxy().await?;
            if case.connection == Connection::Reused {
                assert_eq!(ask(&mut wire, &warm_up).await?.message.status(), 200);
                // A server that leaves now has left.
                sleep(way * 3).await;
            }
            ask(&mut wire, &request).await
        });
        Self { case, target, place, answer }
    }

    fn check(&self, story: &Story) -> Result<(), String> {
        let (target, expected) = (&self.target, expected(self.case));
        let answer = self.answer.borrow().clone().expect("the client is done");
        let outcome = story.outcome(target);
        let found = found(outcome, &answer, expected);
        if found != expected || outcome.status != Some(expected.status) {
            return Err(format!("{target}: {expected:?}, but found {found:?}: {answer:?}, {outcome:?}"));
        }
        let slack = story.weather.way() * 8;
        let (least, most) = (expected.after, expected.after + slack);
        if !(least..=most).contains(&answer.took) {
            return Err(format!("{target} took {:?}, not {least:?} to {most:?}", answer.took));
        }
        self.check_timer(story, outcome)?;
        self.check_sent(outcome)
    }

    /// A timer fires when it is due, to the millisecond.
    fn check_timer(&self, story: &Story, outcome: &Outcome) -> Result<(), String> {
        let (waited, limit) = match outcome.reason {
            Reason::Timeout(Timer::Connect) => (outcome.attempts.last().expect("it was tried").took, CONNECT),
            Reason::Timeout(Timer::UpstreamRead) => {
                (story.xray().to(self.place.addr).last().expect("it was tried").idle(), READ)
            }
            _ => return Ok(()),
        };
        let in_time = (limit..=limit + LATE).contains(&waited);
        in_time.then_some(()).ok_or_else(|| format!("{} was given up after {waited:?}", self.target))
    }

    /// The server saw the request once for each try that reached it, and what is not idempotent at most once.
    fn check_sent(&self, outcome: &Outcome) -> Result<(), String> {
        let stood = |attempt: &&Attempt| !matches!(attempt.result, AttemptResult::ConnectFailed(_));
        let tried = outcome.attempts.iter().filter(stood).count();
        let sent = self.place.requests_for(&self.target);
        let may_repeat = self.case.method.is_idempotent();
        let right = sent == tried && (sent <= 1 || may_repeat);
        right.then_some(()).ok_or_else(|| format!("{} was tried {tried} and sent {sent} times", self.target))
    }
}

fn place(world: &mut World, case: Case) -> Place {
    let (door, trouble) = match case.server {
        Server::Open(trouble) => (Door::Open, trouble),
        Server::OnceThenRefuses(trouble) => (Door::ClosesAfter(1), trouble),
        Server::OnceThenDeaf(trouble) => (Door::DeafAfter(1), trouble),
        Server::Nobody => return world.nobody(),
        Server::Deaf => return world.deaf(),
        Server::Unreachable => return Place::new(SocketAddr::new(UNREACHABLE, 80)),
        Server::Exhausting => return Place::new(SocketAddr::new(EXHAUSTING, 80)),
    };
    let (framed, is_first) = (case.framed, Cell::new(true));
    world.serve_behind(door, move |conn| serve(conn, trouble, framed, is_first.replace(false)))
}

/// What came of it, in the words of what was expected where it is the same.
fn found(outcome: &Outcome, answer: &Answer, expected: Expected) -> Expected {
    let letters = outcome.flags.letters() == expected.letters.as_bytes();
    Expected {
        status: answer.message.status(),
        reason: outcome.reason.as_str(),
        letters: if letters { expected.letters } else { "others" },
        after: expected.after,
        body: found_body(answer, expected.body),
        tries: outcome.attempts.len(),
    }
}

fn found_body(answer: &Answer, expected: Body) -> Body {
    let content = answer.message.text();
    match (answer.message.end, expected) {
        (End::Whole, Body::Whole(text)) if content == text => expected,
        // Every response of these servers has a framing that shows the part: FIN says enough.
        (End::Short, Body::Cut(text)) if content == text => expected,
        (End::Whole, Body::Reply) if content.starts_with("Upstream ") => expected,
        (End::Whole, _) => Body::Whole("something else"),
        (End::Reset | End::Short, _) => Body::Cut("something else, or by a reset"),
    }
}

impl Method {
    /// RFC 9110 §9.2.2.
    const fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Put)
    }

    fn request(self, target: &str) -> String {
        match self {
            Self::Get => wire::get(target),
            Self::Put => wire::with_length("PUT", target, CONTENT),
            Self::Post => wire::with_length("POST", target, CONTENT),
            Self::PostChunked => wire::with_chunks("POST", target, &["hello, ", "world"]),
        }
    }
}
