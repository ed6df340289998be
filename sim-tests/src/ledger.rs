//! What a simulation has seen. A suite that never reached an interesting state has proved nothing about it.

use crate::catalogue::{requests, responses};
use std::collections::BTreeMap;

/// Counts how often each interesting state was reached.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    reached: BTreeMap<&'static str, u64>,
    /// How often each law was applied: nothing excused what it is about.
    applied: BTreeMap<&'static str, u64>,
}

/// Notes in a ledger that a state was reached, if the condition holds.
macro_rules! sometimes {
    ($ledger:expr, $condition:expr, $name:literal) => {
        if $condition {
            $ledger.note($name);
        }
    };
}
pub(crate) use sometimes;

impl Ledger {
    pub(crate) fn note(&mut self, name: &'static str) {
        debug_assert!(EXPECTED.contains(&name), "{name:?} is missing in the list of what is expected");
        *self.reached.entry(name).or_default() += 1;
    }

    /// Notes that what has this name in a catalogue came to the end that it deserves.
    pub(crate) fn note_entry(&mut self, name: Option<&'static str>) {
        if let Some(name) = name {
            *self.reached.entry(name).or_default() += 1;
        }
    }

    /// Notes how often laws were applied.
    pub(crate) fn note_applied(&mut self, applied: &BTreeMap<&'static str, u64>) {
        for (law, count) in applied {
            *self.applied.entry(law).or_default() += count;
        }
    }

    /// Adds what another run has seen.
    pub fn merge(&mut self, other: &Self) {
        self.note_applied(&other.applied);
        for (name, count) in &other.reached {
            *self.reached.entry(name).or_default() += count;
        }
    }

    /// What should have been seen and was not, and which laws were applied too seldom to prove anything.
    pub fn missing(&self) -> Vec<&'static str> {
        let count = |law| self.applied.get(law).copied().unwrap_or(0);
        let seldom = LAWS.iter().filter(|(law, least)| count(law) < *least).map(|(law, _)| *law);
        let requests = requests::ALL.iter().map(|entry| entry.name);
        let responses = responses::ALL.iter().map(|entry| entry.name);
        let expected = EXPECTED.iter().copied().chain(requests).chain(responses);
        expected.filter(|name| !self.reached.contains_key(name)).chain(seldom).collect()
    }

    /// How many states there are to be seen.
    pub const fn expected() -> usize {
        EXPECTED.len() + requests::ALL.len() + responses::ALL.len()
    }

    /// Everything that was seen, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.reached.iter().map(|(name, count)| (*name, *count))
    }

    /// The laws that were applied, and how often.
    pub fn laws(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.applied.iter().map(|(name, count)| (*name, *count))
    }
}

/// Every state that a suite must reach.
const EXPECTED: &[&str] = &[
    "news of several connections came together",
    "200",
    "400: a request that no proxy may accept",
    "408: head",
    "408: body",
    "499: while reading the head",
    "499: while connecting",
    "499: queued",
    "499: before the response head",
    "499: in the response body",
    "502: refused",
    "502: reset before the response head",
    "502: closed before the response head",
    "502: not HTTP",
    "503: queue full",
    "503: queue timeout",
    "504: connect",
    "504: read",
    "504: head",
    "504: write",
    "504: total",
    "cut: the client stopped reading",
    "cut: total",
    "cut: upstream late in the body",
    "cut: upstream ended in the body",
    "cut: drain",
    "cut: upstream broke a rule in the body",
    "cut: the client stopped sending",
    "cut: upstream stopped reading",
    "cut: an idle tunnel",
    "cut: an idle stream",
    "502: response head too large",
    "502: unreachable",
    "502: out of descriptors",
    "502: connecting failed otherwise",
    "503: no server",
    "404: no route",
    "413: by its length",
    "413: by counting",
    "414, 431: a head over a limit",
    "octets for a tunnel came behind the request for it",
    "a tunnel was ended by its server first",
    "a tunnel was ended by its client first",
    "octets came for a tunnel that was refused",
    "a tunnel was refused",
    "a trusted proxy was believed",
    "a stranger was not believed",
    "trailers went to a server",
    "trailers came from a server",
    "interim responses went ahead of a final one",
    "a 1.0 server served",
    "a crowd was served",
    "an endpoint served after it had been down",
    "a server's farewell crossed a request",
    "a stream outlived `total`",
    "drain: nothing ran",
    "drain: something ran",
    "a connect failed and the next endpoint served",
    "a pooled connection was reused",
    "a pooled connection was stale and the request went on elsewhere",
    "a pooled connection was stale and the request could not be sent again",
    "a pooled connection expired",
    "a request was queued and then served",
    "a pooled connection was given up for another worker",
    "clients waited for a connection slot",
    "accepting was out of descriptors",
    "connecting was out of descriptors",
    "news came of a dead connection",
    "reading a client was paused",
    "reading an upstream was paused",
    "a read ended between CR and LF",
    "a write was cut short",
    "a request went through a pipe",
    "a response went through a pipe",
    "a pipe was emptied in parts",
    "a reader was given up with octets in its pipe",
    "a reader died with octets in its pipe",
    "the proxy was slower than its timers",
    "a tick came very late",
    "a server was heard before what waits for it was written",
    "several limits of one request were over at once",
    "octets came slowly over a slow connection",
    "served without `client.head`",
    "served without `client.body`",
    "served without `client.write`",
    "served without `client.keepalive`",
    "served without `queue`",
    "served without `connect`",
    "served without `write`",
    "served without `read`",
    "served without `total`",
    "served without `stream.idle`",
    "served without `upstream.keepalive`",
    "served without `drain`",
    "served later than the usual `total`, which was off",
    "a 101 was the answer",
    "a stream was served",
    "an answer came before the request was over",
    "an answer to a 1.0 client was ended by closing",
    "a reply was lingered for",
    "a client half-closed and was served",
    "a request waited for 100",
    "pipelined requests were answered in order",
];

/// How often each law must at least have been applied in a suite.
const LAWS: &[(&str, u64)] = &[
    ("a connection that may be kept is kept", 10_000),
    ("a connection that the server ends is closed", 6_000),
    ("a plain request ends as it deserves", 10_000),
    ("a request is answered", 30_000),
    ("how connecting failed", 6_000),
    ("how long the last attempt took", 20_000),
    ("its cluster", 40_000),
    ("its number", 20_000),
    ("its route", 40_000),
    ("no connection is made beside an idle one", 5_000),
    ("nobody queues beside what could serve him", 800),
    ("octets are counted as the client counts them", 30_000),
    ("the connection that was used last is used first", 700),
    ("the queue is first in, first out", 200),
    ("what came of its body", 20_000),
    ("what was asked", 30_000),
    ("when a connection proved stale", 100),
    ("when it began", 40_000),
    ("when it ended", 40_000),
    ("when it had a connection", 40_000),
    ("when its connection stood", 30_000),
    ("when its head was whole", 30_000),
    ("when the answer was whole", 20_000),
    ("when the request was out", 20_000),
    ("when the response's head came", 20_000),
    ("whether it was a stream", 40_000),
    ("whether its client took the last octet", 20_000),
    ("whether the connection had served before", 20_000),
    ("which server had it", 20_000),
    ("whom it came from", 40_000),
];
