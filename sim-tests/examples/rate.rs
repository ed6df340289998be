//! Measures how fast the simulated world is: `cargo run --release -p sim-tests --example rate`.

use sim_tests::{Settings, Suite, run_unrecorded};
use std::time::Instant;

#[allow(clippy::print_stdout, reason = "it is a command line tool")]
fn main() -> Result<(), String> {
    let settings = Settings::from_env(1, 3_000);
    println!("{settings}");
    let began = Instant::now();
    let suite = Suite::run(settings, run_unrecorded).map_err(|found| found.to_string())?;
    let took = began.elapsed().as_secs_f64();
    let (sessions, inputs) = (suite.sessions as f64 / took, suite.inputs as f64 / took);
    println!("{} sessions, {} inputs in {took:.1} s", suite.sessions, suite.inputs);
    println!("{sessions:.0} sessions/s, {inputs:.0} inputs/s");
    Ok(())
}
