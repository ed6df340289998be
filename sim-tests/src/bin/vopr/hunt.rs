//! Plays scripts and shows how far it is.

use crate::args::Hunt;
use sim_tests::{Counterexample, Ledger, Settings, Suite};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) fn run(hunt: &Hunt) -> ExitCode {
    let settings = Settings { seed: hunt.seed, cases: hunt.scripts, threads: hunt.threads, shrinks: true };
    println!("vopr --seed {} ({} at a time)", hunt.seed, hunt.threads);
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop)) {
        println!("Ctrl-C will end it without a summary: {error}");
    }
    let began = Instant::now();
    let mut shown = began;
    let result = Suite::verify_watched(settings, |suite| {
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            show(hunt.seed, suite, began.elapsed());
        }
        began.elapsed() < hunt.time && !stop.load(Ordering::Relaxed)
    });
    match result {
        Ok(suite) => {
            show(hunt.seed, &suite, began.elapsed());
            summarise(&suite);
            ExitCode::SUCCESS
        }
        Err(found) => {
            tell(&found);
            ExitCode::FAILURE
        }
    }
}

fn show(first: u64, suite: &Suite, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let rate = |count: u64| count as f64 / seconds;
    println!(
        "{:>5.0} s  seeds {first}..{}  {} in the world  {:.0} sessions/s  {:.0} inputs/s  {}/{} states reached",
        seconds,
        first.wrapping_add(suite.scripts),
        long(suite.took),
        rate(suite.sessions),
        rate(suite.inputs),
        suite.ledger.counts().count(),
        Ledger::expected(),
    );
}

/// A long time, in the unit that fits.
fn long(time: Duration) -> String {
    let hours = time.as_secs_f64() / 3_600.0;
    match hours {
        ..48.0 => format!("{hours:.1} hours"),
        ..17_532.0 => format!("{:.1} days", hours / 24.0),
        _ => format!("{:.1} years", hours / 8_766.0),
    }
}

fn summarise(suite: &Suite) {
    for (name, count) in suite.ledger.counts() {
        println!("{count:>12}  {name}");
    }
    for name in suite.ledger.missing() {
        println!("       never  {name}");
    }
    println!("{} scripts, {} sessions, {} inputs", suite.scripts, suite.sessions, suite.inputs);
    println!("digest {:016x}", suite.digest);
}

fn tell(found: &Counterexample) {
    print!("{found}");
    match found.save() {
        Ok(again) => println!("Again: {again}"),
        Err(error) => println!("It can't be saved: {error}"),
    }
}
