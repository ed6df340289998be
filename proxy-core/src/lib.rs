//! The decisions of the Weir reverse proxy, as one sans-IO state machine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod forward;
pub mod http;
