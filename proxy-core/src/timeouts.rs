//! Every limit on waiting: its value in the configuration, and one row on what it is called, whom it blames and how.
//!
//! Knows nothing of what starts a limit: that stands in `core/deadlines.rs`, as a function of the state. Whatever else
//! depends on a limit (the keys of the configuration, the shortest limit, verdicts, what the log says) is made from its
//! row.
//!
//! To add a limit: a field of [`Timeouts`] with its default and where that comes from; a row below; and the place that
//! starts it, a line in `core/deadlines.rs` that says since when it runs as a function of the state. [`Runs`] must be
//! true: from it `core/shortest.rs` works out until when no limit can end. Tests then ask for its row in docs/timeouts.md
//! and for its reason in docs/logs.md; the simulation draws it once `Script` has a field for its key, and `laws/timing.rs`
//! says when it may fire.

use crate::flags::{Cause, Phase};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Limits on waiting. `None` is "off". docs/timeouts.md says what starts and stops each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeouts {
    /// The client's.
    pub client: ClientTimeouts,
    /// Longest wait for a connection slot. 1 s.
    pub queue: Option<Duration>,
    /// Longest attempt to connect. 1 s.
    pub connect: Option<Duration>,
    /// Longest pause of an upstream that owes us reading. 15 s.
    pub write: Option<Duration>,
    /// Longest pause of an upstream that owes us octets. 15 s.
    pub read: Option<Duration>,
    /// Longest wait for a response head, from the end of the request. Off.
    pub head: Option<Duration>,
    /// Longest exchange: queue, all tries, both bodies. 30 s.
    pub total: Option<Duration>,
    /// Longest silence of a stream. 5 min, as in Envoy.
    pub stream_idle: Option<Duration>,
    /// How long an idle upstream connection is kept: 55 s, below the 60 s and 75 s of common servers. Capped by the
    /// server's own Keep-Alive hint.
    pub upstream_keepalive: Option<Duration>,
    /// How long a drain may take. 30 s, as Kubernetes waits.
    pub drain: Option<Duration>,
}

/// Limits on waiting for a client. `None` is "off".
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientTimeouts {
    /// A whole request head, from its first octet. 10 s.
    pub head: Option<Duration>,
    /// The next octet of a request body. 15 s.
    pub body: Option<Duration>,
    /// Least mean rate of a request body, in octets per second, measured over the time that we waited for the client
    /// and granting `body` on top. 0 is off. 500, as in Apache's mod_reqtimeout.
    pub body_rate_min: u32,
    /// The client takes an octet of what waits for it. 15 s.
    pub write: Option<Duration>,
    /// Idle between requests. 75 s, as in nginx.
    pub keepalive: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        const fn seconds(n: u64) -> Option<Duration> {
            Some(Duration::from_secs(n))
        }
        Self {
            client: ClientTimeouts {
                head: seconds(10),
                body: seconds(15),
                body_rate_min: 500,
                write: seconds(15),
                keepalive: seconds(75),
            },
            queue: seconds(1),
            connect: seconds(1),
            write: seconds(15),
            read: seconds(15),
            head: None,
            total: seconds(30),
            stream_idle: seconds(300),
            upstream_keepalive: seconds(55),
            drain: seconds(30),
        }
    }
}

/// One limit on waiting.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Which one.
    pub timer: Timer,
    /// Where it is set; `None`: it is fixed.
    pub setting: Option<Setting>,
    /// What starts it anew.
    pub kind: Kind,
    /// When its time can run.
    pub runs: Runs,
    /// What logs and metrics call it.
    pub reason: &'static str,
    /// What an answer says whose request it ends (RFC 9110 §15): whoever was waited for picks the status.
    pub status: u16,
    /// Who was late.
    pub late: Cause,
    /// In which phase that counts, if not in the one that the exchange has reached.
    pub phase: Option<Phase>,
    /// The error type in `Proxy-Status` (RFC 9209 §2.3).
    pub(crate) error: &'static str,
    /// What the answer says in words. `{at}` is the endpoint.
    pub text: &'static str,
}

/// Where a limit is set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its full name.
    pub path: &'static str,
    /// Its name under `timeouts`.
    pub key: &'static str,
    /// Reads it; `None` is off.
    pub get: fn(&Timeouts) -> Option<Duration>,
    /// Finds it, to be set.
    pub field: fn(&mut Timeouts) -> &mut Option<Duration>,
}

