//! What a start line says, whoever read it: the fast path or the slow one.

use super::version::Version;

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method_end: usize,
    pub(super) target: Target,
    pub(super) version: Version,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// Where a request target is, and what no form of it can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) start: usize,
    /// Where its first `?` is, or else its end.
    pub(super) query_start: usize,
    pub(super) end: usize,
    /// Whether there is a `#` in it.
    pub(super) has_fragment: bool,
}

/// `HTTP-version SP status-code SP [reason-phrase] CRLF` (RFC 9112 §4); without a reason, servers in use leave out the
/// space before it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    /// Where the next line begins.
    pub(super) end: usize,
}
