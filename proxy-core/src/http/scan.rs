//! Finds the end of a head in a growing buffer, and gives up as soon as there can be none.
//!
//! Looks at each octet once however the head arrives. Does not interpret a complete head: `request.rs`
//! and `response.rs` do.

use memchr::memchr_iter;

use super::bad_head::BadHead;
use super::diagnose;
use super::grammar::{is_tchar, is_visible};
use super::method::METHOD_BYTES_MAX;

/// Offsets into a head are 16 bits wide.
pub const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// Most empty lines skipped before a request; RFC 9112 §2.2 asks for "at least one".
const BLANK_LINES_MAX: u8 = 4;

/// Whose head to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadKind {
    /// From a client.
    Request,
    /// From an upstream.
    Response,
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
}

/// How far the search for the end of a head has come.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct HeadScanner {
    scanned: usize,
    /// Where the line at `scanned` began; 0 while that is the first.
    line_start: usize,
    start_line: StartLine,
    blank_lines: u8,
}

/// How far the first line of an incomplete head has been checked.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
enum StartLine {
    #[default]
    Method,
    Target {
        start: usize,
    },
    /// To be judged when the line is complete.
    Rest,
    Checked,
}

impl HeadScanner {
    /// How many octets of empty lines to drop off the front of `buf` before `feed`; 0 once a request
    /// has begun. A lone CR stays: the next call sees what it becomes.
    ///
    /// # Errors
    /// After a few empty lines in all: a client could keep us busy with them for ever.
    pub fn blank_lines(&mut self, buf: &[u8]) -> Result<usize, BadHead> {
        let mut rest = buf;
        while let (0, Some(after)) = (self.scanned, rest.strip_prefix(b"\r\n")) {
            rest = after;
            self.blank_lines = self.blank_lines.saturating_add(1);
            if self.blank_lines > BLANK_LINES_MAX {
                return Err(BadHead::TooManyBlankLines);
            }
        }
        Ok(buf.len() - rest.len())
    }

    /// Looks on. `buf` is all there is, from the head's first octet. `Some(len)`: the head is
    /// `buf[..len]`, the empty line included. `None`: call again with more.
    ///
    /// # Errors
    /// The rule broken, as early as it is certain that no head can come of this.
    pub fn feed(
        &mut self,
        buf: &[u8],
        kind: HeadKind,
        limits: &HeadLimits,
    ) -> Result<Option<usize>, BadHead> {
        let window = buf.get(..limits.head_bytes()).unwrap_or(buf);
        if self.scanned < FIRST_OCTETS {
            match first_octets(window, kind)? {
                FirstOctets::Unclear => return Ok(None),
                FirstOctets::Plausible => {}
            }
        }
        if let Some(len) = self.find_end(window)? {
            return Ok(Some(len));
        }
        let scanned = core::mem::replace(&mut self.scanned, window.len());
        self.check_start_line(window, scanned, kind, limits)?;
        if window.len() == limits.head_bytes() {
            return Err(match self.start_line {
                StartLine::Target { .. } => BadHead::TargetTooLong,
                _ => BadHead::HeadTooLong,
            });
        }
        Ok(None)
    }

    fn find_end(&mut self, window: &[u8]) -> Result<Option<usize>, BadHead> {
        let unseen = window.get(self.scanned..).unwrap_or_default();
        for lf in memchr_iter(b'\n', unseen) {
            let lf = self.scanned + lf;
            if lf.checked_sub(1).and_then(|before| window.get(before)) != Some(&b'\r') {
                return Err(BadHead::BareLf);
            }
            if lf == self.line_start + 1 {
                return Ok(Some(lf + 1));
            }
            self.line_start = lf + 1;
        }
        Ok(None)
    }

    /// Judges the start line of a head that is not complete yet, so that nonsense is refused at once
    /// and not at a timeout. A head that arrives whole never comes here.
    fn check_start_line(
        &mut self,
        window: &[u8],
        scanned: usize,
        kind: HeadKind,
        limits: &HeadLimits,
    ) -> Result<(), BadHead> {
        if self.start_line == StartLine::Checked {
            return Ok(());
        }
        if self.line_start > 0 {
            self.start_line = StartLine::Checked;
            return diagnose::start_line(window, kind, limits);
        }
        match kind {
            HeadKind::Request => self.check_request_line(window, scanned, limits),
            HeadKind::Response => Ok(()),
        }
    }

    fn check_request_line(
        &mut self,
        window: &[u8],
        scanned: usize,
        limits: &HeadLimits,
    ) -> Result<(), BadHead> {
        for (at, &octet) in window.iter().enumerate().skip(scanned) {
            self.start_line = match (&self.start_line, octet) {
                (StartLine::Method, b' ') => StartLine::Target { start: at + 1 },
                (StartLine::Target { .. }, b' ') | (_, b'\r') => StartLine::Rest,
                (StartLine::Method, _) if !is_tchar(octet) => return Err(BadHead::BadMethod),
                (StartLine::Method, _) if at >= METHOD_BYTES_MAX => return Err(BadHead::MethodTooLong),
                (StartLine::Target { .. }, _) if !is_visible(octet) => return Err(BadHead::BadTarget),
                (StartLine::Target { start }, _) if at - start >= limits.target_bytes => {
                    return Err(BadHead::TargetTooLong);
                }
                (StartLine::Rest | StartLine::Checked, _) => return Ok(()),
                (StartLine::Method | StartLine::Target { .. }, _) => continue,
            };
        }
        Ok(())
    }
}

/// As many octets as it takes to tell HTTP from what else might come.
const FIRST_OCTETS: usize = 5;

enum FirstOctets {
    Plausible,
    Unclear,
}

pub(super) fn is_tls(head: &[u8]) -> bool {
    // A TLS record: handshake, then version 3.x (RFC 8446 §5.1).
    matches!(head, [0x16] | [0x16, 0x03, ..])
}

fn first_octets(head: &[u8], kind: HeadKind) -> Result<FirstOctets, BadHead> {
    match (kind, head) {
        (_, []) => Ok(FirstOctets::Unclear),
        (HeadKind::Request, [b'\r']) => Ok(FirstOctets::Unclear),
        (_, [0x16, ..]) if is_tls(head) => Err(BadHead::TlsHandshake),
        (HeadKind::Request, [b'\n', ..]) => Err(BadHead::BareLf),
        (HeadKind::Request, [first, ..]) if is_tchar(*first) => Ok(FirstOctets::Plausible),
        (HeadKind::Request, [b' ' | b'\t', ..]) => Err(BadHead::BadRequestLine),
        (HeadKind::Request, [b'\r', second, ..]) if *second != b'\n' => Err(BadHead::BareCr),
        (HeadKind::Response, _) if head.iter().zip(b"HTTP/").all(|(octet, http)| octet == http) => {
            Ok(FirstOctets::Plausible)
        }
        _ => Err(BadHead::NotHttp),
    }
}
