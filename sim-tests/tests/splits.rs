//! How the kernel cuts the octets of a connection must not change how its requests end.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use sim_tests::{Fault, Leave, Script, Settings, Suite, Violation, run};
use std::collections::BTreeSet;

/// One client and one server, and only faults that do not depend on the time that octets take.
fn timeless(script: &Script) -> Script {
    let kept = BTreeSet::from([Fault::Truncation, Fault::Nonsense, Fault::Smuggling]);
    let mut script = script.clone();
    script.faults = script.faults.intersection(&kept).copied().collect();
    script.clients.truncate(1);
    script.endpoints.truncate(1);
    for client in &mut script.clients {
        client.pipelined = false;
        client.leave = Leave::Closes;
    }
    script
}

#[test]
fn any_split_of_the_same_octets_ends_alike() {
    let settings = Settings::from_env(1, 400);
    eprintln!("{settings}");
    let play = |script: &Script| {
        let whole = timeless(script);
        let mut split = whole.clone();
        split.faults.insert(Fault::Splits);
        let (whole, split) = (run(&whole)?, run(&split)?);
        if whole.summary == split.summary {
            return Ok(split);
        }
        Err(Violation(vec![format!("whole: {:?}\nsplit: {:?}", whole.summary, split.summary)]))
    };
    if let Err(found) = Suite::run(settings, play) {
        let again = found.again(settings);
        panic!("{found}\nAgain: {again} cargo test -p sim-tests --test splits");
    }
}
