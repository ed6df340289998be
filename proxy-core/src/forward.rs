//! Writes heads anew for the next hop: hop-by-hop fields end here, our own framing and the fields of a
//! gateway go in, and runs of unchanged lines are copied whole (RFC 9110 §7.6, RFC 9112 §6.3).
//!
//! Trusts what `http` accepted. Does not know whom the head is for, nor when it is sent.

mod request;
mod request_id;
mod response;

use alloc::vec::Vec;

use crate::http::{Field, Framing, Version};

pub use request::{RequestContext, Scheme, write_request};
pub(crate) use request_id::request_id;
pub use response::{ResponseContext, write_interim, write_response};

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

/// Our own Via line, which stands behind all others: `received` is the version of the message that came to
/// us (RFC 9110 §7.6.3).
const fn via(received: Version) -> &'static [u8; 15] {
    match received {
        Version::Http10 => b"Via: 1.0 weir\r\n",
        Version::Http11 => b"Via: 1.1 weir\r\n",
    }
}

#[cfg(test)]
mod tests;
