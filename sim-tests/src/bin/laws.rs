//! Plays scripts, goes on whatever happens, and says at the end which laws were broken and how often:
//! `WEIR_SIM_SEED=1 WEIR_SIM_CASES=3000 cargo run -p sim-tests --bin laws`. Fails if there was any.
//!
//! A suite ends with the first script that breaks a law; here one sees all that a bug breaks.

use sim_tests::{Script, Settings, verify};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[allow(clippy::print_stdout, reason = "it is a command line tool")]
fn main() -> ExitCode {
    let settings = Settings::from_env(1, 3_000);
    let mut broken = BTreeMap::<String, u32>::new();
    for seed in settings.seed..settings.seed + settings.cases {
        let violation = verify(&Script::from_seed(seed)).err();
        for complaint in violation.iter().flat_map(|violation| &violation.0) {
            *broken.entry(name_of(complaint)).or_default() += 1;
        }
    }
    for (law, times) in &broken {
        println!("{times:>6}  {law}");
    }
    println!("{settings}: {} laws were broken", broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a complaint says, without the numbers and details that differ from run to run.
fn name_of(complaint: &str) -> String {
    let details = DETAILS.iter().filter_map(|detail| complaint.find(detail)).min();
    let mut name = String::new();
    for letter in complaint[..details.unwrap_or(complaint.len())].chars().take(NAME_MAX) {
        let is_number = letter.is_ascii_digit();
        if !(is_number && name.ends_with('#')) {
            name.push(if is_number { '#' } else { letter });
        }
    }
    name
}

/// What complaints quote begins so.
const DETAILS: [&str; 3] = ["Head {", "Outcome {", "Told {"];

/// Letters that tell one law from another.
const NAME_MAX: usize = 200;
