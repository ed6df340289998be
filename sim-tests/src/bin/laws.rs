//! Plays scripts, goes on whatever happens, and says at the end which laws were broken and how often:
//! `WEIR_SIM_SEED=1 WEIR_SIM_CASES=3000 cargo run -p sim-tests --bin laws`. Fails if there was any. Given complaints, it
//! ends as soon as it has heard each of them.
//!
//! A suite ends with the first script that breaks a law; here one sees all that a bug breaks.

use sim_tests::{Script, Settings, sample};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[allow(clippy::print_stdout, reason = "it is a command line tool")]
fn main() -> ExitCode {
    let mut awaited = std::env::args().skip(1).collect::<Vec<_>>();
    let ends_early = !awaited.is_empty();
    let settings = Settings::from_env(1, 3_000);
    let mut broken = BTreeMap::<String, (u32, u64)>::new();
    for seed in settings.seed..settings.seed + settings.cases {
        let violation = sample(&Script::from_seed(seed)).err();
        for complaint in violation.iter().flat_map(|violation| &violation.0) {
            let name = name_of(complaint);
            awaited.retain(|awaited| !name.contains(awaited.as_str()));
            broken.entry(name).or_insert((0, seed)).0 += 1;
        }
        if ends_early && awaited.is_empty() {
            break;
        }
    }
    for (law, (times, seed)) in &broken {
        println!("{times:>6}  {law} (first by seed {seed})");
    }
    println!("{settings}: {} laws were broken", broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a complaint says, without the numbers and details that differ from run to run.
fn name_of(complaint: &str) -> String {
    let details = DETAILS.iter().filter_map(|detail| complaint.find(detail)).min();
    let parts = complaint[..details.unwrap_or(complaint.len())].split('"').enumerate();
    let is_head = |(at, text): &(usize, &str)| at % 2 == 1 && text.len() > QUOTED_MAX;
    let text = parts.map(|part| if is_head(&part) { "…" } else { part.1 }).collect::<Vec<_>>().join("\"");
    let mut name = String::new();
    for letter in text.chars().take(NAME_MAX) {
        let is_number = letter.is_ascii_digit();
        if !(is_number && name.ends_with('#')) {
            name.push(if is_number { '#' } else { letter });
        }
    }
    name
}

/// What complaints quote begins so.
const DETAILS: [&str; 3] = ["Head {", "Outcome {", "Account {"];

/// Longer quotations are whole heads.
const QUOTED_MAX: usize = 40;

/// Letters that tell one law from another.
const NAME_MAX: usize = 200;
