//! The behaviour of the core, one theme a module. Every test is a [`script::Script`]: what peers do, and what they see.

mod keep_alive;
mod script;
mod timeouts;
