//! Request methods and the two properties that decide retries (RFC 9110 §9.2).

/// A request method. Those we do not know are forwarded all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 9110 §9.3.1
    Get,
    /// RFC 9110 §9.3.2
    Head,
    /// RFC 9110 §9.3.3
    Post,
    /// RFC 9110 §9.3.4
    Put,
    /// RFC 9110 §9.3.5
    Delete,
    /// RFC 9110 §9.3.7
    Options,
    /// RFC 9110 §9.3.8
    Trace,
    /// RFC 5789
    Patch,
    /// Any other token. Assumed to be neither safe nor idempotent.
    Extension,
}

/// Longest method that we take for one, in octets; the longest registered has 17 (UPDATEREDIRECTREF).
pub(super) const METHOD_BYTES_MAX: usize = 64;

impl Method {
    /// Methods are case-sensitive (RFC 9110 §9.1): `get` is an extension.
    pub(super) fn of(name: &[u8]) -> Self {
        // Most are, and it takes a comparison of three octets, while the others are told apart by their length first.
        if name == b"GET" {
            return Self::Get;
        }
        match name {
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Extension,
        }
    }

    /// Essentially read-only (RFC 9110 §9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Twice does what once does, so that it may be sent again (RFC 9110 §9.2.2).
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}
