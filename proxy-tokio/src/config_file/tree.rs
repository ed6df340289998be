//! TOML as a tree in which every key and value knows its place, and one tree laid over another. Knows no key.

use super::diagnostic::{Complaint, Diagnostic, Place, Problems};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A TOML value, as far as a configuration needs to tell them apart.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// A float or a date: no key takes one.
    Other(&'static str),
}

impl Value {
    /// Its type, for a sentence.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Keys in alphabetical order.
pub(super) type Table = BTreeMap<String, Entry>;

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) node: Node,
}

/// Longest text, in octets: a route takes about a hundred.
const TEXT_MAX: usize = 1024 * 1024;

/// Most dots without a comma, bracket or equals sign between them: each may nest a table, and deep nesting overflows
/// the stack of whoever walks it. 64 dots name nothing that a configuration has.
const DOTS_MAX: usize = 64;

/// Reads `text` as far as it can be read; what can't is a diagnostic.
pub(super) fn parse(source: usize, text: &str, problems: &mut Vec<Diagnostic>) -> Table {
    if let Some(complaint) = refuse(text) {
        problems.push(Diagnostic {
            place: Some(Place { source, start: 0, end: 0 }),
            complaint,
            related: None,
        });
        return Table::new();
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    problems.extend(errors.iter().take(Problems::MAX).map(|error| syntax_error(source, text, error)));
    table(source, document.get_ref())
}

/// Lays `over` on `base`: tables are joined, anything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match (base.get_mut(&key), entry) {
            (
                Some(Entry { node: Node { value: Value::Table(base), .. }, .. }),
                Entry { node: Node { value: Value::Table(over), .. }, .. },
            ) => merge(base, over),
            (_, entry) => {
                base.insert(key, entry);
            }
        }
    }
}

fn refuse(text: &str) -> Option<Complaint> {
    if text.len() > TEXT_MAX {
        return Some(Complaint::new("the file is longer than 1 MiB", ""));
    }
    let too_deep =
        text.split(['=', ',', '[', ']', '{', '}', '\n']).any(|part| part.matches('.').count() > DOTS_MAX);
    too_deep.then(|| Complaint::new("a key or value has more than 64 dots", ""))
}

fn syntax_error(source: usize, text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let place = Place { source, start: span.start, end: span.end };
    let mut complaint = Complaint::new(format!("not TOML: {}", error.message()), "");
    if looks_unquoted(text, span.start) {
        complaint = complaint.help("values such as \"5s\", \"16KiB\", \"off\" and addresses need quotes");
    }
    Diagnostic { place: Some(place), complaint, related: None }
}

/// Whether the mistake stands in a value that has no quotes.
fn looks_unquoted(text: &str, at: usize) -> bool {
    let start = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    line.split_once('=').is_some_and(|(key, value)| {
        at > start + key.len()
            && !value.contains(['"', '\''])
            && value.contains(|c: char| c.is_ascii_alphanumeric())
    })
}

fn table(source: usize, table: &DeTable<'_>) -> Table {
    let entry = |key, value| Entry { key: place(source, key), node: node(source, value) };
    table.iter().map(|(key, value)| (key.get_ref().to_string(), entry(key, value))).collect()
}

fn node(source: usize, value: &Spanned<DeValue<'_>>) -> Node {
    Node { place: place(source, value), value: convert(source, value.get_ref()) }
}

fn convert(source: usize, value: &DeValue<'_>) -> Value {
    let array = |array: &DeArray<'_>| array.iter().map(|value| node(source, value)).collect();
    match value {
        DeValue::String(text) => Value::Text(text.as_ref().into()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number out of range"),
        },
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Array(items) => Value::Array(array(items)),
        DeValue::Table(inner) => Value::Table(table(source, inner)),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

fn place<T>(source: usize, spanned: &Spanned<T>) -> Place {
    let span = spanned.span();
    Place { source, start: span.start, end: span.end }
}
