//! Hundreds of thousands of random sessions in the simulated world. Every law must hold, and everything interesting
//! must happen. Some scripts are the same in every run, the others are fresh: what the fixed ones miss, a later run may
//! find.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use sim_tests::{Settings, Suite};
use std::hash::{BuildHasher, Hasher, RandomState};

#[test]
fn every_law_holds_and_everything_interesting_happens() {
    let suite = play(Settings::from_env(1, 20_000));
    for (name, count) in suite.ledger.counts() {
        eprintln!("{count:>8}  {name}");
    }
    for (law, count) in suite.ledger.laws() {
        eprintln!("{count:>8}  times: {law}");
    }
    let missing = suite.ledger.missing();
    assert!(missing.is_empty(), "the simulation never saw, or not often enough: {missing:#?}");
}

#[test]
fn every_law_holds_in_worlds_that_were_never_seen_before() {
    // Who asks for certain scripts wants no others.
    if std::env::var_os("WEIR_SIM_SEED").is_none() {
        let cases =
            std::env::var("WEIR_SIM_FRESH").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20_000);
        play(Settings { seed: random(), cases, ..Settings::from_env(0, 0) });
    }
}

/// Fails with the script that breaks a law, and with what plays it again.
fn play(settings: Settings) -> Suite {
    eprintln!("{settings}");
    let suite = Suite::verify(settings).unwrap_or_else(|found| {
        let saved = found.save().unwrap_or_else(|error| format!("it can't be saved: {error}"));
        let again = found.again(settings);
        panic!("{found}\nAgain: {again} cargo test -p sim-tests --test simulation\nMade small: {saved}")
    });
    eprintln!("{} sessions, {} inputs", suite.sessions, suite.inputs);
    suite
}

/// The seed of a hash map is the standard library's only source of randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
