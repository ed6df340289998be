//! What must hold: every participant reports what it did or saw, and the reports must fit together.

mod ending;
mod expect;
mod queue;

use crate::content::{self, Body};
use crate::faults::Fault;
use crate::message::Head;
use crate::origin::id_in_fragment;
use crate::script::{AnswerEnd, AnswerFraming, Method, Script};
use crate::time::Nanos;
use crate::wording::{self, Answered, Lengths};
use proxy_core::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// What a client saw of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saw {
    /// A final head.
    Head {
        status: u16,
        /// It is the origin's, not the proxy's own.
        passed_on: bool,
    },
    /// All of it; `close`: it said that no other follows.
    All { close: bool },
    /// It ended in the middle, visibly.
    Cut,
}

/// Everything that is known of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) began: Option<Nanos>,
    /// When its last octet so far reached the proxy's kernel.
    pub(crate) arrived: Option<Nanos>,
    /// When it had reached it completely.
    pub(crate) arrived_whole: Option<Nanos>,
    /// How often some of it was seen at an origin.
    pub(crate) sightings: u32,
    /// When the last octet of an answer reached the proxy's kernel.
    pub(crate) answered: Option<Nanos>,
    /// When the whole answer had.
    pub(crate) answered_whole: Option<Nanos>,
    pub(crate) answer: Option<Lengths>,
    pub(crate) status_seen: Option<(u16, bool)>,
    pub(crate) seen_all: bool,
    pub(crate) said_close: bool,
    pub(crate) outcome: Option<Outcome>,
}

/// What became of one client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientEnd {
    pub(crate) aborted: bool,
    pub(crate) half_closed: bool,
    pub(crate) was_reset: bool,
    pub(crate) headless: u32,
}

/// All reports, and what is wrong with them.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    script: Script,
    requests: BTreeMap<u32, Told>,
    clients: BTreeMap<usize, ClientEnd>,
    violations: BTreeSet<String>,
}

impl Facts {
    pub(crate) fn new(script: Script) -> Self {
        let (requests, clients) = (BTreeMap::new(), BTreeMap::new());
        Self { script, requests, clients, violations: BTreeSet::new() }
    }

    /// Another script begins; what was told of the old one has been judged.
    pub(crate) fn clear_up(&mut self, script: Script) {
        self.script = script;
        self.requests.clear();
        self.clients.clear();
    }

    pub(crate) const fn script(&self) -> &Script {
        &self.script
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violations.insert(what);
    }

    pub(crate) fn method(&self, id: u32) -> Method {
        self.script.request(id).method
    }

    pub(crate) fn is_http10(&self, id: u32) -> bool {
        self.script.clients.get(Script::client_of(id)).is_some_and(|client| client.http10)
    }

    /// Whether what is sent in one piece is read in one piece.
    pub(crate) fn moves_whole(&self) -> bool {
        [Fault::Splits, Fault::SmallWindows, Fault::SlowOrigins, Fault::SlowReaders]
            .iter()
            .all(|fault| !self.script.faults.contains(fault))
    }

    fn told(&mut self, id: u32) -> &mut Told {
        self.requests.entry(id).or_default()
    }

    fn client(&mut self, index: usize) -> &mut ClientEnd {
        self.clients.entry(index).or_default()
    }

    pub(crate) fn client_began(&mut self, id: u32, now: Nanos) {
        self.told(id).began = Some(now);
    }

    pub(crate) fn client_sent(&mut self, id: u32, arrives: Nanos) {
        self.told(id).arrived = Some(arrives);
    }

    pub(crate) fn client_sent_all(&mut self, id: u32, arrives: Nanos) {
        self.told(id).arrived_whole = Some(arrives);
    }

    pub(crate) fn client_saw(&mut self, id: u32, saw: Saw) {
        let told = self.told(id);
        match saw {
            Saw::Head { status, passed_on } if told.status_seen.is_none() => {
                told.status_seen = Some((status, passed_on));
            }
            Saw::Head { status, .. } => self.violate(format!("a second final response to {id}: {status}")),
            Saw::All { close } => {
                told.seen_all = true;
                told.said_close = close;
            }
            Saw::Cut => {}
        }
    }

