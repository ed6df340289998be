//! Puts a body in the framing that we chose for it, whatever framing it came in.
//!
//! Content passes by reference. Does not count: the decoder on the other side did.

use alloc::vec::Vec;

use bytes::Bytes;

use super::framing::Framing;
use super::trailers::Trailers;

/// Where an encoder puts what it makes.
pub trait BodySink {
    /// A few octets of framing, to be copied.
    fn put_slice(&mut self, small: &[u8]);
    /// Content, to be kept by reference.
    fn put_bytes(&mut self, data: Bytes);
}

impl BodySink for Vec<u8> {
    fn put_slice(&mut self, small: &[u8]) {
        self.extend_from_slice(small);
    }

    fn put_bytes(&mut self, data: Bytes) {
        self.extend_from_slice(&data);
    }
}

/// Writes one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyEncoder {
    framing: Framing,
}

impl BodyEncoder {
    /// Begins a body.
    pub fn new(framing: Framing) -> Self {
        Self { framing }
    }

    /// Frames `data`. An empty piece is no chunk: it would end the body.
    pub fn data(&self, data: Bytes, sink: &mut impl BodySink) {
        if data.is_empty() {
            return;
        }
        match self.framing {
            Framing::Chunked => {
                put_chunk_line(data.len(), sink);
                sink.put_bytes(data);
                sink.put_slice(b"\r\n");
            }
            Framing::None | Framing::Length(_) | Framing::Close => sink.put_bytes(data),
        }
    }

    /// Whether content goes out as it is, with nothing between its octets.
    pub fn is_bare(&self) -> bool {
        self.framing != Framing::Chunked
    }

    /// Whether a part of the content can be told from the whole: by its length, or by the last chunk.
    pub fn shows_end(&self) -> bool {
        self.framing != Framing::Close
    }

    /// Ends the body. Only the chunked coding has an end to write, and a place for trailers.
    pub fn end(&self, trailers: Option<&Trailers>, sink: &mut impl BodySink) {
        if self.framing != Framing::Chunked {
            return;
        }
        match trailers {
            None => sink.put_slice(b"0\r\n\r\n"),
            Some(trailers) => {
                sink.put_slice(b"0\r\n");
                sink.put_slice(trailers.lines());
                sink.put_slice(b"\r\n");
            }
        }
    }
}

fn put_chunk_line(len: usize, sink: &mut impl BodySink) {
    // Sixteen digits and CRLF, filled from the end.
    let mut line = *b"0000000000000000\r\n";
    let mut rest = len;
    let mut start = 16;
    for digit in line.iter_mut().take(16).rev() {
        *digit = HEX.get(rest & 0xf).copied().unwrap_or_default();
        rest >>= 4;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    sink.put_slice(line.get(start..).unwrap_or_default());
}

const HEX: &[u8; 16] = b"0123456789abcdef";
