//! The behaviour of the core, one theme a module. Every test is a [`script::Script`]: what peers do, and what they see.

mod backpressure;
mod drain;
mod early_responses;
mod failover;
mod framing;
mod journal;
mod keep_alive;
mod leaving;
mod limits;
mod pool;
mod replies;
mod script;
mod timeouts;
mod truncation;
mod tunnels;
