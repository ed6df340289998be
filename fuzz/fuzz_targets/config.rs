//! Configuration files: whatever the text, reading it ends, every complaint can be shown and points into what
//! was typed, and what is accepted is something that a core can be made of.
#![no_main]

use std::io;
use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use proxy_core::Core;
use proxy_tokio::config_file::{Layer, Problems, load};

/// A line that begins so is a comment to the file; what follows is handed in as a flag's `KEY=VALUE` too.
const FLAG: &str = "#--set ";

const FILE: &str = "weir.toml";

fuzz_target!(|octets: &[u8]| {
    let text = String::from_utf8_lossy(octets);
    let flags: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(FLAG)).collect();
    let mut layers = vec![Layer::file(FILE, text.clone())];
    layers.extend(flags.iter().map(|flag| Layer::assignment("--set", *flag)));
    let loaded = load(&layers, &resolve);
    match &loaded {
        Ok(loaded) => {
            assert_eq!(loaded.config.validate(), Ok(()), "the core refuses what the file's reader takes");
            assert!(Core::new(loaded.config.clone(), 0).is_ok());
        }
        Err(problems) => can_be_shown(problems, &text, &flags),
    }
    let again = load(&layers, &resolve);
    assert_eq!(loaded.map(|it| it.config), again.map(|it| it.config), "read twice, it differs");
});

/// Every place is one that the user typed: a line and a column of the file, or of one of the flags.
fn can_be_shown(problems: &Problems, text: &str, flags: &[&str]) {
    assert!(problems.len() > 0, "refused for no reason");
    assert_eq!(problems.iter().count(), problems.len());
    assert!(!problems.render(false).trim().is_empty());
    assert!(!problems.render(true).trim().is_empty());
    for problem in problems.iter() {
        assert!(!problem.message.is_empty());
        let Some((source, line, column)) = problem.at else { continue };
        let is_inside = |text: &str| {
            // Behind the last newline there is a line, too: what is missing is missing there.
            let typed = text.split('\n').nth(line - 1);
            typed.is_some_and(|typed| (1..=typed.chars().count() + 1).contains(&column))
        };
        let found = if source == FILE { is_inside(text) } else { flags.iter().any(|flag| is_inside(flag)) };
        assert!(found, "{source}:{line}:{column} is nowhere: {}", problem.message);
    }
}

/// Knows two names, and never asks anybody.
fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match name {
        "one" => Ok(vec![([10, 0, 0, 1], port).into()]),
        "twins" => Ok(vec![([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], port).into()]),
        "empty" => Ok(Vec::new()),
        _ => Err(io::Error::other("no such name")),
    }
}
