//! Who comes first of those that come at the same moment must not change how anybody's requests end.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use sim_tests::{Fault, Script, Settings, Suite, Violation, run};
use std::collections::BTreeSet;

/// Everybody comes at once, everything takes the same time, and no fault of one is another's.
fn at_once(script: &Script) -> Script {
    let kept = BTreeSet::from([Fault::Truncation, Fault::Smuggling, Fault::SlowOrigins]);
    let mut script = script.clone();
    script.faults = script.faults.intersection(&kept).copied().collect();
    // Connections take these one after the other.
    script.latencies.truncate(1);
    script.clients.iter_mut().for_each(|client| client.start = 0);
    // Which of the servers answers depends on whose turn it is: they all say the same.
    script.endpoints.iter_mut().for_each(|endpoint| endpoint.hint = 0);
    script
}

/// The same with another order: what stood first among equals stands last.
fn reversed(script: &Script) -> Script {
    let order = if script.order.is_empty() { vec![1, 0, 3, 2, 0, 4] } else { script.order.clone() };
    Script { order: order.iter().map(|rank| u8::MAX - rank).collect(), ..script.clone() }
}

#[test]
fn whatever_the_order_of_simultaneous_events_requests_end_alike() {
    let settings = Settings::from_env(5, 600);
    eprintln!("{settings}");
    let play = |script: &Script| {
        let one_way = at_once(script);
        let (one, other) = (run(&one_way)?, run(&reversed(&one_way))?);
        if one.summary == other.summary {
            return Ok(other);
        }
        let differing = one.summary.iter().filter(|(id, end)| other.summary.get(id) != Some(end));
        let told = differing.map(|(id, end)| format!("{id}: {end} or {:?}", other.summary.get(id)));
        Err(Violation(told.collect()))
    };
    if let Err(found) = Suite::run(settings, play) {
        let again = found.again(settings);
        panic!("{found}\nAgain: {again} cargo test -p sim-tests --test order");
    }
}
