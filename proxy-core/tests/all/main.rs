//! The behaviour of the core, one theme a module. Every test is a [`script::Script`]: what peers do, and what they see.
#![allow(clippy::unwrap_used, reason = "the harness is a test, too")]

mod backpressure;
mod dialect;
mod drain;
mod early_responses;
mod failover;
mod framing;
mod journal;
mod keep_alive;
mod leaving;
mod limits;
mod outcomes;
mod piping;
mod pool;
mod properties;
mod purity;
mod replies;
mod script;
mod timeouts;
mod truncation;
mod tunnels;
