//! Everything that happens in one simulated run. Flat, and valid whatever the values: lists are used cyclically and an
//! empty one means the plain case, so that shrinking can drop anything.

use crate::catalogue::HeadSizes;
use crate::catalogue::requests::{self, RawRequest};
use crate::catalogue::responses::{self, RawResponse};
use crate::faults::Fault;
use crate::time::{MS, Nanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The core's seed.
    pub seed: u64,
    /// Which kinds of misbehaviour are on. What is off is played as its plain counterpart.
    pub faults: BTreeSet<Fault>,
    /// One connection each.
    pub clients: Vec<Client>,
    /// So many more clients, which do the same again.
    pub crowd: u8,
    /// What clients ask: request `k` of client `c` takes number `c + k`.
    pub requests: Vec<Request>,
    /// How origins answer, by the number of the request asked for.
    pub answers: Vec<Answer>,
    /// The servers.
    pub endpoints: Vec<Endpoint>,
    /// What becomes of the proxy's connects, one after the other.
    pub connects: Vec<Connect>,
    /// Most octets of the proxy's reads, one after the other. 0 is any number. Odd ones go by pipe where that is allowed.
    pub reads: Vec<u16>,
    /// All of them do.
    pub pipes: bool,
    /// Most octets of the proxy's writes. 0 is any number.
    pub writes: Vec<u16>,
    /// One-way delays of connections, in milliseconds, one after the other.
    pub latencies: Vec<u8>,
    /// Octets that fit between the two ends of a connection, one after the other, each way.
    pub windows: Vec<u16>,
    /// Octets per millisecond of connections, one after the other, each way. 0 is any number.
    pub bandwidths: Vec<u16>,
    /// When the proxy's process has no descriptor left: `(at, for)` in milliseconds.
    pub exhausted: Vec<(u16, u16)>,
    /// What is said of connections that are dead already, one after the other, and how many milliseconds later.
    pub late_news: Vec<u8>,
    /// In which order things happen that happen at the same time.
    pub order: Vec<u8>,
    /// By how many milliseconds ticks come late.
    pub late_ticks: Vec<u16>,
    /// When the proxy's process stands still: `(at, for)` in milliseconds.
    pub stalls: Vec<(u16, u16)>,
    /// Limits that this run sets.
    pub limits: Limits,
    /// Limits on waiting that this run sets.
    pub timeouts: Timeouts,
    /// Where requests go; if there are none, everything goes to the first cluster.
    pub routes: Vec<Route>,
    /// How many clusters there are; endpoints and routes name them modulo that. 0 is one.
    pub clusters: u8,
    /// How many listeners there are. 0 is one.
    pub listeners: u8,
    /// The proxy's own replies name no addresses.
    pub hides_addresses: bool,
    /// When other workers want a connection to the first endpoint, in milliseconds; each is held for a second.
    pub rivals: Vec<u16>,
    /// When the proxy is told to drain, in milliseconds.
    pub drain_at: Option<u16>,
    /// The proxy sends in batches: what it wants written waits for what else happens at the same time.
    pub batches: bool,
}

/// Limits of the proxy's configuration. 0 is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// `limits.client_connections`.
    pub clients: u8,
    /// `max_connections` of every endpoint.
    pub connections: u8,
    /// The cluster's queue.
    pub queue: u8,
    /// `limits.buffer_bytes`, in KiB.
    pub buffer_kib: u8,
    /// `limits.head_bytes`, in octets.
    pub head_bytes: u16,
    /// `limits.fields`.
    pub fields: u8,
    /// `client.body_rate`, in tens of octets per second; 255 is none.
    pub body_rate: u8,
}

/// Limits on waiting, in quarters of a second. 0 is the default, 255 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the key of that name")]
pub struct Timeouts {
    pub client_head: u8,
    pub client_body: u8,
    pub client_write: u8,
    pub client_keepalive: u8,
    pub queue: u8,
    pub connect: u8,
    pub write: u8,
    pub read: u8,
    pub head: u8,
    pub total: u8,
    pub stream_idle: u8,
    pub upstream_keepalive: u8,
    pub drain: u8,
}

