//! Whose head to expect, and how large it may be.

/// Longest head in octets, whatever the limit in force: offsets into a head are 16 bits wide.
pub const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// Most field lines that a head can have, whatever the limit in force.
pub const FIELDS_MAX: usize = 256;

/// Whose message to expect, and what becomes of what is wrong in form but certain in meaning.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadKind {
    /// From a client: refused wherever two parsers could differ, and they could nearly everywhere.
    #[default]
    Request,
    /// From an upstream: put right (`mend.rs`), as it is written anew for the client anyway.
    Response,
    /// From an upstream with `strict = true`: refused.
    StrictResponse,
}

impl HeadKind {
    /// How an upstream's responses are read.
    pub const fn response(strict: bool) -> Self {
        if strict { Self::StrictResponse } else { Self::Response }
    }
}

/// How much head there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadLimits {
    /// Octets in all, the empty line included; at most `HEAD_BYTES_MAX`.
    pub head_bytes: usize,
    /// Field lines; at most `FIELDS_MAX`.
    pub fields: usize,
    /// Octets of the request target alone.
    pub target_bytes: usize,
}

impl HeadLimits {
    pub(super) fn head_bytes(&self) -> usize {
        self.head_bytes.min(HEAD_BYTES_MAX)
    }

    pub(super) fn fields(&self) -> usize {
        self.fields.min(FIELDS_MAX)
    }
}

/// A place in a head. Saturates beyond `HEAD_BYTES_MAX`, which no head exceeds.
pub(super) fn offset(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