/// What starts a limit anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it counts from one event to another.
    Absolute,
    /// Whatever moves.
    Idle,
}

/// When the time of a limit can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// While no route is known: between requests and in a request's head.
    Unrouted,
    /// While a request has no connection that stands.
    Unplaced,
    /// While a request is on a connection that stands.
    Carried,
    /// From a request's first octet to the last one of its answer.
    Throughout,
    /// For no request: for a connection that serves none, or for the whole process.
    Apart,
}

impl Runs {
    /// Whether a route can have its own: only a limit that holds after the route is known.
    pub const fn is_per_route(self) -> bool {
        match self {
            Self::Unplaced | Self::Carried | Self::Throughout => true,
            Self::Unrouted | Self::Apart => false,
        }
    }
}

impl Limit {
    /// How long it is; `None`: it is off, or fixed.
    pub fn of(&self, timeouts: &Timeouts) -> Option<Duration> {
        self.setting.and_then(|setting| (setting.get)(timeouts))
    }
}

impl Timer {
    /// What there is to know of it.
    pub const fn limit(self) -> &'static Limit {
        const ALL: &[Limit] = &Timer::ALL;
        &ALL[self as usize]
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $timer:ident { $($column:ident: $value:expr,)* })*) => {
        /// Names a limit on waiting. Of those that end at the same moment the first in this order counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Timer { $($(#[$doc])* $timer,)* }

        impl Timer {
            /// Every limit on waiting.
            pub const ALL: [Limit; [$(Self::$timer),*].len()] =
                [$(Limit { timer: Self::$timer, $($column: $value),* }),*];
        }
    };
}

macro_rules! at {
    ($key:literal, $($field:ident).+) => {
        Some(Setting {
            path: concat!("timeouts.", $key),
            key: $key,
            get: |timeouts| timeouts.$($field).+,
            field: |timeouts| &mut timeouts.$($field).+,
        })
    };
}

