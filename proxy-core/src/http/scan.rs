//! Finds the end of a head in a growing buffer, and gives up as soon as there can be none.
//!
//! Looks at each octet behind the start line once however the head arrives. Does not know what makes a head a good one:
//! `strict.rs` does.

use memchr::memchr_iter;

use super::bad_head::BadHead;
use super::limits::{HeadKind, HeadLimits};
use super::{mend, strict};

/// Most empty lines skipped before a request; RFC 9112 §2.2 asks for "at least one".
const BLANK_LINES_MAX: u8 = 4;

/// How far the search for the end of a head has come.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct HeadScanner {
    scanned: usize,
    /// Where the line at `scanned` began; 0 while that is the first.
    line_start: usize,
    blank_lines: u8,
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
    /// The rule broken, once it is certain that no head can come of this.
    pub fn feed(
        &mut self,
        buf: &[u8],
        kind: HeadKind,
        limits: &HeadLimits,
    ) -> Result<Option<usize>, BadHead> {
        let window = buf.get(..limits.head_bytes()).unwrap_or(buf);
        if self.scanned == 0 {
            begins(window, kind)?;
        }
        if kind == HeadKind::Request && matches!(window, [] | [b'\r']) {
            return Ok(None);
        }
        let was_first_line = self.line_start == 0;
        if let Some(len) = self.find_end(window, kind)? {
            return Ok(Some(len));
        }
        // So that nonsense is refused at once and not at a timeout. It is read anew each time until it is whole: within the
        // limit of the target that costs less than the system call that brought the octets.
        if was_first_line {
            so_far(window, kind, limits)?;
        }
        if window.len() < limits.head_bytes() {
            return Ok(None);
        }
        let is_target = kind == HeadKind::Request && strict::is_in_target(window);
        Err(if is_target { BadHead::TargetTooLong } else { BadHead::HeadTooLong })
    }

    fn find_end(&mut self, window: &[u8], kind: HeadKind) -> Result<Option<usize>, BadHead> {
        let unseen = window.get(self.scanned..).unwrap_or_default();
        for lf in memchr_iter(b'\n', unseen) {
            let lf = self.scanned + lf;
            match window.get(self.line_start..lf).unwrap_or_default() {
                b"\r" => return Ok(Some(lf + 1)),
                b"" if kind == HeadKind::Response => return Ok(Some(lf + 1)),
                [.., b'\r'] => {}
                _ if kind == HeadKind::Response => {}
                _ => return Err(BadHead::BareLf),
            }
            self.line_start = lf + 1;
        }
        self.scanned = window.len();
        Ok(None)
    }
}

fn begins(head: &[u8], kind: HeadKind) -> Result<(), BadHead> {
    match kind {
        HeadKind::Request => strict::request_begins(head),
        HeadKind::Response | HeadKind::StrictResponse => strict::response_begins(head),
    }
}

fn so_far(head: &[u8], kind: HeadKind, limits: &HeadLimits) -> Result<(), BadHead> {
    match kind {
        HeadKind::Request => strict::request_so_far(head, limits),
        HeadKind::Response => strict::response_so_far(&mend::start_of_response(head)),
        HeadKind::StrictResponse => strict::response_so_far(head),
    }
}
