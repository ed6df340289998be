//! The field lines of a head: where they begin, and those of them that a proxy must take notice of.
//!
//! Nothing is copied. Does not know what any value means.

use alloc::vec::Vec;
use core::{iter, mem};

use super::field::Field;
use super::limits::offset;
use super::name::Name;

/// The field lines of a head: where they begin, and those of them that a proxy must take notice of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fields {
    /// The lines with a name that matters to a proxy, in order. Of the others there are some only if Connection was asked
    /// what it names.
    list: Vec<Field>,
    /// One bit for each `Name` that occurs, so that the usual absences cost nothing.
    seen: u32,
    /// One bit for each that occurs more than once.
    repeated: u32,
    start: u16,
}

/// A name is borne by more than one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Several;

impl Fields {
    /// None yet, of lines that begin at `start`. The list takes over `memory`.
    pub(super) fn none(memory: &mut Vec<Field>, start: usize) -> Self {
        memory.clear();
        Self { list: mem::take(memory), seen: 0, repeated: 0, start: offset(start) }
    }

    /// Gives the memory back, and the lines with it.
    pub(crate) fn take_memory(&mut self) -> Vec<Field> {
        mem::take(&mut self.list)
    }

    /// Takes notice of a line, which lies behind those before it, if a proxy must.
    pub(super) fn push(&mut self, field: Field) {
        let name = field.name();
        if name != Name::Other {
            self.repeated |= self.seen & name.bit();
            self.seen |= name.bit();
            self.list.push(field);
        }
    }

    /// The lines of which a proxy must take notice: those with a name that it knows or that Connection names.
    pub(crate) fn notable(&self) -> impl Iterator<Item = &Field> {
        self.list.iter().filter(|field| field.name() != Name::Other || field.is_named_by_connection())
    }

    /// All lines in order, read anew.
    pub fn all(&self, head: &[u8]) -> impl Iterator<Item = Field> {
        all(head, self.start()).map(|line| {
            let noted = self.list.binary_search_by_key(&line.start(), Field::start);
            noted.ok().and_then(|at| self.list.get(at)).copied().unwrap_or(line)
        })
    }

    /// Lists all lines, to find those that Connection names.
    pub(super) fn list_all(&mut self, head: &[u8]) -> &mut [Field] {
        self.list.clear();
        self.list.extend(all(head, self.start()));
        &mut self.list
    }

    /// Whether any line bears `name`.
    pub fn has(&self, name: Name) -> bool {
        self.seen & name.bit() != 0
    }

    /// The lines that bear `name`.
    pub fn named(&self, name: Name) -> impl Iterator<Item = &Field> {
        let list = if self.has(name) { self.list.as_slice() } else { &[] };
        list.iter().filter(move |field| field.name() == name)
    }

    /// The only line that bears `name`, if any does.
    pub(super) fn only(&self, name: Name) -> Result<Option<&Field>, Several> {
        if self.repeated & name.bit() != 0 { Err(Several) } else { Ok(self.named(name).next()) }
    }

    /// Where the lines begin, or the empty line if there are none.
    pub fn start(&self) -> usize {
        self.start.into()
    }
}

/// All field lines of `head`, whose lines begin at `start` and were found to be well-formed.
fn all(head: &[u8], start: usize) -> impl Iterator<Item = Field> {
    let first = Field::read(head, start);
    iter::successors(first, |line| Field::read(head, line.end()))
}
