//! How fast the simulated world is on one core, with every law on.

use sim_tests::{Script, run_unrecorded};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Rounds, of which the median counts.
const ROUNDS: usize = 9;

/// Scripts of a round.
const SCRIPTS: u64 = 3_000;

pub(crate) fn run(seed: u64) -> ExitCode {
    println!("vopr --bench --seed {seed}: {ROUNDS} rounds of {SCRIPTS} scripts on one thread");
    let mut rates = Vec::new();
    for round in 0..ROUNDS as u64 {
        let began = Clock::now();
        let (mut sessions, mut inputs) = (0, 0);
        let first = seed + round * SCRIPTS;
        for seed in first..first + SCRIPTS {
            match run_unrecorded(&Script::from_seed(seed)) {
                Ok(report) => {
                    sessions += report.sessions;
                    inputs += report.inputs;
                }
                Err(violation) => {
                    println!("seed {seed} breaks laws:\n{violation}");
                    return ExitCode::FAILURE;
                }
            }
        }
        let took = began.elapsed().as_secs_f64();
        rates.push((inputs as f64 / took, sessions as f64 / took));
    }
    rates.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (inputs, sessions) = rates[ROUNDS / 2];
    println!("{sessions:.0} sessions/s, {inputs:.0} inputs/s per core");
    ExitCode::SUCCESS
}

/// Time that this thread spent on a processor: others may want it, too. Where the system does not say, real time.
enum Clock {
    Processor(Duration),
    Real(Instant),
}

impl Clock {
    fn now() -> Self {
        processor_time().map_or_else(|| Self::Real(Instant::now()), Self::Processor)
    }

    fn elapsed(&self) -> Duration {
        match self {
            Self::Processor(began) => processor_time().unwrap_or_default().saturating_sub(*began),
            Self::Real(began) => began.elapsed(),
        }
    }
}

fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
