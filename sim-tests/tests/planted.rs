//! Proof that the simulation bites: protocol bugs planted by hand, one file each in `planted/`, and for each the laws
//! that must see it.
//!
//! A file says what the bug is, in lines that begin with `Law:` what a complaint about it must say, and then which
//! snippets of which functions it changes, and how.

#![allow(clippy::print_stderr, reason = "a long run says how far it is")]

#[path = "planted/bug.rs"]
mod bug;
#[path = "planted/code.rs"]
mod code;
#[path = "planted/workshop.rs"]
mod workshop;

use bug::Bug;
use std::collections::VecDeque;
use std::path::Path;
use workshop::{Game, Verdict, Workshop};

#[test]
fn every_planted_bug_still_fits_the_code() {
    let bugs = Bug::all();
    assert!(bugs.len() >= BUGS_MIN, "only {} bugs are planted", bugs.len());
    let misfits = bugs.iter().filter_map(|bug| bug.apply(workspace()).err()).collect::<Vec<_>>();
    assert!(misfits.is_empty(), "plant these bugs again where their code went:\n{}", misfits.join("\n"));
}

#[test]
fn the_simulation_catches_every_planted_bug() {
    if std::env::var_os("WEIR_SIM_LONG").is_none() {
        eprintln!("Takes minutes: WEIR_SIM_LONG=1 cargo test -p sim-tests --test planted -- --nocapture");
        return;
    }
    let mut workshop = Workshop::new(workspace());
    let clean = workshop.begin(None).map_or_else(|verdict| verdict, Game::verdict);
    assert_eq!(clean, Verdict::Clean, "laws are broken without any bug planted");
    let wanted = std::env::var("WEIR_SIM_PLANTED").unwrap_or_default();
    let bugs = Bug::all().into_iter().filter(|bug| bug.name.contains(&wanted)).collect::<Vec<_>>();
    let survivors = hunt(&mut workshop, &bugs);
    assert!(survivors.is_empty(), "bugs that nobody saw:\n{}", survivors.join("\n"));
}

/// Plants one bug after the other. Says of those that got away how.
fn hunt(workshop: &mut Workshop, bugs: &[Bug]) -> Vec<String> {
    let mut survivors = Vec::new();
    let mut running = VecDeque::new();
    for bug in bugs {
        running.push_back((bug, workshop.begin(Some(bug))));
        if running.len() > PLAYED_AT_ONCE {
            survivors.extend(running.pop_front().and_then(|(bug, game)| escapes(bug, game)));
        }
    }
    survivors.extend(running.into_iter().filter_map(|(bug, game)| escapes(bug, game)));
    survivors
}

/// Says how a bug got away, if it did.
fn escapes(bug: &Bug, game: Result<Game, Verdict>) -> Option<String> {
    let verdict = game.map_or_else(|verdict| verdict, Game::verdict);
    let escape = match verdict {
        Verdict::Broken(said) => {
            let unsaid = bug.laws.iter().find(|law| !said.contains(law.as_str()));
            unsaid.map(|law| format!("nobody said {law:?}, but:\n{said}"))
        }
        other => Some(format!("{other:?}")),
    };
    eprintln!("{}: {}", bug.name, if escape.is_none() { "caught" } else { "MISSED" });
    escape.map(|how| format!("{}: {how}", bug.name))
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Fewer would prove little.
const BUGS_MIN: usize = 63;

/// Besides, the next one is built.
const PLAYED_AT_ONCE: usize = 1;
