//! The command line.

use lexopt::prelude::{Long, Short, ValueExt};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Plays simulated worlds: random scripts under every law, on all cores, until one breaks a law.

    vopr                          from a random seed, until Ctrl-C
    vopr --seed 7 --for 10m       from seed 7, for ten minutes
    vopr --seed 7 --scripts 1     only the script of seed 7
    vopr --script FILE            one saved script, with a trace of all that happens in it
    vopr --script FILE --shrink   the same, and if it breaks a law, saves the smallest like it
    vopr --bench                  how fast it is, on one core

Options:
    --seed N        The seed of the first script; those after it count up.
    --scripts N     How many scripts.
    --for TIME      How long: 30s, 10m, 2h.
    --threads N     How many at a time; one per core if not given.
    --script FILE   A script as JSON.
    --shrink        Make it small.
    --bench         Measure.
    --help          This.";

pub(crate) enum Command {
    Help,
    Hunt(Hunt),
    Bench { seed: u64 },
    Play { path: PathBuf, shrinks: bool },
}

/// What to look for violations in.
pub(crate) struct Hunt {
    pub(crate) seed: u64,
    pub(crate) scripts: u64,
    pub(crate) time: Duration,
    pub(crate) threads: usize,
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut seed = None;
    let mut hunt = Hunt { seed: 0, scripts: u64::MAX, time: Duration::MAX, threads: sim_tests::cores() };
    let (mut bench, mut shrinks, mut script) = (false, false, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("seed") => seed = Some(parser.value()?.parse()?),
            Long("scripts") => hunt.scripts = parser.value()?.parse()?,
            Long("for") => hunt.time = parser.value()?.parse_with(duration)?,
            Long("threads") => hunt.threads = parser.value()?.parse()?,
            Long("script") => script = Some(PathBuf::from(parser.value()?)),
            Long("shrink") => shrinks = true,
            Long("bench") => bench = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    if let Some(path) = script {
        return Ok(Command::Play { path, shrinks });
    }
    if bench {
        return Ok(Command::Bench { seed: seed.unwrap_or(1) });
    }
    hunt.seed = seed.unwrap_or_else(random);
    Ok(Command::Hunt(hunt))
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit = |number: &str, seconds: u64| {
        number
            .parse::<u64>()
            .map(|number| Duration::from_secs(number * seconds))
            .map_err(|error| error.to_string())
    };
    match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "s")) => unit(number, 1),
        Some((number, "m")) => unit(number, 60),
        Some((number, "h")) => unit(number, 3_600),
        _ => Err("a time is like 30s, 10m or 2h".to_owned()),
    }
}

/// A seed that nobody chose: its run says which it was.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % 1_000_000_000_000
}
