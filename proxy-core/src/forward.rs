//! Writes heads anew for the next hop: hop-by-hop fields end here, our own framing and the fields of a
//! gateway go in, and runs of unchanged lines are copied whole (RFC 9110 §7.6, RFC 9112 §6.3).
//!
//! Trusts what `http` accepted. Does not know whom the head is for, nor when it is sent.

mod date;
mod request;
mod request_id;
mod response;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::http::{Field, Framing, Name, RequestHead, Version};

pub use date::HttpDate;
pub use request::{RequestContext, Scheme, write_request};
pub(crate) use request_id::request_id;
pub use response::{ResponseContext, Signature, write_interim, write_response};

/// How the body of a response is framed to a client that speaks `client`. HTTP/1.0 knows no chunks.
pub fn downstream_framing(response: Framing, client: Version) -> Framing {
    match (response, client) {
        (Framing::None | Framing::Length(_), _) => response,
        (Framing::Chunked | Framing::Close, Version::Http11) => Framing::Chunked,
        (Framing::Chunked | Framing::Close, Version::Http10) => Framing::Close,
    }
}

/// Copies lines in runs: all that lies between two changes goes in one piece.
struct Copier<'a> {
    head: &'a [u8],
    /// Where the run that is not copied yet begins.
    from: usize,
}

impl Copier<'_> {
    /// Copies up to `until`, and goes on from `after`.
    fn replace(&mut self, out: &mut Vec<u8>, until: usize, after: usize) {
        out.extend_from_slice(self.head.get(self.from..until).unwrap_or_default());
        self.from = after;
    }

    fn drop_line(&mut self, out: &mut Vec<u8>, line: &Field) {
        self.replace(out, line.start(), line.end());
    }

    /// Copies the rest, but for the empty line at the end.
    fn finish(mut self, out: &mut Vec<u8>) {
        let blank_line = self.head.len().saturating_sub(2);
        self.replace(out, blank_line, blank_line);
    }
}

/// Appends one field line; `name` brings its colon and space.
#[inline]
fn put_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The comment in our Via lines by which this instance knows its own; 0 has none.
pub(crate) fn via_mark(instance: u32) -> String {
    if instance == 0 { String::new() } else { format!(" ({instance:08x})") }
}

/// Whether a request passed this instance before: `mark` tells it from others.
pub(crate) fn has_passed(head: &RequestHead, mark: &str) -> bool {
    let is_ours = |field: &Field| {
        let mut entries = field.value(head.raw()).split(|octet| *octet == b',');
        entries.any(|entry| entry.ends_with(mark.as_bytes()))
    };
    !mark.is_empty() && head.fields().named(Name::Via).any(is_ours)
}

/// Appends our own Via line, which stands behind all others: `received` is the version of the message that came to us (RFC
/// 9110 §7.6.3), `mark` a comment that tells this proxy from others.
#[inline]
fn put_via(out: &mut Vec<u8>, received: Version, mark: &str) {
    out.extend_from_slice(match received {
        Version::Http10 => b"Via: 1.0 weir",
        Version::Http11 => b"Via: 1.1 weir",
    });
    put_line(out, b"", mark.as_bytes());
}

#[cfg(test)]
mod tests;
