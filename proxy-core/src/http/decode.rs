//! Takes a body off its framing, octet by octet or all at once.
//!
//! Content is sliced off the input, never copied. Does not know which message the body belongs to.

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bytes::{Buf, Bytes};
use memchr::memchr;

use super::bad_head::BadHead;
use super::framing::Framing;
use super::grammar::is_value_octet;
use super::trailers::Trailers;

/// Longest chunk-size line in octets, extensions included. Nobody reads extensions; they only cost.
const CHUNK_LINE_MAX: u16 = 256;

/// Longest trailer section in octets.
const TRAILERS_MAX: usize = 8 * 1024;

/// Most hexadecimal digits of a chunk's size: they fill 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;

/// How far a body has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BodyDecoder {
    state: State,
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

/// The rule that a body broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadBody {
    /// Not a hexadecimal number (RFC 9112 §7.1).
    BadChunkSize,
    /// A size that no 64-bit counter holds (RFC 9112 §7.1).
    ChunkSizeTooLarge,
    /// An extension with a control character in it (RFC 9112 §7.1.1).
    BadChunkExtension,
    /// A line that does not end in CRLF (RFC 9112 §7.1).
    BadChunkLineEnd,
    /// A chunk-size line over its limit.
    ChunkLineTooLong,
    /// Content that is not followed by CRLF: it is longer than its chunk said (RFC 9112 §7.1).
    BadChunkEnd,
    /// A trailer section over its limit.
    TrailersTooLong,
    /// A trailer field line that breaks a rule of field lines.
    BadTrailer(BadHead),
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
    /// Begins a body.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None => State::Finished,
            Framing::Length(length) => State::sized(length),
            Framing::Chunked => State::ChunkLine(ChunkLine::default()),
            Framing::Close => State::UntilClose,
        };
        Self { state }
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
                    if let Some(size) = line.read(input)? {
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

/// A chunk-size line on its way in: `1*HEXDIG [chunk-ext] CRLF`. The grammar's whitespace before an
/// extension is refused: padded sizes are read differently from one parser to the next.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
struct ChunkLine {
    size: u64,
    digits: u8,
    octets: u16,
    place: Place,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
enum Place {
    #[default]
    Size,
    Extension,
    Lf,
}

impl ChunkLine {
    /// Reads on; the chunk's size when the line is whole.
    fn read(&mut self, input: &mut Bytes) -> Result<Option<u64>, BadBody> {
        for (at, &octet) in input.iter().enumerate() {
            if self.take(octet)? {
                input.advance(at + 1);
                return Ok(Some(self.size));
            }
        }
        *input = Bytes::new();
        Ok(None)
    }

    fn take(&mut self, octet: u8) -> Result<bool, BadBody> {
        self.octets += 1;
        if self.octets > CHUNK_LINE_MAX {
            return Err(BadBody::ChunkLineTooLong);
        }
        match (&self.place, octet) {
            (Place::Lf, b'\n') => return Ok(true),
            (Place::Lf, _) | (_, b'\n') => return Err(BadBody::BadChunkLineEnd),
            (Place::Size, _) if octet.is_ascii_hexdigit() => self.digit(octet)?,
            (Place::Size, b'\r' | b';') if self.digits == 0 => return Err(BadBody::BadChunkSize),
            (Place::Size | Place::Extension, b'\r') => self.place = Place::Lf,
            (Place::Size, b';') => self.place = Place::Extension,
            (Place::Size, _) => return Err(BadBody::BadChunkSize),
            (Place::Extension, _) if is_value_octet(octet) => {}
            (Place::Extension, _) => return Err(BadBody::BadChunkExtension),
        }
        Ok(false)
    }

    fn digit(&mut self, octet: u8) -> Result<(), BadBody> {
        self.digits += 1;
        if self.digits > SIZE_DIGITS_MAX {
            return Err(BadBody::ChunkSizeTooLarge);
        }
        let value = match octet {
            b'0'..=b'9' => octet - b'0',
            _ => (octet | 0x20) - b'a' + 10,
        };
        self.size = (self.size << 4) | u64::from(value);
        Ok(())
    }
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

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadChunkSize => f.write_str("A chunk's size is not a hexadecimal number."),
            Self::ChunkSizeTooLarge => f.write_str("A chunk's size is larger than any counter."),
            Self::BadChunkExtension => f.write_str("A chunk extension contains a control character."),
            Self::BadChunkLineEnd => f.write_str("A chunk's size line does not end in CRLF."),
            Self::ChunkLineTooLong => f.write_str("A chunk's size line is longer than the limit."),
            Self::BadChunkEnd => {
                f.write_str("A chunk is not followed by CRLF where its size says that it ends.")
            }
            Self::TrailersTooLong => f.write_str("The trailer section is longer than the limit."),
            Self::BadTrailer(rule) => write!(f, "In the trailer section: {rule}"),
        }
    }
}

impl core::error::Error for BadBody {}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The connection closed before the body was whole.")
    }
}

impl core::error::Error for Truncated {}
