//! Rows with a label, and numbers as people write them.

use std::fmt::Write;

/// Rows under labels: the label stands before the first of its rows only.
#[derive(Default)]
pub(super) struct Labelled {
    text: String,
    last: &'static str,
}

impl Labelled {
    pub(super) fn row(&mut self, label: &'static str, row: &str) {
        let shown = if label == self.last { "" } else { label };
        self.last = label;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{shown:<LABEL_WIDTH$} {row}");
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

const LABEL_WIDTH: usize = 10;

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 server`, `3 servers`.
pub(super) fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_048_576, "1,048,576")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
