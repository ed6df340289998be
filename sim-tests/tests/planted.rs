//! Proof that the simulation bites: protocol bugs planted by hand, one patch each in `planted/`, and for each the laws
//! that must see it.
//!
//! A patch is a unified diff. Above the diff it says what the bug is and, in lines that begin with `Law:`, what a
//! complaint about it must say.

#![allow(clippy::print_stderr, reason = "a long run says how far it is")]

#[path = "planted/patch.rs"]
mod patch;
#[path = "planted/workshop.rs"]
mod workshop;

use patch::Patch;
use std::collections::VecDeque;
use std::path::Path;
use workshop::{Game, Verdict, Workshop};

#[test]
fn every_planted_bug_still_fits_the_code() {
    let patches = Patch::all();
    assert!(patches.len() >= BUGS_MIN, "only {} bugs are planted", patches.len());
    let misfits = patches.iter().filter_map(|patch| patch.apply(workspace()).err()).collect::<Vec<_>>();
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
    let survivors = hunt(&mut workshop, &Patch::all());
    assert!(survivors.is_empty(), "bugs that nobody saw:\n{}", survivors.join("\n"));
}

/// Plants one bug after the other. Says of those that got away how.
fn hunt(workshop: &mut Workshop, patches: &[Patch]) -> Vec<String> {
    let mut survivors = Vec::new();
    let mut running = VecDeque::new();
    for patch in patches {
        running.push_back((patch, workshop.begin(Some(patch))));
        if running.len() > PLAYED_AT_ONCE {
            survivors.extend(running.pop_front().and_then(|(patch, game)| escapes(patch, game)));
        }
    }
    survivors.extend(running.into_iter().filter_map(|(patch, game)| escapes(patch, game)));
    survivors
}

/// Says how a bug got away, if it did.
fn escapes(patch: &Patch, game: Result<Game, Verdict>) -> Option<String> {
    let verdict = game.map_or_else(|verdict| verdict, Game::verdict);
    let escape = match verdict {
        Verdict::Broken(said) => {
            let unsaid = patch.laws.iter().find(|law| !said.contains(law.as_str()));
            unsaid.map(|law| format!("nobody said {law:?}, but:\n{said}"))
        }
        other => Some(format!("{other:?}")),
    };
    eprintln!("{}: {}", patch.name, if escape.is_none() { "caught" } else { "MISSED" });
    escape.map(|how| format!("{}: {how}", patch.name))
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Fewer would prove little.
const BUGS_MIN: usize = 40;

/// Besides, the next one is built.
const PLAYED_AT_ONCE: usize = 1;
