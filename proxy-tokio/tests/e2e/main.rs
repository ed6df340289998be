//! The built binary between real clients and real origins, on loopback.
//!
//! Every test starts its own proxy and origins on ports of their own, bounds every wait, and kills what it started. A
//! program that is not installed is told and its test passes; with `CI=true` or `WEIR_E2E_REQUIRE=1` it fails, so that
//! no continuous integration goes green by skipping. `WEIR_E2E_LONG=1` makes loads and bodies as large as we promise
//! to carry; without it they are cut down to seconds.

mod harness {
    pub(crate) mod origin;
    pub(crate) mod process;
    pub(crate) mod programs;
    pub(crate) mod weir;
    pub(crate) mod wire;
}

mod clients;
mod command_line;
mod failures;
mod large_bodies;
mod lifecycle;
mod load;
mod replay;
mod smuggling;
mod stalled;
mod websocket;
