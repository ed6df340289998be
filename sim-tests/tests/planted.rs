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
use std::path::Path;
use workshop::{Verdict, Workshop};

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
    assert_eq!(workshop.play(None), Verdict::Clean, "laws are broken without any bug planted");
    let survivors = Patch::all().iter().filter_map(|patch| escapes(&mut workshop, patch)).collect::<Vec<_>>();
    assert!(survivors.is_empty(), "bugs that nobody saw:\n{}", survivors.join("\n"));
}

/// Says how a bug got away, if it did.
fn escapes(workshop: &mut Workshop, patch: &Patch) -> Option<String> {
    let verdict = workshop.play(Some(patch));
    let Verdict::Broken(complaints) = verdict else { return Some(format!("{}: {verdict:?}", patch.name)) };
    let unseen = patch.laws.iter().find(|law| !complaints.contains(law.as_str()));
    eprintln!("{}: {}", patch.name, if unseen.is_none() { "caught" } else { "MISSED" });
    unseen.map(|law| format!("{}: nobody said {law:?}, but:\n{complaints}", patch.name))
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Fewer would prove little.
const BUGS_MIN: usize = 14;
