//! HTTP/1.1 on the wire: heads and bodies, parsed once into types that cannot be misread.
//!
//! Knows the grammar and where a message ends. Knows no policy, no time, no sockets, and nothing of
//! what a proxy does with a message: that is `forward.rs` and above.

mod bad_head;
mod connection;
mod decode;
mod diagnose;
mod encode;
mod fields;
mod framing;
mod grammar;
mod host;
mod lines;
mod method;
mod request;
mod response;
mod scan;
mod sixteen;
mod target;
mod trailers;

pub use bad_head::BadHead;
pub use decode::{BadBody, BodyDecoder, Piece, Truncated};
pub use encode::{BodyEncoder, BodySink, put_decimal};
pub use fields::{FIELDS_MAX, Field, Fields, Name};
pub use framing::Framing;
pub use host::HostSpan;
pub use method::Method;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use scan::{HEAD_BYTES_MAX, HeadKind, HeadLimits, HeadScanner};
pub use target::{RequestTarget, TargetForm};
pub use trailers::Trailers;

/// The two versions that we speak (RFC 9112 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

#[cfg(test)]
pub(crate) mod tests;
