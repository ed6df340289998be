//! The request target and its forms (RFC 9112 §3.2).
//!
//! Does not normalise: path and query reach the upstream as they came.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::memchr;

use super::bad_head::BadHead;
use super::host::HostSpan;
use super::limits::offset;
use super::method::Method;
use super::start_line::Target;

/// The forms that a gateway accepts; authority-form belongs to CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `*`: the server as a whole; OPTIONS only.
    Asterisk,
}

/// Where the parts of the target lie in the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestTarget {
    form: TargetForm,
    start: u16,
    path_start: u16,
    path_end: u16,
    end: u16,
}

impl RequestTarget {
    /// Takes a target apart, which is visible ASCII (RFC 3986 §2): where its parts are, and its authority, which stands
    /// for Host.
    pub(super) fn parse(
        head: &[u8],
        target: Target,
        method: Method,
    ) -> Result<(Self, Option<HostSpan>), BadHead> {
        let (form, authority, path_start) = match head.get(target.start) {
            Some(b'/') => (TargetForm::Origin, None, target.start),
            Some(b'*') if method == Method::Options && target.end == target.start + 1 => {
                (TargetForm::Asterisk, None, target.start)
            }
            _ => {
                let (authority, path_start) = absolute(head, target)?;
                (TargetForm::Absolute, Some(authority), path_start)
            }
        };
        // A fragment never goes on the wire; those who accept it cut it off at different places.
        if target.has_fragment {
            return Err(BadHead::BadTarget);
        }
        let parts = Self {
            form,
            start: offset(target.start),
            path_start: offset(path_start),
            path_end: offset(target.query_start),
            end: offset(target.end),
        };
        Ok((parts, authority))
    }

    /// Which form it has.
    pub fn form(&self) -> TargetForm {
        self.form
    }

    /// The whole target as it was sent.
    pub fn bytes<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(self.start.into()..self.end.into()).unwrap_or_default()
    }

    /// What routing looks at: the path, never empty; `*` for the asterisk-form.
    pub fn path<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        match head.get(self.path_start.into()..self.path_end.into()) {
            None | Some([]) => b"/",
            Some(path) => path,
        }
    }

    /// Path and query as origin-form puts them. Borrowed but for `http://host?query`, whose path is
    /// empty and becomes `/`.
    pub fn path_and_query<'a>(&self, head: &'a [u8]) -> Cow<'a, [u8]> {
        match self.after_authority(head) {
            [] => Cow::Borrowed(b"/"),
            query @ [b'?', ..] => {
                let mut rooted = Vec::with_capacity(query.len() + 1);
                rooted.push(b'/');
                rooted.extend_from_slice(query);
                Cow::Owned(rooted)
            }
            path_and_query => Cow::Borrowed(path_and_query),
        }
    }

    /// Path and query as they were sent; both may be missing in absolute-form.
    pub(crate) fn after_authority<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(self.path_start.into()..self.end.into()).unwrap_or_default()
    }

    pub(super) fn start(&self) -> usize {
        self.start.into()
    }

    /// The port that the target's scheme implies.
    pub(super) fn scheme_port(&self, head: &[u8]) -> u16 {
        // Only `https:` has its colon there.
        if self.bytes(head).get(5) == Some(&b':') { 443 } else { 80 }
    }
}

/// The authority of a target in absolute-form, and where its path begins.
#[cold]
fn absolute(head: &[u8], target: Target) -> Result<(HostSpan, usize), BadHead> {
    let text = head.get(target.start..target.end).unwrap_or_default();
    let colon = memchr(b':', text).ok_or(BadHead::BadTargetForm)?;
    let (scheme, rest) = text.split_at_checked(colon).unwrap_or_default();
    let Some(rest) = rest.strip_prefix(b"://") else { return Err(BadHead::BadTargetForm) };
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(BadHead::UnsupportedScheme);
    }
    let authority_start = target.end - rest.len();
    let authority_len = rest.iter().position(|o| matches!(o, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let path_start = authority_start + authority_len;
    Ok((HostSpan::validate(head, authority_start, path_start)?, path_start))
}