/// Where some of the requests go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// One of `model::routes::ROUTE_HOSTS`.
    pub host: u8,
    /// One of `model::routes::ROUTE_PATHS`.
    pub path: u8,
    /// To which of the clusters.
    pub cluster: u8,
    /// It is for streams.
    pub stream: bool,
    /// Longest request body, in octets; 0 is any.
    pub body_max: u16,
    /// Limits on waiting that are other than everywhere.
    pub timeouts: Timeouts,
}

/// One client: one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// When it connects, in milliseconds.
    pub start: u16,
    /// How many requests it makes on top of the first.
    pub more: u8,
    /// Sends all requests at once.
    pub pipelined: bool,
    /// Speaks HTTP/1.0, with keep-alive.
    pub http10: bool,
    /// Milliseconds between a response and the next request.
    pub think: u32,
    /// How it sends.
    pub sending: Pace,
    /// How it reads.
    pub reading: Pace,
    /// How it leaves.
    pub leave: Leave,
    /// Which of five addresses it has; two are of trusted proxies.
    pub from: u8,
    /// Where it comes in.
    pub listener: u8,
}

/// How fast octets move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// As fast as possible.
    #[default]
    Prompt,
    /// So many octets every so many milliseconds.
    Drip {
        /// Octets at a time, at least 1.
        bytes: u16,
        /// Milliseconds between.
        every: u16,
    },
    /// Not at all after so many octets in all.
    Stops {
        /// Octets.
        after: u16,
    },
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leave {
    /// Closes after its last response.
    #[default]
    Closes,
    /// Waits for the proxy to close.
    Stays,
    /// Sends FIN behind its last request, which says `Connection: close`.
    HalfCloses,
    /// Sends FIN behind its last request, which says nothing of it.
    HalfClosesRudely,
    /// Closes or resets the connection once it sent so many octets.
    AbortsSending {
        /// Octets.
        after: u16,
        /// By RST.
        reset: bool,
    },
    /// Closes or resets the connection once it received so many octets.
    AbortsReceiving {
        /// Octets.
        after: u16,
        /// By RST.
        reset: bool,
    },
    /// Closes or resets the connection so many milliseconds after it began.
    AbortsAt {
        /// Milliseconds.
        ms: u16,
        /// By RST.
        reset: bool,
    },
}

/// One request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its body.
    pub body: RequestBody,
    /// Waits for a 100 before it sends its body.
    pub expects: bool,
    /// Says `Connection: close`.
    pub closes: bool,
    /// Octets of padding in the head.
    pub padding: u8,
    /// One of `wording::HOSTS`.
    pub host: u8,
    /// One of `wording::PATHS`.
    pub path: u8,
    /// Which lines of `lines::OF_REQUESTS` it has, one bit each.
    pub lines: u16,
    /// Which lines of `lines::OF_TRAILERS` follow its body, if that is chunked.
    pub trailers: u8,
    /// Asks to leave HTTP; its body is what it sends after that. A client that pipelines does not wait for the 101.
    pub upgrades: bool,
    /// If not 0: it is this one of the catalogue of requests that no script can compose, whatever else it says here.
    pub raw: u8,
}

/// A request's method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Safe.
    #[default]
    Get,
    /// Answered without content.
    Head,
    /// Must not be sent twice.
    Post,
    /// May be sent twice.
    Put,
    /// May be sent twice.
    Delete,
    /// Must not be sent twice.
    Patch,
    /// Safe.
    Options,
    /// Safe.
    Trace,
    /// One that nobody knows, and that therefore must not be sent twice.
    Brew,
}

/// A request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// None.
    #[default]
    None,
    /// With a Content-Length.
    Length(u32),
    /// In chunks of so many octets.
    Chunked {
        /// In all.
        octets: u32,
        /// In each chunk; 0 counts as 1.
        chunk: u32,
    },
}

