//! What the fuzz targets judge by: a second, independent reading of HTTP/1.1, and ways to cut octets into pieces. Whole
//! cores are judged in the simulated world of `sim-tests`.
//!
//! Uses nothing of proxy-core to judge proxy-core: `oracle` is written from RFC 9112 alone.

pub mod alloc_count;
pub mod bodies;
pub mod ends;
pub mod oracle;
pub mod rewrite;
pub mod split;

use proxy_core::http::HeadLimits;
use sim_tests::Script;

/// The script that any octets stand for. The simulation's own files are scripts, too.
pub fn script(octets: &[u8]) -> Script {
    serde_json::from_slice(octets).unwrap_or_else(|_| Script::from_octets(octets))
}

/// The limits on what comes in: small, so that the fuzzer meets them.
pub const LIMITS: HeadLimits = HeadLimits { head_bytes: 2 * 1024, fields: 24, target_bytes: 512 };

/// The limits on what we wrote ourselves: it may be longer than what came in.
pub const ROOMY: HeadLimits = HeadLimits { head_bytes: 60 * 1024, fields: 250, target_bytes: 2 * 1024 };
