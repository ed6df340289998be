//! Rust source as a row of words, so that a snippet is found in its function however either of them is laid out.

use std::ops::Range;

/// A text and where its words are: names, numbers, literals and single signs, but no spaces and comments.
#[derive(Debug)]
pub(crate) struct Code<'a> {
    text: &'a str,
    words: Vec<Range<usize>>,
}

/// A stretch of code that looks like a snippet, and how much: in percent.
#[derive(Debug)]
pub(crate) struct Likeness {
    pub(crate) percent: usize,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl<'a> Code<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(length) = next_length(&text[at..]) {
            if !is_between(&text[at..]) {
                words.push(at..at + length);
            }
            at += length;
        }
        Self { text, words }
    }

    fn word(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", |word| &self.text[word.clone()])
    }

    /// Where a snippet stands within items such as `fn new` or `const LINGER`, as octets.
    pub(crate) fn places(&self, item: &str, snippet: &Code<'_>) -> Vec<Range<usize>> {
        let starts = self.items(item).into_iter().flatten();
        starts
            .filter_map(|at| {
                let end = self.matched(at, snippet)?;
                Some(self.words[at].start..self.words[end - 1].end)
            })
            .collect()
    }

    /// What looks most like a snippet.
    pub(crate) fn nearest(&self, snippet: &Code<'_>) -> Option<Likeness> {
        let pairs = |code: &Code<'_>, words: Range<usize>| {
            let texts = words.map(|at| (code.word(at).to_owned(), code.word(at + 1).to_owned()));
            let mut pairs = texts.collect::<Vec<_>>();
            pairs.sort();
            pairs
        };
        let length = snippet.words.len();
        let pairs_in_it = length.saturating_sub(1);
        let sought = pairs(snippet, 0..pairs_in_it);
        let likeness = |at: usize| {
            let found = pairs(self, at..at + pairs_in_it);
            100 * in_both(&sought, &found) / pairs_in_it.max(1)
        };
        let last = self.words.len().checked_sub(length)?;
        let (percent, at) =
            (0..=last).rev().map(|at| (likeness(at), at)).max_by_key(|(percent, _)| *percent)?;
        let start = self.words.get(at)?.start;
        let end = self.words.get(at + length - 1)?.end;
        let line = 1 + self.text[..start].matches('\n').count();
        Some(Likeness { percent, line, text: self.text[start..end].to_owned() })
    }

    /// The words of every item with this kind and name.
    fn items(&self, item: &str) -> Vec<Range<usize>> {
        let (kind, name) = item.split_once(' ').unwrap_or((item, ""));
        let starts = (0..self.words.len()).filter(|at| self.word(*at) == kind && self.word(at + 1) == name);
        starts.map(|at| at..self.item_end(at, kind)).collect()
    }

    /// An item ends with its block, or where it has none, or is a constant, with a semicolon.
    fn item_end(&self, start: usize, kind: &str) -> usize {
        let is_constant = matches!(kind, "const" | "static");
        let mut depth = 0_usize;
        for at in start..self.words.len() {
            match self.word(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 1 && !is_constant => return at + 1,
                "}" => depth -= 1,
                ";" if depth == 0 => return at + 1,
                _ => {}
            }
        }
        self.words.len()
    }

    /// The word behind the snippet, if it begins here. A comma before a closing bracket may be there or not.
    fn matched(&self, mut at: usize, snippet: &Code<'_>) -> Option<usize> {
        let mut sought = 0;
        while sought < snippet.words.len() {
            if self.word(at) == snippet.word(sought) {
                at += 1;
                sought += 1;
            } else if self.has_idle_comma(at) {
                at += 1;
            } else if snippet.has_idle_comma(sought) {
                sought += 1;
            } else {
                return None;
            }
        }
        (sought > 0 && at <= self.words.len()).then_some(at)
    }

    fn has_idle_comma(&self, at: usize) -> bool {
        self.word(at) == "," && matches!(self.word(at + 1), ")" | "]" | "}")
    }
}

/// How many of one sorted list are in another.
fn in_both<T: Ord>(one: &[T], other: &[T]) -> usize {
    let mut rest = other;
    let mut both = 0;
    for item in one {
        let skipped = rest.iter().take_while(|candidate| *candidate < item).count();
        rest = &rest[skipped..];
        if rest.first() == Some(item) {
            both += 1;
            rest = &rest[1..];
        }
    }
    both
}

/// Whether a text begins with what is between words.
fn is_between(text: &str) -> bool {
    text.starts_with(char::is_whitespace) || text.starts_with("//")
}

/// How long the word, space or comment is with which a text begins.
fn next_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let while_is = |is: fn(char) -> bool| text.find(|letter| !is(letter)).unwrap_or(text.len());
    let length = match first {
        _ if first.is_whitespace() => while_is(char::is_whitespace),
        _ if is_name(first) => while_is(is_name),
        '/' if text.starts_with("//") => text.find('\n').unwrap_or(text.len()),
        '"' => quoted(text, '"'),
        // A letter, and no lifetime.
        '\'' if text[1..].starts_with('\\') || text.chars().nth(2) == Some('\'') => quoted(text, '\''),
        _ => first.len_utf8(),
    };
    Some(length)
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[test]
fn a_snippet_is_found_however_it_is_laid_out() {
    let code = Code::new(
        "fn a() { call(1, 2); }\n\nfn b() {\n    call(\n        1, // one\n        2,\n    );\n}\n",
    );
    let found = |item, snippet| code.places(item, &Code::new(snippet)).len();
    assert_eq!(found("fn a", "call(1, 2)"), 1);
    assert_eq!(found("fn b", "call( 1,2 )"), 1);
    assert_eq!(found("fn b", "call(1, 3)"), 0);
    assert_eq!(found("fn c", "call(1, 2)"), 0);
}

#[test]
fn what_looks_most_like_a_snippet_is_found() {
    let code = Code::new("fn a() {\n    one(two, three);\n    if spare > 0 { give(spare); }\n}");
    let near = code.nearest(&Code::new("if spare > 1 { give(spare); }")).expect("something is near");
    assert_eq!((near.line, near.text.as_str()), (3, "if spare > 0 { give(spare); }"));
    assert!(near.percent > 50, "{near:?}");
}
