//! Carries the actions of `proxy-core` out on sockets, and decides nothing.
//!
//! One worker is one thread with one current-thread runtime and one [`Core`](proxy_core::Core). [`serve`] starts
//! them on real sockets; [`run_worker`] is the loop of one, over any [`Net`], so that a simulated network runs the
//! very same code.
//!
//! In reading order: `worker` does what `proxy_core::drive` decides, `pump` moves octets of one connection, `pipes` those that
//! pass unseen, `net` says what a network is, `kernel` and `socket` are the real one, `slots` holds the connections, `ready` says which of them have news,
//! `accept`, `timer`, `permits` and `crew` are what their names say, and `serve` has the threads. [`config_file`] reads what
//! the user wrote, and knows nothing of the rest.
#![deny(unsafe_code)]

mod accept;
pub mod config_file;
mod crew;
mod journal_file;
mod kernel;
mod kernel_pipe;
mod net;
mod permits;
mod pipes;
mod pump;
mod ready;
mod serve;
mod slots;
mod socket;
mod timer;
mod worker;

pub use crew::Crew;
pub use kernel::TokioNet;
pub use kernel_pipe::KernelPipe;
pub use net::{Net, Pipe, Received, Stream, net_error};
pub use pipes::PIPES_MAX;
pub use serve::{Running, ServeError, ServeOptions, serve};
pub use socket::{Door, Socket};
pub use worker::{Journal, Recorder, Setup, run_worker};