/// How an origin answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// 0: 200, 1: 204, 2: 304, 3: 404, 4: 500; further ones are taken modulo 5.
    pub status: u8,
    /// How its body is framed.
    pub framing: AnswerFraming,
    /// Octets of content.
    pub octets: u32,
    /// Octets in each chunk; 0 is all in one.
    pub chunk: u32,
    /// Which interim responses it sends before: bits for 103, 102, 100 and 199.
    pub interims: u8,
    /// Answers `Expect: 100-continue` by a 100.
    pub continues: bool,
    /// Speaks HTTP/1.0.
    pub http10: bool,
    /// Which lines of `lines::OF_RESPONSES` it has, one bit each.
    pub lines: u16,
    /// Which lines of `lines::OF_TRAILERS` follow its body, if that is chunked.
    pub trailers: u8,
    /// Answers before it has read the request's body.
    pub early: bool,
    /// Reads nothing behind the request's head.
    pub deaf: bool,
    /// Milliseconds before the first octet.
    pub delay: u16,
    /// How it sends.
    pub pace: Pace,
    /// How it ends.
    pub end: AnswerEnd,
    /// Closes the connection afterwards, and says so.
    pub closes: bool,
    /// Says so, but leaves it to the proxy.
    pub lingers: bool,
    /// Leaves HTTP if the client asked for it; its content is what it sends after that. `closes`: it ends its half by
    /// itself.
    pub switches: bool,
    /// It is a stream of events.
    pub streams: bool,
    /// If not 0: it only sends interim responses, one every so many milliseconds.
    pub endless: u16,
    /// If not 0: it is this one of the catalogue of responses that no script can compose, whatever else it says here.
    pub raw: u8,
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerFraming {
    /// Content-Length.
    #[default]
    Length,
    /// Chunked.
    Chunked,
    /// The connection closes.
    Close,
}

/// How an answer ends. `at` counts octets of the whole message, modulo its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerEnd {
    /// As it should.
    #[default]
    Whole,
    /// Not at all.
    Hangs {
        /// Octets sent before.
        at: u16,
    },
    /// By FIN.
    Fin {
        /// Octets sent before.
        at: u16,
    },
    /// By RST.
    Reset {
        /// Octets sent before.
        at: u16,
    },
    /// More octets follow than announced.
    OverLong,
}

/// One server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Closes connections that were idle for so many milliseconds, without having said so; 0: never.
    pub idle_close: u16,
    /// Closes them by RST.
    pub idle_reset: bool,
    /// Says 408 before it closes them.
    pub grumbles: bool,
    /// It is up for so many milliseconds, then down for so many, and so on.
    pub up: u16,
    /// 0: it is always up.
    pub down: u16,
    /// Says in `Keep-Alive` how many seconds it keeps them; 0: does not say.
    pub hint: u8,
    /// Which cluster it belongs to.
    pub cluster: u8,
    /// Its weight; 0 is 1.
    pub weight: u8,
}

/// What becomes of a connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connect {
    /// It stands after one round trip.
    #[default]
    Stands,
    /// It stands after so many milliseconds.
    Slow {
        /// Milliseconds.
        ms: u16,
    },
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH.
    Unreachable,
    /// ECONNRESET.
    Reset,
    /// Some error that has no name here.
    Other,
    /// We are out of descriptors.
    Exhausted,
    /// Nobody answers.
    Blackhole,
}

impl Endpoint {
    /// Whether it is down, and when that changes.
    pub(crate) fn is_down(&self, now: Nanos) -> (bool, Nanos) {
        let (up, down) = (Nanos::from(self.up.max(1)) * MS, Nanos::from(self.down) * MS);
        let phase = now % (up + down);
        match self.down {
            0 => (false, Nanos::MAX),
            _ if phase < up => (false, now - phase + up),
            _ => (true, now - phase + up + down),
        }
    }
}

impl Script {
    /// How many clients there are.
    pub(crate) fn people(&self) -> usize {
        if self.clients.is_empty() { 0 } else { self.clients.len() + usize::from(self.crowd) }
    }

