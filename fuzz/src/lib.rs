//! What the fuzz targets judge by: a second, independent reading of HTTP/1.1, ways to cut octets into
//! pieces, and a world for whole cores.
//!
//! Uses nothing of proxy-core to judge proxy-core: `oracle` is written from RFC 9112 alone.

pub mod alloc_count;
mod conversation;
pub mod ends;
pub mod oracle;
pub mod rewrite;
pub mod script;
pub mod split;
pub mod world;

use proxy_core::http::HeadLimits;

/// The limits on what comes in: small, so that the fuzzer meets them.
pub const LIMITS: HeadLimits = HeadLimits { head_bytes: 2 * 1024, fields: 24, target_bytes: 512 };

/// The limits on what we wrote ourselves: it may be longer than what came in.
pub const ROOMY: HeadLimits = HeadLimits { head_bytes: 60 * 1024, fields: 250, target_bytes: 2 * 1024 };
