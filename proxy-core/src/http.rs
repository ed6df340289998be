//! HTTP/1.1 on the wire: heads and bodies, parsed once into types that cannot be misread.
//!
//! Knows the grammar and where a message ends. Knows no policy, no time, no sockets, and nothing of
//! what a proxy does with a message: that is `forward.rs` and above.

mod bad_body;
mod bad_head;
mod chunk_line;
mod connection;
mod decode;
mod encode;
mod field;
mod fields;
mod framing;
mod grammar;
mod host;
mod limits;
mod lines;
mod mend;
mod method;
mod name;
mod path;
mod request;
mod response;
mod scan;
mod sixteen;
mod start_line;
mod strict;
mod target;
mod trailers;
mod version;

pub use bad_body::BadBody;
pub use bad_head::BadHead;
pub use decode::{BodyDecoder, Piece, Truncated};
pub use encode::{BodyEncoder, BodySink};
pub use field::Field;
pub use fields::Fields;
pub use framing::Framing;
pub use host::HostSpan;
pub use limits::{FIELDS_MAX, HEAD_BYTES_MAX, HeadKind, HeadLimits};
pub use method::Method;
pub use name::Name;
pub use path::normal_path;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use scan::HeadScanner;
pub use target::{RequestTarget, TargetForm};
pub use trailers::Trailers;
pub use version::Version;

#[cfg(test)]
pub(crate) mod tests;
