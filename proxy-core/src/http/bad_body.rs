//! Why a body was refused: one name per rule, one sentence for a person.

use core::fmt;

use super::bad_head::BadHead;

/// The rule that a body broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadBody {
    /// Not a hexadecimal number (RFC 9112 §7.1).
    BadChunkSize,
    /// A size that no counter holds (RFC 9112 §7.1).
    ChunkSizeTooLarge,
    /// An extension that is neither a name nor a name with a value (RFC 9112 §7.1.1).
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

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadChunkSize => f.write_str("A chunk's size is not a hexadecimal number."),
            Self::ChunkSizeTooLarge => f.write_str("A chunk's size is larger than any counter."),
            Self::BadChunkExtension => {
                f.write_str("A chunk extension is not a name, or a name, \"=\" and a value.")
            }
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
