//! Plays one saved script: `cargo run -p sim-tests --example play -- sim-tests/corpus/NAME.json`.

use sim_tests::{Script, verify};
use std::error::Error;

#[allow(clippy::print_stdout, reason = "it is a command line tool")]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which script?")?;
    let script: Script = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let report = verify(&script).map_err(|violation| violation.to_string())?;
    for (id, line) in &report.summary {
        println!("{id}: {line}");
    }
    println!("{} inputs in {:?} of the world, digest {:016x}", report.inputs, report.took, report.digest);
    Ok(())
}
