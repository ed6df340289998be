//! How the kernel cuts the octets of a connection must not change how its requests end.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use sim_tests::{Fault, Leave, Script, Settings, Suite, Violation, run};
use std::collections::BTreeSet;

/// One client and one server, and only faults that do not depend on the time that octets take.
fn alone(script: &Script) -> Script {
    let mut script = timeless(script, &[Fault::Truncation, Fault::Nonsense, Fault::Smuggling]);
    script.clients.truncate(1);
    script.crowd = 0;
    script.endpoints.truncate(1);
    script
}

/// All clients and servers, and only faults that reach nobody else by way of a connection that they share.
fn together(script: &Script) -> Script {
    let mut script = timeless(script, &[Fault::Truncation, Fault::Smuggling]);
    // Which of the servers answers depends on whose turn it is: they all say the same.
    script.endpoints.iter_mut().for_each(|endpoint| endpoint.hint = 0);
    script
}

fn timeless(script: &Script, kept: &[Fault]) -> Script {
    let mut script = script.clone();
    let kept = kept.iter().copied().collect::<BTreeSet<_>>();
    script.faults = script.faults.intersection(&kept).copied().collect();
    for client in &mut script.clients {
        client.pipelined = false;
        client.leave = Leave::Closes;
    }
    script
}

#[track_caller]
fn any_split_ends_alike(seed: u64, name: &str, simplified: fn(&Script) -> Script) {
    let settings = Settings::from_env(seed, 400);
    eprintln!("{settings}");
    let play = |script: &Script| {
        let whole = simplified(script);
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
        panic!("{found}\nAgain: {again} cargo test -p sim-tests --test splits {name}");
    }
}

#[test]
fn any_split_of_the_same_octets_ends_alike() {
    any_split_ends_alike(1, "any_split_of_the_same_octets_ends_alike", alone);
}

#[test]
fn any_split_of_the_octets_of_several_clients_ends_alike() {
    any_split_ends_alike(4, "any_split_of_the_octets_of_several_clients_ends_alike", together);
}
