//! The work: what clients ask, how many of them, and which figure of a proxy matters for it.

use crate::message::{Body, Message};
use crate::world::Plan;

/// One kind of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) clients: usize,
    pub(crate) kind: Kind,
    upload: Body,
    download: Body,
    pub(crate) pipelined: usize,
    pub(crate) reconnect: bool,
    pub(crate) access_log: bool,
}

/// How it is played, and which figure of a proxy matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Processor time per request.
    Requests,
    /// Processor time per octet.
    Bulk,
    /// Latency at a fixed rate: half of what the slowest proxy can do.
    Tail,
    /// Memory for clients that asked once and now say nothing.
    Idle,
    /// Memory for clients that ask for a long answer and never read it.
    StalledClients,
    /// Memory for requests with a long body that the origin never reads.
    StalledOrigins,
}

impl Kind {
    pub(crate) const fn figure(self) -> &'static str {
        match self {
            Self::Requests => "CPU µs/request",
            Self::Bulk => "CPU s/GB",
            Self::Tail => "p99 µs",
            Self::Idle | Self::StalledClients | Self::StalledOrigins => "KiB each",
        }
    }

    /// Whether time and latency are measured, not memory alone.
    pub(crate) const fn is_timed(self) -> bool {
        matches!(self, Self::Requests | Self::Bulk | Self::Tail)
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;

const NONE: Body = Body::Length(0);
const ONE_K: Body = Body::Length(KIB);
const HUGE: Body = Body::Length(100 * MIB);

const fn requests(
    name: &'static str,
    about: &'static str,
    clients: usize,
    upload: Body,
    download: Body,
) -> Scenario {
    let kind = Kind::Requests;
    Scenario {
        name,
        about,
        clients,
        kind,
        upload,
        download,
        pipelined: 1,
        reconnect: false,
        access_log: false,
    }
}

const fn of_kind(kind: Kind, scenario: Scenario) -> Scenario {
    Scenario { kind, ..scenario }
}

/// All of them, in the order of reports.
pub(crate) const SCENARIOS: &[Scenario] = &[
    requests("get-1k-1", "1 KiB GET, 1 connection", 1, NONE, ONE_K),
    requests("get-1k-64", "1 KiB GET, 64 connections", 64, NONE, ONE_K),
    requests("get-1k-512", "1 KiB GET, 512 connections", 512, NONE, ONE_K),
    Scenario {
        access_log: true,
        ..requests("log-1k-64", "1 KiB GET, 64 connections, access log on", 64, NONE, ONE_K)
    },
    requests("get-16k", "16 KiB GET, 64 connections", 64, NONE, Body::Length(16 * KIB)),
    requests("post-16k", "16 KiB POST, 64 connections", 64, Body::Length(16 * KIB), Body::Length(2)),
    requests("chunked-16k", "16 KiB chunked GET, 64 connections", 64, NONE, Body::Chunked(16 * KIB)),
    Scenario {
        reconnect: true,
        ..requests("connect", "1 KiB GET, a new connection per request", 64, NONE, ONE_K)
    },
    Scenario {
        pipelined: 8,
        ..requests("pipelined", "1 KiB GET, 16 connections, 8 requests at a time", 16, NONE, ONE_K)
    },
    of_kind(Kind::Bulk, requests("get-1m", "1 MiB GET, 16 connections", 16, NONE, Body::Length(MIB))),
    of_kind(Kind::Bulk, requests("get-100m", "100 MiB GET, 4 connections", 4, NONE, HUGE)),
    of_kind(Kind::Bulk, requests("upload-100m", "100 MiB upload, 4 connections", 4, HUGE, Body::Length(2))),
    of_kind(Kind::Tail, requests("tail", "1 KiB GET, 64 connections, half load", 64, NONE, ONE_K)),
    of_kind(Kind::Idle, requests("idle", "10,000 idle connections", 10_000, NONE, ONE_K)),
    of_kind(
        Kind::StalledClients,
        requests("stalled-clients", "50 clients that never read 100 MiB", 50, NONE, HUGE),
    ),
    of_kind(
        Kind::StalledOrigins,
        requests("stalled-origins", "50 uploads of 100 MiB that are never read", 50, HUGE, Body::Length(2)),
    ),
];

impl Scenario {
    pub(crate) fn plan(&self) -> Plan {
        let target = if self.upload == HUGE { "/upload" } else { "/benchmark/page.html?id=42" };
        Plan {
            request: Message::request(target, self.upload, self.reconnect, self.pipelined),
            request_body: self.upload,
            pipelined: self.pipelined,
            response: Message::response(self.download),
            response_body: self.download,
            reconnect: self.reconnect,
            clients_read: self.kind != Kind::StalledClients,
            origin_reads: self.kind != Kind::StalledOrigins,
        }
    }

    /// Octets of content that one request moves, both ways.
    pub(crate) const fn octets(&self) -> u64 {
        const fn of(body: Body) -> u64 {
            match body {
                Body::Length(length) | Body::Chunked(length) => length,
            }
        }
        of(self.upload) + of(self.download)
    }
}