    /// What a client does.
    pub(crate) fn client(&self, index: usize) -> Client {
        cyclic(&self.clients, index).unwrap_or_default()
    }

    /// How long heads may be.
    pub(crate) fn head_sizes(&self) -> HeadSizes {
        let defaults = proxy_core::Limits::default();
        let fields = match self.limits.fields {
            0 => defaults.fields as usize,
            // The shortest head has room for a hundred of the shortest lines.
            fields => usize::from(fields).clamp(40, 100),
        };
        match self.limits.head_bytes {
            0 => HeadSizes {
                head: defaults.head_bytes as usize,
                target: defaults.target_bytes as usize,
                fields,
            },
            head => HeadSizes { head: usize::from(head).max(1_024), target: 512, fields },
        }
    }

    /// A server.
    pub(crate) fn endpoint(&self, place: usize) -> Endpoint {
        cyclic(&self.endpoints, place).unwrap_or_default()
    }

    /// The request with this number.
    pub(crate) fn request(&self, id: u32) -> Request {
        let (client, k) = (id / IDS_PER_CLIENT, id % IDS_PER_CLIENT);
        cyclic(&self.requests, (client + k) as usize).unwrap_or_default()
    }

    /// How it is answered.
    pub(crate) fn answer(&self, id: u32) -> Answer {
        let (client, k) = (id / IDS_PER_CLIENT, id % IDS_PER_CLIENT);
        let mut answer = cyclic(&self.answers, (client * 3 + k) as usize).unwrap_or_default();
        if self.request(id).upgrades {
            answer.raw = 0;
        }
        // What ends with the connection can't be over-long, and the catalogue's responses end as they do.
        let is_open = answer.framing == AnswerFraming::Close
            || (answer.framing == AnswerFraming::Chunked && answer.http10);
        if answer.raw > 0 {
            answer.endless = 0;
        }
        if answer.raw > 0 || (is_open && answer.end == AnswerEnd::OverLong) {
            answer.end = AnswerEnd::Whole;
        }
        answer
    }

    /// The request of the catalogue that the one with this number is.
    pub(crate) fn raw_request(&self, id: u32) -> Option<&'static RawRequest> {
        let raw = self.request(id).raw.checked_sub(1)?;
        requests::ALL.get(usize::from(raw) % requests::ALL.len())
    }

    /// The response of the catalogue by which it is answered.
    pub(crate) fn raw_answer(&self, id: u32) -> Option<&'static RawResponse> {
        let (client, k) = (id / IDS_PER_CLIENT, id % IDS_PER_CLIENT);
        let place = ((client * 3 + k) as usize).checked_rem(self.answers.len())?;
        let raw = self.answers[place].raw.checked_sub(1)?;
        if self.request(id).upgrades {
            return None;
        }
        responses::ALL.get(usize::from(raw) % responses::ALL.len())
    }

    /// The number of request `k` of client `client`.
    pub(crate) fn id(client: usize, k: u32) -> u32 {
        u32::try_from(client).unwrap_or(0) * IDS_PER_CLIENT + k
    }

    /// How many requests a client makes.
    pub(crate) fn count(client: &Client) -> u32 {
        (u32::from(client.more) + 1).min(IDS_PER_CLIENT)
    }

    /// Which of its client's requests it is.
    pub(crate) fn place_of(id: u32) -> usize {
        (id % IDS_PER_CLIENT) as usize
    }

    /// Whether no request of its client follows this one.
    pub(crate) fn is_last(client: &Client, id: u32) -> bool {
        id % IDS_PER_CLIENT + 1 == Self::count(client)
    }

    /// The client that makes the request with this number.
    pub(crate) fn client_of(id: u32) -> usize {
        (id / IDS_PER_CLIENT) as usize
    }
}

/// An element of a list that starts over at its end.
pub(crate) fn cyclic<T: Clone>(list: &[T], at: usize) -> Option<T> {
    list.get(at.checked_rem(list.len())?).cloned()
}

const IDS_PER_CLIENT: u32 = 16;
