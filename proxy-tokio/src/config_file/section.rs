//! One table of the configuration while it is read: who takes a key says what it is, and what nobody took is an
//! unknown key. Also the notes taken on the way: every problem, and whom to ask for addresses.

use super::Resolve;
use super::diagnostic::{Complaint, Diagnostic, Place};
use super::keys::elsewhere;
use super::tree::{Entry, Node, Table, Value};
use std::cell::RefCell;

/// What every reader of a part of the configuration needs.
pub(super) struct Context<'a> {
    pub(super) problems: RefCell<Vec<Diagnostic>>,
    pub(super) resolve: &'a Resolve<'a>,
}

impl Context<'_> {
    pub(super) fn complain(&self, place: impl Into<Option<Place>>, complaint: Complaint) {
        self.problems.borrow_mut().push(Diagnostic { place: place.into(), complaint, related: None });
    }

    pub(super) fn complain_of_both(&self, place: Place, complaint: Complaint, other: (Place, &'static str)) {
        let diagnostic = Diagnostic { place: Some(place), complaint, related: Some(other) };
        self.problems.borrow_mut().push(diagnostic);
    }

    /// What `read` makes of the value; if it complains, that is noted and there is nothing.
    pub(super) fn read<T>(
        &self,
        node: &Node,
        read: impl FnOnce(&Value) -> Result<T, Complaint>,
    ) -> Option<T> {
        read(&node.value).map_err(|complaint| self.complain(node.place, complaint)).ok()
    }

    /// The value as a section; `path` names it in messages.
    pub(super) fn section(&self, node: Node, path: impl Into<String>) -> Option<Section<'_>> {
        match node.value {
            Value::Table(table) => {
                Some(Section { context: self, table, path: path.into(), known: Vec::new() })
            }
            other => {
                let path = path.into();
                let complaint =
                    Complaint::new(format!("`{path}` must be a table"), format!("this is {}", other.kind()));
                self.complain(node.place, complaint);
                None
            }
        }
    }
}

/// A table, less the keys that were taken already. [`Section::finish`] it.
#[must_use]
pub(super) struct Section<'a> {
    context: &'a Context<'a>,
    table: Table,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) const fn root(context: &'a Context<'a>, table: Table) -> Self {
        Self { context, table, path: String::new(), known: Vec::new() }
    }

    pub(super) const fn context(&self) -> &'a Context<'a> {
        self.context
    }

    pub(super) fn take_entry(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        self.table.remove(key)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.take_entry(key).map(|entry| entry.node)
    }

    /// The value of `key`, if it is there and `read` can make something of it.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Complaint>,
    ) -> Option<T> {
        let node = self.take(key)?;
        self.context.read(&node, read)
    }

    /// The table under `key`.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let node = self.take(key)?;
        self.context.section(node, self.full(key))
    }

    /// The tables under `key`, by their names.
    pub(super) fn named_tables(&mut self, key: &'static str) -> Vec<(String, Entry)> {
        self.section(key).map(|section| section.table.into_iter().collect()).unwrap_or_default()
    }

    /// Refuses a key that has a meaning, just not here or not yet.
    pub(super) fn refuse(&mut self, key: &'static str, why: &str) {
        if let Some(entry) = self.table.remove(key) {
            let complaint = Complaint::new(format!("`{}` {why}", self.full(key)), "");
            self.context.complain(entry.key, complaint);
        }
    }

    /// Refuses keys that are planned: nobody shall believe that they work.
    pub(super) fn not_yet(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.refuse(key, "is not supported yet");
        }
    }

    /// Whatever is left is a key that nobody knows.
    pub(super) fn finish(self) {
        for (key, entry) in &self.table {
            let label = match nearest(key, self.known.iter().copied()).or_else(|| elsewhere(key)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            let complaint = Complaint::new(format!("unknown key `{}`", self.full(key)), label);
            self.context.complain(entry.key, complaint);
        }
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }
}

/// The one of `known` that was probably meant.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min()
        .map(|(_, known)| known)
}
