//! A simulated world around the core: clients, origins and a kernel, all in virtual time, all able to misbehave.
//!
//! [`Script`] says everything that happens; [`run`] plays it and checks the laws. A script is flat and always valid,
//! so that it can be drawn from any octets, shrunk and saved. In reading order: `script` and `faults` (what can happen),
//! `world` (the clock), `world/driver` (does what the core says), `kernel`, `client` and `origin` (the others), `laws` (what
//! must hold), `world/aftermath` (what must work again when the faults stop) and `ledger` (what must have been seen).

mod agenda;
mod catalogue;
mod client;
mod content;
mod faults;
mod found;
mod kernel;
mod laws;
mod ledger;
mod lent;
mod lines;
mod message;
mod model;
mod notes;
mod origin;
mod permits;
mod run;
mod script;
mod setup;
mod shrink;
mod stamps;
mod strategy;
mod suite;
mod tame;
mod time;
mod wording;
mod world;

pub use faults::Fault;
pub use found::{CORPUS, save};
pub use ledger::Ledger;
pub use run::{Report, Violation, run, run_traced, run_unrecorded, sample, verify};
pub use script::{
    Answer, AnswerEnd, AnswerFraming, Client, Connect, Endpoint, Leave, Limits, Method, Pace, Request,
    RequestBody, Route, Script, Timeouts,
};
pub use shrink::shrink;
pub use suite::{Counterexample, Settings, Suite, cores};
