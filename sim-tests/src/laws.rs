//! What must hold: every participant reports what it did or saw, and the reports must fit together.

mod ending;
mod expect;
mod keeping;
mod pool;
mod queue;
mod record;
mod timing;
mod tunnel;

use crate::content::Body;
use crate::faults::Fault;
use crate::message::Head;
use crate::model::heads;
use crate::model::verdict::Verdict;
use crate::script::{AnswerEnd, Script};
use crate::time::Nanos;
use crate::wording::{self, Answered, Lengths};
use proxy_core::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is known of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) began: Option<Nanos>,
    /// When the proxy had its first octet. Known once everything is over.
    pub(crate) heard: Option<Nanos>,
    /// When its last octet so far reached the proxy's kernel.
    pub(crate) arrived: Option<Nanos>,
    /// When its head had reached it completely.
    pub(crate) arrived_head: Option<Nanos>,
    /// When all of it had.
    pub(crate) arrived_whole: Option<Nanos>,
    /// How often some of it was seen at an origin.
    pub(crate) sightings: u32,
    /// The number by which the proxy named it to the origin that saw it last.
    pub(crate) number: Option<u64>,
    /// When the last octet of an answer reached the proxy's kernel.
    pub(crate) answered: Option<Nanos>,
    /// When the whole answer had.
    pub(crate) answered_whole: Option<Nanos>,
    pub(crate) answer: Option<Lengths>,
    pub(crate) tunnel: tunnel::Tunnel,
    /// What it was answered is what a server said to an idle connection.
    pub(crate) was_grumbled_at: bool,
    /// Content octets of the request that reached an origin.
    pub(crate) reached: usize,
    /// Content octets of the response that its client got, and whether that was all there was.
    pub(crate) got: usize,
    pub(crate) counted: bool,
    /// When the first octet of anything that a server said to it reached the proxy's kernel.
    pub(crate) spoken: Option<Nanos>,
    /// When its client saw a 100.
    pub(crate) continued: Option<Nanos>,
    /// How many interim responses its client saw.
    pub(crate) interims: usize,
    pub(crate) status_seen: Option<(u16, bool)>,
    /// What went wrong, as a reply of the proxy's own says.
    pub(crate) proxy_status: Option<String>,
    pub(crate) seen_all: bool,
    pub(crate) said_close: bool,
    pub(crate) outcome: Option<Outcome>,
    /// Where it begins, where its body does, and where it ends, in all that its client ever sends.
    pub(crate) asked: Option<[usize; 3]>,
    /// Where the answer ends in all that its client ever receives.
    pub(crate) answer_ends: Option<usize>,
    /// How many octets its client's kernel had taken from the proxy when its end was recorded, and when that was.
    pub(crate) recorded: (usize, Nanos),
    /// The last connection on which a server saw it.
    pub(crate) carried: Option<Carried>,
}

/// A request on a connection to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// Which connection it is.
    pub(crate) number: usize,
    /// Where the request begins in all that the proxy ever sends on it.
    pub(crate) from: usize,
    /// Where it ends, if the server saw that.
    pub(crate) to: Option<usize>,
    /// Where the answer's head ends, and the answer, in all that the server ever sends on it.
    pub(crate) answer: Option<(usize, usize)>,
}

/// What became of one client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientEnd {
    pub(crate) aborted: bool,
    /// When its FIN reached the proxy's kernel.
    pub(crate) half_closed: Option<Nanos>,
    pub(crate) was_reset: bool,
    /// How many of its requests were recorded, which happens in their order.
    pub(crate) recorded: u32,
    /// One of its heads was not understood: nothing can follow.
    pub(crate) is_over: bool,
}

/// One client and its requests.
#[derive(Clone, Debug, Default)]
struct Person {
    end: ClientEnd,
    requests: Vec<Account>,
}

/// All reports, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Facts {
    script: Script,
    people: Vec<Person>,
    /// The servers gave up waiting.
    has_hung_up: bool,
    violations: BTreeSet<String>,
    /// How often each law was applied.
    pub(crate) applied: BTreeMap<&'static str, u64>,
}

