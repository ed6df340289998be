//! Plays one saved script and tells what happens in it.

use sim_tests::{CORPUS, Script, Violation, run_traced, save, shrink, verify};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(path: &Path, shrinks: bool) -> ExitCode {
    let script = match read(path) {
        Ok(script) => script,
        Err(error) => {
            println!("{}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let played = run_traced(&script, |line| println!("{line}")).and_then(|_| verify(&script));
    println!();
    match played {
        Ok(report) => {
            for (id, line) in &report.summary {
                println!("request {id}: {line}");
            }
            println!(
                "{} inputs in {:?} of the world, digest {:016x}",
                report.inputs, report.took, report.digest
            );
            ExitCode::SUCCESS
        }
        Err(violation) => {
            print!("{violation}");
            if shrinks {
                make_small(&script, violation);
            }
            ExitCode::FAILURE
        }
    }
}

fn make_small(script: &Script, violation: Violation) {
    println!("\nMaking it small …");
    let (small, violation) = shrink(script, violation, |script| verify(script).err());
    print!("{violation}");
    match save(&small, Path::new(CORPUS)) {
        Ok(again) => println!("Again: {again}"),
        Err(error) => println!("It can't be saved: {error}\n{}", small.to_json()),
    }
}

fn read(path: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
