//! Hundreds of thousands of random sessions in the simulated world. Every law must hold, and everything interesting
//! must happen.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use sim_tests::{Settings, Suite};

#[test]
fn every_law_holds_and_everything_interesting_happens() {
    let settings = Settings::from_env(1, 105_000);
    eprintln!("{settings}");
    let suite = Suite::verify(settings).unwrap_or_else(|found| {
        let again = found.save().unwrap_or_else(|error| format!("it can't be saved: {error}"));
        panic!("{found}\nAgain: {again}")
    });
    eprintln!("{} sessions, {} inputs", suite.sessions, suite.inputs);
    for (name, count) in suite.ledger.counts() {
        eprintln!("{count:>8}  {name}");
    }
    let missing = suite.ledger.missing();
    assert!(missing.is_empty(), "the simulation never saw: {missing:#?}");
}
