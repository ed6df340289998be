//! The real driver in simulated networks, in virtual time: what the proxy does with slow, hung, dead and silent peers,
//! and exactly when.
//!
//! `seeds` says which worlds are played, `weather` what their network is like. `world` is a network by turmoil: hosts,
//! latency, crashes; `bucket` is its pipe. `byte_world` is one by turmoil-net, which counts octets: windows, short writes,
//! resets. `wire` is how peers speak, `origin` what servers do. `story` is what a run leaves, `xray` looks
//! into it and checks the laws that hold for every run. All other files are one theme each.
//!
//! Every world is played twice and must tell the same story, and its journal must replay to the same state. A failure
//! prints the command that plays that world again.

mod bucket;
mod byte_net;
mod byte_world;
mod net;
mod origin;
mod seeds;
mod story;
mod trouble;
mod weather;
mod wire;
mod world;
mod xray;

mod byte_resets;
mod byte_windows;
mod client_timeouts;
mod crashes;
mod drain;
mod failover;
mod isolation;
mod leaving;
mod limits;
mod matrix;
mod pipelining;
mod tunnels;
mod upstream_timeouts;
mod whole_timeouts;

use byte_world::ByteWorld;
use net::TurmoilNet;
use seeds::{each_byte_seed, each_seed};
use world::World;