limits! {
    /// A request head, from its first octet.
    ClientHead {
        setting: at!("client.head", client.head), kind: Kind::Absolute, runs: Runs::Unrouted,
        reason: "client_head_timeout", status: 408, late: Cause::ClientTimeout, phase: Some(Phase::Request),
        error: "http_request_error",
        text: "The request head took too long (client.head)",
    }
    /// The next request body octet, or the least rate.
    ClientBody {
        setting: at!("client.body", client.body), kind: Kind::Idle, runs: Runs::Carried,
        reason: "client_body_timeout", status: 408, late: Cause::ClientTimeout, phase: Some(Phase::Data),
        error: "http_request_error",
        text: "The request body took too long (client.body)",
    }
    /// Octets wait for the client and none is accepted.
    ClientWrite {
        setting: at!("client.write", client.write), kind: Kind::Idle, runs: Runs::Throughout,
        reason: "client_write_timeout", status: 408, late: Cause::ClientTimeout, phase: Some(Phase::Data),
        error: "http_request_error",
        text: "The client did not take its response (client.write)",
    }
    /// An idle client connection.
    ClientKeepAlive {
        setting: at!("client.keepalive", client.keepalive), kind: Kind::Idle, runs: Runs::Unrouted,
        reason: "client_keepalive_timeout", status: 408, late: Cause::ClientTimeout, phase: None,
        error: "http_request_error",
        text: "An idle connection was closed",
    }
    /// How long a connection that we close is read from so that the last reply survives (RFC 9112 §9.6).
    Linger {
        setting: None, kind: Kind::Absolute, runs: Runs::Apart,
        reason: "linger_timeout", status: 408, late: Cause::ClientTimeout, phase: None,
        error: "http_request_error",
        text: "An idle connection was closed",
    }
    /// Waiting for a connection slot of an upstream.
    Queue {
        setting: at!("queue", queue), kind: Kind::Absolute, runs: Runs::Unplaced,
        reason: "queue_timeout", status: 503, late: Cause::ServerTimeout, phase: None,
        error: "connection_limit_reached",
        text: "No connection to the upstream became free in time (queue)",
    }
    /// One attempt to connect.
    Connect {
        setting: at!("connect", connect), kind: Kind::Absolute, runs: Runs::Unplaced,
        reason: "connect_timeout", status: 504, late: Cause::ServerTimeout, phase: Some(Phase::Connect),
        error: "connection_timeout",
        text: "Upstream unavailable: connecting took too long{at}",
    }
    /// Octets wait for the upstream and none is accepted.
    UpstreamWrite {
        setting: at!("write", write), kind: Kind::Idle, runs: Runs::Carried,
        reason: "upstream_write_timeout", status: 504, late: Cause::ServerTimeout, phase: Some(Phase::Data),
        error: "connection_write_timeout",
        text: "Upstream timed out: it did not take the request (write){at}",
    }
    /// The upstream owes octets and sends none.
    UpstreamRead {
        setting: at!("read", read), kind: Kind::Idle, runs: Runs::Carried,
        reason: "upstream_read_timeout", status: 504, late: Cause::ServerTimeout, phase: None,
        error: "connection_read_timeout",
        text: "Upstream timed out: it did not answer (read){at}",
    }
    /// The response head, from the end of the request.
    UpstreamHead {
        setting: at!("head", head), kind: Kind::Absolute, runs: Runs::Carried,
        reason: "upstream_head_timeout", status: 504, late: Cause::ServerTimeout, phase: None,
        error: "http_response_timeout",
        text: "Upstream timed out: its response head took too long (head){at}",
    }
    /// The whole exchange, from the request's first octet.
    Total {
        setting: at!("total", total), kind: Kind::Absolute, runs: Runs::Throughout,
        reason: "total_timeout", status: 504, late: Cause::ServerTimeout, phase: Some(Phase::Total),
        error: "http_response_timeout",
        text: "The request took too long in all (total){at}",
    }
    /// A tunnel or stream in which nothing moves.
    StreamIdle {
        setting: at!("stream.idle", stream_idle), kind: Kind::Idle, runs: Runs::Carried,
        reason: "stream_idle_timeout", status: 504, late: Cause::ServerTimeout, phase: None,
        error: "http_response_timeout",
        text: "Nothing moved on the stream (stream.idle){at}",
    }
    /// An idle pooled connection.
    UpstreamKeepAlive {
        setting: at!("upstream.keepalive", upstream_keepalive), kind: Kind::Idle, runs: Runs::Apart,
        reason: "upstream_keepalive_timeout", status: 504, late: Cause::ServerTimeout, phase: None,
        error: "http_response_timeout",
        text: "An idle connection was closed",
    }
    /// Everything ends at this point of a shutdown.
    Drain {
        setting: at!("drain", drain), kind: Kind::Absolute, runs: Runs::Apart,
        reason: "draining", status: 503, late: Cause::Killed, phase: None,
        error: "destination_unavailable",
        text: "This proxy is shutting down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn each_limit_has_a_row_of_its_own() {
        for (at, limit) in Timer::ALL.iter().enumerate() {
            assert_eq!((limit.timer as usize, limit.timer.limit().timer), (at, limit.timer));
        }
        let reasons = Timer::ALL.iter().map(|limit| limit.reason).collect::<BTreeSet<_>>();
        assert_eq!(reasons.len(), Timer::ALL.len());
    }

    #[test]
    fn each_setting_is_a_field_of_its_own() {
        let mut timeouts = Timeouts::default();
        for (at, limit) in (1..).zip(&Timer::ALL) {
            if let Some(setting) = limit.setting {
                *(setting.field)(&mut timeouts) = Some(Duration::from_secs(at));
            }
        }
        for (at, limit) in (1..).zip(&Timer::ALL) {
            let wanted = limit.setting.map(|_| Duration::from_secs(at));
            assert_eq!(limit.of(&timeouts), wanted, "{:?}", limit.timer);
        }
    }

    #[test]
    fn whoever_was_late_picks_the_status() {
        for limit in &Timer::ALL {
            let wanted: &[u16] = match limit.late {
                Cause::ClientTimeout => &[408],
                Cause::ServerTimeout if limit.timer == Timer::Queue => &[503],
                Cause::ServerTimeout => &[504],
                _ => &[503],
            };
            assert!(wanted.contains(&limit.status), "{:?}", limit.timer);
        }
    }
}
