//! The decisions of the Weir reverse proxy, as one sans-IO state machine.
//!
//! **The contract: one input → drain every action → sleep until the deadline or the next input.**
//!
//! [`Core::handle`] takes what happened and when; [`Core::poll_action`] says what to do; [`Core::interest`] says
//! how much may be read from a connection, and [`Core::egress`] lends the octets to write; [`Core::next_deadline`]
//! says when to hand in the next [`Input::Tick`]. Nothing in this crate touches a socket, a clock, a thread or a
//! random source, so a journal of inputs replays a worker exactly.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod config;
mod core;
mod digest;
pub mod drive;
mod exchange;
mod flags;
pub mod forward;
pub mod http;
mod ids;
mod inbox;
mod input;
mod journal;
mod link;
mod outbox;
mod plan;
mod record;
mod reply;
mod rng;
mod route;
mod session;
mod slab;
mod spare;
mod time;
mod timeouts;
mod timers;
mod transfer;
mod upstreams;

pub use self::core::Core;
pub use action::{Action, Close, Interest, Listen};
pub use config::{
    Balance, Cluster, Config, ConfigError, Dialect, Endpoint, Limits, Listener, Paths, Route, Via,
};
pub use flags::{Cause, Flags, Phase};
pub use ids::{ClusterId, EndpointId, ListenerId, RouteId};
pub use input::{ConnId, Input, NetError, Permit};
pub use journal::{JournalError, JournalReader, JournalWriter, Record, Replay, Version, replay};
pub use plan::{ClusterName, EndpointName, ListenerName, Matched, Plan, Rules};
pub use record::{Attempt, AttemptResult, Marks, Outcome, Reason, RequestSummary, Times};
pub use time::{Alarm, Instant};
pub use timeouts::{ClientTimeouts, Kind, Limit, Runs, Setting, Timeouts, Timer};
pub use upstreams::Standing;
