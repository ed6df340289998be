//! Prints the script that an input of `core_script` stands for, as the simulation reads it:
//!
//! ```console
//! $ cargo run --example script -- artifacts/core_script/crash-… > found.json
//! $ cargo run --manifest-path ../Cargo.toml -p sim-tests --bin vopr -- --script found.json
//! ```

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which input?")?;
    println!("{}", weir_fuzz::script(&std::fs::read(path)?).to_json());
    Ok(())
}