impl Facts {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            people: Vec::new(),
            has_hung_up: false,
            violations: BTreeSet::new(),
            applied: BTreeMap::new(),
        }
    }

    /// Another script begins; what was told of the old one has been judged.
    pub(crate) fn clear_up(&mut self, script: Script) {
        self.script = script;
        self.people.clear();
    }

    pub(crate) const fn script(&self) -> &Script {
        &self.script
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violations.insert(what);
    }

    /// A law was applied: nothing excused what it is about.
    pub(crate) fn applied(&mut self, law: &'static str) {
        *self.applied.entry(law).or_default() += 1;
    }

    /// Whether what is sent in one piece is read in one piece.
    pub(crate) fn moves_whole(&self) -> bool {
        [Fault::Splits, Fault::SmallWindows, Fault::SlowOrigins, Fault::SlowReaders]
            .iter()
            .all(|fault| !self.script.faults.contains(fault))
    }

    fn person(&mut self, index: usize) -> &mut Person {
        if self.people.len() <= index {
            self.people.resize_with(index + 1, Person::default);
        }
        &mut self.people[index]
    }

    fn told(&mut self, id: u32) -> &mut Account {
        let (person, k) = (self.person(Script::client_of(id)), Script::place_of(id));
        if person.requests.len() <= k {
            person.requests.resize_with(k + 1, Account::default);
        }
        &mut person.requests[k]
    }

    /// What is known of a request, if anything is.
    fn known(&self, id: u32) -> Option<&Account> {
        self.people.get(Script::client_of(id))?.requests.get(Script::place_of(id))
    }

    /// Everything that is known of all requests.
    fn all(&self) -> impl Iterator<Item = &Account> {
        self.people.iter().flat_map(|person| &person.requests)
    }

    fn client(&mut self, index: usize) -> &mut ClientEnd {
        &mut self.person(index).end
    }

    /// A client wrote a request down: where it begins, its body does, and where it ends.
    pub(crate) fn client_writes(&mut self, id: u32, places: [usize; 3]) {
        self.told(id).asked = Some(places);
    }

    /// An answer ended here.
    pub(crate) fn client_saw_end(&mut self, id: u32, at: usize) {
        self.told(id).answer_ends = Some(at);
    }

    /// A server saw the head of a request.
    pub(crate) fn carried(&mut self, id: u32, number: usize, from: usize) {
        self.told(id).carried = Some(Carried { number, from, to: None, answer: None });
    }

    /// It saw all of it.
    pub(crate) fn carried_whole(&mut self, id: u32, to: usize) {
        self.told(id).carried.iter_mut().for_each(|carried| carried.to = Some(to));
    }

    /// It answers: where the answer's head ends, and the answer.
    pub(crate) fn carries_back(&mut self, id: u32, head: usize, ends: usize) {
        if let Some(carried) = &mut self.told(id).carried {
            carried.answer.get_or_insert((head, ends));
        }
    }

    pub(crate) fn client_began(&mut self, id: u32, now: Nanos) {
        self.told(id).began = Some(now);
    }

    pub(crate) fn client_sent(&mut self, id: u32, arrives: Nanos) {
        self.told(id).arrived = Some(arrives);
    }

    pub(crate) fn client_sent_head(&mut self, id: u32, arrives: Nanos) {
        self.told(id).arrived_head.get_or_insert(arrives);
    }

    pub(crate) fn client_sent_all(&mut self, id: u32, arrives: Nanos) {
        self.told(id).arrived_whole = Some(arrives);
    }

    /// A client got an interim response.
    pub(crate) fn client_saw_interim(&mut self, id: u32, head: &Head, now: Nanos) {
        let status = head.status();
        if status == 100 {
            self.told(id).continued.get_or_insert(now);
        }
        if wording::is_http10(&self.script, id) {
            self.violate(format!("{id}: a 1.0 client got {status}"));
        }
        let (all, seen) = (wording::all_interims(&self.script, id), self.told(id).interims);
        self.told(id).interims += 1;
        let is_endless = self.script.answer(id).endless > 0 && status == 103;
        if all.get(seen) != Some(&status) && !is_endless {
            self.violate(format!("{id}: {status} came as interim response {seen} of {all:?}"));
        }
        if let Err(difference) = heads::compare_interim(&self.script, id, status, &head.raw) {
            self.violate(format!("{id}: {difference}"));
        }
    }

    /// A client got the head of its response.
    pub(crate) fn client_saw_head(&mut self, id: u32, head: &Head, passed_on: bool) {
        let told = self.told(id);
        if let Some((status, _)) = told.status_seen {
            return self.violate(format!("a second final response to {id}: {status}"));
        }
        told.status_seen = Some((head.status(), passed_on));
        if !passed_on {
            told.proxy_status = head.field("proxy-status").map(str::to_owned);
            if head.field("date").is_none() {
                self.violate(format!("a reply to {id} has no date"));
            }
        }
        if passed_on && let Err(difference) = heads::returned(&self.script, id).compare(&head.raw) {
            self.violate(format!("{id}: {difference}"));
        }
    }

    /// A client got what a server says that closes an idle connection.
    pub(crate) fn client_saw_grumble(&mut self, id: u32) {
        self.told(id).status_seen = Some((408, true));
        if !self.told(id).was_grumbled_at {
            self.violate(format!("{id} was answered by what a server had said before it was asked"));
        }
    }

    /// A client got octets of a response that was passed on.
    pub(crate) fn client_got_body(&mut self, id: u32, offset: usize, data: &[u8]) {
        if Verdict::on_answer(&self.script, id) == Verdict::CutResponse {
            return;
        }
        let content = wording::response_content(&self.script, id);
        if let Some(at) = content.first_wrong(id, Body::Response, offset, data) {
            self.violate(format!("octet {at} of the response to {id} is another's"));
        }
    }

    /// A client got so many octets of a response in all.
    pub(crate) fn client_got(&mut self, id: u32, octets: usize) {
        self.told(id).got = octets;
    }

    /// The whole response came. `is_counted`: what its client did not take for the next one's head.
    pub(crate) fn client_counted(&mut self, id: u32, is_counted: bool) {
        self.told(id).counted = is_counted;
    }

    /// A passed-on response ended cleanly with so many octets.
    pub(crate) fn client_got_all(&mut self, id: u32, octets: usize, trailers: &str) {
        let Some(whole) = self.told(id).answer else {
            return self.violate(format!("no origin answered {id}"));
        };
        let len = wording::response_content(&self.script, id).len();
        let ends = match self.script.answer(id).end {
            _ if Verdict::on_answer(&self.script, id) != Verdict::Served => None,
            // Nobody can tell a close-delimited body that a FIN cut short from a whole one.
            AnswerEnd::Fin { .. } if wording::is_close_delimited(&self.script, id) => {
                whole.sent_max.checked_sub(whole.head_end)
            }
            _ if whole.sent_max < whole.message_end => None,
            _ => Some(len),
        };
        if ends != Some(octets) {
            self.violate(format!("the response to {id} ended cleanly after {octets} octets, but was cut"));
        }
        let expected = heads::returned_trailers(&self.script, id);
        if trailers != expected {
            self.violate(format!("the response to {id} ended with {trailers:?} and not with {expected:?}"));
        }
        let (all, seen) = (wording::all_interims(&self.script, id).len(), self.told(id).interims);
        if seen != all && !wording::is_http10(&self.script, id) {
            self.violate(format!("{id} got {seen} of {all} interim responses"));
        }
    }

    /// A response is over, cleanly. `close`: it said that no other follows.
    pub(crate) fn client_saw_all(&mut self, id: u32, close: bool) {
        let told = self.told(id);
        told.seen_all = true;
        told.said_close = close;
    }

    pub(crate) fn client_ended(&mut self, index: usize, by_reset: bool) {
        self.client(index).was_reset = by_reset;
    }

    pub(crate) fn client_aborted(&mut self, index: usize) {
        self.client(index).aborted = true;
    }

    /// The servers gave up waiting.
    pub(crate) fn hung_up(&mut self) {
        self.has_hung_up = true;
    }

    /// Whether a client has nothing under way: every request of which it sent anything was recorded.
    pub(crate) fn is_between_requests(&self, index: usize, now: Nanos) -> bool {
        // What was meant for a tunnel that never was may be under way behind them. One that ends at this very moment did not
        // wait for the next request, either.
        let is_over = |(told, id): (&Account, u32)| {
            // A part may still wait for the reset that tells it from the whole.
            let ended = told.outcome.as_ref().is_some_and(|outcome| outcome.ended.as_nanos() < now)
                && !self.was_cut(id, told);
            told.began.is_none() || (ended && !wording::is_eager(&self.script, id))
        };
        let Some(person) = self.people.get(index) else { return true };
        person.requests.iter().zip(Script::id(index, 0)..).all(is_over)
    }

    /// An origin read a request's head. Returns which request it is.
    pub(crate) fn origin_got(&mut self, head: &Head) -> Option<u32> {
        let named = wording::id_of(head.start(1)).or_else(|| head.field("x-asked")?.parse().ok());
        let Some(id) = named.filter(|id| wording::is_known(&self.script, *id)) else {
            self.violate(format!("an origin got a request that nobody sent: {head:?}"));
            return None;
        };
        if !Verdict::on(&self.script, id).goes_on() {
            self.violate(format!("an origin got {id}, which is for no origin: {head:?}"));
        } else {
            match heads::forwarded(&self.script, id).compare(&head.raw) {
                Ok(number) => self.told(id).number = number,
                Err(difference) => self.violate(format!("{id}: {difference}")),
            }
        }
        self.sighted(id);
        Some(id)
    }

    /// An origin lost its connection with these octets of a request that never became a head.
    pub(crate) fn origin_left_with(&mut self, rest: &[u8], serving: Option<u32>) {
        if serving.is_none()
            && let Some(id) = wording::id_in_fragment(rest)
        {
            self.sighted(id);
        }
    }

    fn sighted(&mut self, id: u32) {
        let told = self.told(id);
        told.sightings += 1;
        if told.sightings > 1 && !wording::is_idempotent(wording::method(&self.script, id)) {
            self.violate(format!("{id} is not idempotent and was sent twice"));
        }
    }

    pub(crate) fn origin_got_body(&mut self, id: u32, offset: usize, data: &[u8]) {
        let told = self.told(id);
        told.reached = told.reached.max(offset + data.len());
        if has_bad_body(&self.script, id) {
            return;
        }
        let content = wording::request_content(&self.script, id);
        if let Some(at) = content.first_wrong(id, Body::Request, offset, data) {
            self.violate(format!("octet {at} of the body of {id} is another's"));
        }
    }

    pub(crate) fn origin_got_all(&mut self, id: u32, octets: usize, trailers: &str) {
        if has_bad_body(&self.script, id) {
            return self.violate(format!("the broken body of {id} ended cleanly"));
        }
        let sent = wording::request_content(&self.script, id).len();
        if octets != sent {
            self.violate(format!("the body of {id} ended cleanly after {octets} of {sent} octets"));
        }
        let expected = heads::forwarded_trailers(&self.script, id);
        if trailers != expected {
            self.violate(format!("{id} ended with {trailers:?} and not with {expected:?}"));
        }
    }

    /// An origin said something.
    pub(crate) fn origin_spoke(&mut self, id: u32, arrives: Nanos) {
        self.told(id).spoken.get_or_insert(arrives);
        self.told(id).answered = Some(arrives);
    }

    pub(crate) fn origin_sent(&mut self, id: u32, arrives: Nanos, sent: usize, answer: &Answered) {
        let told = self.told(id);
        told.spoken.get_or_insert(arrives);
        told.answered = Some(arrives);
        told.answer = Some(answer.lengths);
        if sent >= answer.lengths.message_end {
            told.answered_whole = Some(arrives);
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.iter().cloned().collect()
    }

    /// How each request ended: what must not depend on how octets were cut.
    pub(crate) fn summary(&self) -> BTreeMap<u32, String> {
        let line = |id, told: &Account| {
            let outcome = told.outcome.as_ref().map(|outcome| (outcome.status, outcome.reason.as_str()));
            if self.was_cut(id, told) {
                // How much of it the client saw before the RST is the kernel's doing.
                return format!("{outcome:?} cut");
            }
            format!("{outcome:?} {:?} {}", told.status_seen, told.seen_all)
        };
        let people = self.people.iter().enumerate();
        let lines = people.flat_map(|(index, person)| {
            let line = &line;
            person.requests.iter().zip(0..).map(move |(told, k)| {
                let id = Script::id(index, k);
                (id, line(id, told))
            })
        });
        lines.collect()
    }
}

fn has_bad_body(script: &Script, id: u32) -> bool {
    Verdict::on(script, id) == Verdict::BadBody
}
