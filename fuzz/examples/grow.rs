//! Grows seeds for `core_script`: draws octets, plays them, and keeps those few that together reach the most interesting
//! states.
//!
//! ```console
//! $ cargo run --release --example grow -- seeds/core_script
//! ```
//!
//! What octets mean changes with the script type: then the old seeds still are scripts, but others, which is why they are
//! only numbered.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use weir_fuzz::split::Random;

/// A script and what is reached in it.
struct Drawn {
    octets: Vec<u8>,
    states: BTreeSet<&'static str>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("where do the seeds go?")?);
    let drawn = (0..DRAWS).filter_map(play).collect::<Vec<_>>();
    let mut missing = drawn.iter().flat_map(|drawn| drawn.states.iter().copied()).collect::<BTreeSet<_>>();
    fs::create_dir_all(&folder)?;
    for number in 0..SEEDS_MAX {
        let Some(best) = most_of(&drawn, &missing) else { break };
        fs::write(folder.join(format!("grown-{number:02}")), &best.octets)?;
        missing.retain(|state| !best.states.contains(state));
    }
    Ok(())
}

fn play(draw: usize) -> Option<Drawn> {
    let mut random = Random::of(&draw.to_le_bytes());
    let len = OCTETS_MIN + random.below(OCTETS_MAX - OCTETS_MIN);
    let octets = (0..len).map(|_| u8::try_from(random.below(256)).unwrap_or_default()).collect::<Vec<_>>();
    let played = sim_tests::run_unrecorded(&weir_fuzz::script(&octets)).ok()?;
    Some(Drawn { states: played.ledger.counts().map(|(state, _)| state).collect(), octets })
}

/// The shortest of those that reach the most of what is missing, if any of it is reached.
fn most_of<'a>(drawn: &'a [Drawn], missing: &BTreeSet<&'static str>) -> Option<&'a Drawn> {
    let reached = |drawn: &Drawn| drawn.states.intersection(missing).count();
    let best = drawn.iter().max_by_key(|drawn| (reached(drawn), Reverse(drawn.octets.len())))?;
    (reached(best) > 0).then_some(best)
}

/// How many scripts are tried.
const DRAWS: usize = 60_000;

/// How many are kept: those that come last reach a single state each.
const SEEDS_MAX: usize = 24;

/// How long they are. Where the octets end, everything in a script is plain.
const OCTETS_MIN: usize = 16;
const OCTETS_MAX: usize = 900;