    /// A passed-on response ended cleanly with so many octets.
    pub(crate) fn client_got_all(&mut self, id: u32, octets: usize) {
        let answer = self.script.answer(id);
        let method = self.method(id);
        let Some(whole) = self.told(id).answer else {
            return self.violate(format!("no origin answered {id}"));
        };
        let is_delimited =
            answer.framing == AnswerFraming::Close && wording::content_len(&answer, method) > 0;
        let ends = match answer.end {
            // Nobody can tell a close-delimited body that a FIN cut short from a whole one.
            AnswerEnd::Fin { .. } if is_delimited => whole.sent_max.checked_sub(whole.head_end),
            _ if whole.sent_max < whole.message_end => None,
            _ => Some(wording::content_len(&answer, method)),
        };
        if ends != Some(octets) {
            self.violate(format!("the response to {id} ended cleanly after {octets} octets, but was cut"));
        }
    }

    pub(crate) fn client_ended(&mut self, index: usize, by_reset: bool) {
        self.client(index).was_reset = by_reset;
    }

    pub(crate) fn client_aborted(&mut self, index: usize) {
        self.client(index).aborted = true;
    }

    pub(crate) fn client_half_closed(&mut self, index: usize) {
        self.client(index).half_closed = true;
    }

    /// Whether a client has nothing under way: every request of which it sent anything was recorded.
    pub(crate) fn is_between_requests(&self, index: usize) -> bool {
        let of_client = Script::id(index, 0)..Script::id(index + 1, 0);
        self.requests.range(of_client).all(|(_, told)| told.began.is_none() || told.outcome.is_some())
    }

    /// An origin read a request's head. Returns which request it is.
    pub(crate) fn origin_got(&mut self, head: &Head) -> Option<u32> {
        let id = wording::id_of(head.start(1)).filter(|id| wording::is_known(&self.script, *id));
        let Some(id) = id else {
            self.violate(format!("an origin got a request that nobody sent: {head:?}"));
            return None;
        };
        let request = self.script.request(id);
        if head.start(0) != wording::method_name(request.method) || request.smuggles {
            self.violate(format!("an origin got another request than {id} was: {head:?}"));
        }
        self.sighted(id);
        Some(id)
    }

    /// An origin lost its connection with these octets of a request that never became a head.
    pub(crate) fn origin_left_with(&mut self, rest: &[u8], serving: Option<u32>) {
        if serving.is_none()
            && let Some(id) = id_in_fragment(rest)
        {
            self.sighted(id);
        }
    }

    fn sighted(&mut self, id: u32) {
        let told = self.told(id);
        told.sightings += 1;
        if told.sightings > 1 && self.method(id) == Method::Post {
            self.violate(format!("{id} is not idempotent and was sent twice"));
        }
    }

    pub(crate) fn origin_got_body(&mut self, id: u32, offset: usize, data: &[u8]) {
        if let Some(at) = content::first_wrong(id, Body::Request, offset, data) {
            self.violate(format!("octet {at} of the body of {id} is another's"));
        }
    }

    pub(crate) fn origin_got_all(&mut self, id: u32, octets: usize) {
        let sent = wording::request_octets(&self.script.request(id));
        if octets != sent {
            self.violate(format!("the body of {id} ended cleanly after {octets} of {sent} octets"));
        }
    }

    pub(crate) fn origin_sent(&mut self, id: u32, arrives: Nanos, sent: usize, answer: &Answered) {
        let told = self.told(id);
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
        let line = |told: &Told| {
            let outcome = told.outcome.as_ref().map(|outcome| (outcome.status, outcome.reason.as_str()));
            if told.was_cut() {
                // How much of it the client saw before the RST is the kernel's doing.
                return format!("{outcome:?} cut");
            }
            format!("{outcome:?} {:?} {}", told.status_seen, told.seen_all)
        };
        self.requests.iter().map(|(id, told)| (*id, line(told))).collect()
    }
}
