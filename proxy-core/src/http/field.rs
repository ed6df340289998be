//! One field line: where it lies in a head's octets, and which name it bears.
//!
//! Takes lines apart that were found to be well-formed; whether they are is for `lines.rs` and `strict.rs` to say.

use core::ops::Range;

use memchr::memchr;

use super::grammar::{is_space, trim};
use super::name::{Name, classify};

/// One field line, as offsets into the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
    end: u16,
    name: Name,
    /// Connection names this field: it goes no further (RFC 9110 §7.6.1).
    named_by_connection: bool,
}

impl Field {
    /// A well-formed line that begins at `start` with `name` and ends at `end`; `value` is where its value lies.
    #[expect(clippy::cast_possible_truncation, reason = "a head is at most HEAD_BYTES_MAX long")]
    pub(super) fn locate(start: usize, name: &[u8], value: Range<usize>, end: usize) -> Self {
        Self {
            start: start as u16,
            name_end: (start + name.len()) as u16,
            value_start: value.start as u16,
            value_end: value.end as u16,
            end: end as u16,
            name: classify(name),
            named_by_connection: false,
        }
    }

    /// The line of `head` that begins at `start`, which was found to be well-formed. `None` at the empty line behind all.
    pub(super) fn read(head: &[u8], start: usize) -> Option<Self> {
        let text = head.get(start..)?;
        let line = text.get(..memchr(b'\n', text)?)?;
        let (name, behind) = line.split_at_checked(memchr(b':', line)?)?;
        let leading = behind.iter().skip(1).take_while(|octet| is_space(**octet)).count();
        let value_start = start + name.len() + 1 + leading;
        let value = trim(behind.get(1..)?.strip_suffix(b"\r")?);
        Some(Self::locate(start, name, value_start..value_start + value.len(), start + line.len() + 1))
    }

    /// Which name it bears.
    pub fn name(&self) -> Name {
        self.name
    }

    /// Whether Connection named it as an option, so that it ends here.
    pub fn is_named_by_connection(&self) -> bool {
        self.named_by_connection
    }

    /// Where the line starts in the head.
    pub fn start(&self) -> usize {
        self.start.into()
    }

    /// Where the next line starts.
    pub fn end(&self) -> usize {
        self.end.into()
    }

    pub(super) fn end_here(&mut self) {
        self.named_by_connection = true;
    }

    pub(super) fn value_start(&self) -> usize {
        self.value_start.into()
    }

    /// Where the value ends, optional whitespace and CRLF excluded.
    pub fn value_end(&self) -> usize {
        self.value_end.into()
    }

    /// The name as it was spelt.
    pub fn name_bytes<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, self.start, self.name_end)
    }

    /// The value without the whitespace around it.
    pub fn value<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, self.value_start, self.value_end)
    }
}

fn slice(head: &[u8], start: u16, end: u16) -> &[u8] {
    head.get(start.into()..end.into()).unwrap_or_default()
}
