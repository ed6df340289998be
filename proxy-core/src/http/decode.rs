//! Takes a body off its framing, octet by octet or all at once.
//!
//! Content is sliced off the input, never copied. Does not know which message the body belongs to.

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bytes::{Buf, Bytes};
use memchr::memchr;

use super::bad_body::BadBody;
use super::bad_head::BadHead;
use super::chunk_line::ChunkLine;
use super::framing::Framing;
use super::limits::HeadKind;
use super::trailers::Trailers;

/// Longest trailer section in octets.
const TRAILERS_MAX: usize = 8 * 1024;

/// How far a body has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BodyDecoder {
    state: State,
    kind: HeadKind,
}

/// What `decode` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Content; never empty.
    Data(Bytes),
    /// The body is whole. Every later call says so too, without trailers.
    End(Option<Trailers>),
    /// All input is used up.
    NeedMore,
}

/// The peer closed before its body was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Truncated;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum State {
    /// So many octets of a body of known length; never 0.
    Sized(u64),
    UntilClose,
    ChunkLine(ChunkLine),
    /// So many octets of a chunk; never 0.
    ChunkData(u64),
    /// The CRLF after a chunk's content; whether its CR was there.
    ChunkEnd {
        cr: bool,
    },
    Trailers(Vec<u8>),
    Finished,
}

impl BodyDecoder {
    /// Begins the body of a request.
    pub fn new(framing: Framing) -> Self {
        Self::of(framing, HeadKind::Request)
    }

    /// Begins the body of a message of that kind.
    pub fn of(framing: Framing, kind: HeadKind) -> Self {
        let state = match framing {
            Framing::None => State::Finished,
            Framing::Length(length) => State::sized(length),
            Framing::Chunked => State::ChunkLine(ChunkLine::default()),
            Framing::Close => State::UntilClose,
        };
        Self { state, kind }
    }

    /// Takes what belongs to this body off the front of `input`; the rest is the next message's.
    ///
    /// # Errors
    /// The rule broken. The connection has lost its message boundaries: nothing more can be read from it.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Piece, BadBody> {
        match &mut self.state {
            State::Finished => Ok(Piece::End(None)),
            _ if input.is_empty() => Ok(Piece::NeedMore),
            State::Sized(left) => {
                let data = take(input, left);
                self.state = State::sized(*left);
                Ok(Piece::Data(data))
            }
            State::UntilClose => Ok(Piece::Data(mem::take(input))),
            State::ChunkLine(_) | State::ChunkData(_) | State::ChunkEnd { .. } | State::Trailers(_) => {
                self.decode_chunked(input)
            }
        }
    }

    #[inline(never)]
    fn decode_chunked(&mut self, input: &mut Bytes) -> Result<Piece, BadBody> {
        while !input.is_empty() {
            match &mut self.state {
                State::ChunkLine(line) => {
                    if let Some(size) = line.read(input, self.kind)? {
                        self.state =
                            if size == 0 { State::Trailers(Vec::new()) } else { State::ChunkData(size) };
                    }
                }
                State::ChunkData(left) => {
                    let data = take(input, left);
                    if *left == 0 {
                        self.state = State::ChunkEnd { cr: false };
                    }
                    return Ok(Piece::Data(data));
                }
                State::ChunkEnd { cr } => match (*cr, input.get_u8()) {
                    (false, b'\r') => *cr = true,
                    (true, b'\n') => self.state = State::ChunkLine(ChunkLine::default()),
                    _ => return Err(BadBody::BadChunkEnd),
                },
                State::Trailers(section) => {
                    if read_trailers(section, input)? {
                        let trailers = Trailers::parse(section).map_err(BadBody::BadTrailer)?;
                        self.state = State::Finished;
                        return Ok(Piece::End(trailers));
                    }
                }
                State::Sized(_) | State::UntilClose | State::Finished => break,
            }
        }
        Ok(Piece::NeedMore)
    }

    /// How many octets are still to come that are content for certain, whatever they are.
    pub fn certain(&self) -> u64 {
        if let State::Sized(left) = self.state { left } else { 0 }
    }

    /// `n` octets of those came, and nobody saw them.
    pub fn skip(&mut self, n: u64) {
        if let State::Sized(left) = self.state {
            self.state = State::sized(left.saturating_sub(n));
        }
    }

    /// The peer closed: that is the end of a close-delimited body, and cuts any other.
    ///
    /// # Errors
    /// `Truncated` if the body is not whole (RFC 9112 §8).
    pub fn eof(&mut self) -> Result<(), Truncated> {
        match self.state {
            State::UntilClose | State::Finished => {
                self.state = State::Finished;
                Ok(())
            }
            _ => Err(Truncated),
        }
    }

    /// Whether the body is whole: not one more octet belongs to it.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }
}

impl State {
    fn sized(left: u64) -> Self {
        if left == 0 { Self::Finished } else { Self::Sized(left) }
    }
}

/// Slices at most `left` octets off, and counts them. An input used up is let go whole, so that no
/// empty remainder pins its buffer.
fn take(input: &mut Bytes, left: &mut u64) -> Bytes {
    let data = match usize::try_from(*left) {
        Ok(n) if n < input.len() => input.split_to(n),
        _ => mem::take(input),
    };
    *left = left.saturating_sub(data.len() as u64);
    data
}

/// Gathers the trailer section; true once it is whole.
fn read_trailers(section: &mut Vec<u8>, input: &mut Bytes) -> Result<bool, BadBody> {
    let lf = memchr(b'\n', input);
    let line = input.split_to(lf.map_or(input.len(), |lf| lf + 1));
    if section.len() + line.len() > TRAILERS_MAX {
        return Err(BadBody::TrailersTooLong);
    }
    section.extend_from_slice(&line);
    if lf.is_some() && !section.ends_with(b"\r\n") {
        return Err(BadBody::BadTrailer(BadHead::BareLf));
    }
    Ok(section == b"\r\n" || section.ends_with(b"\r\n\r\n"))
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The connection closed before the body was whole.")
    }
}

impl core::error::Error for Truncated {}
