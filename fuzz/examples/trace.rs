//! Prints what a script does to a core, input by input: `cargo run --example trace SCRIPT`. With a second path,
//! keeps the journal there.

use std::error::Error;

use weir_fuzz::script::Script;
use weir_fuzz::world;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().ok_or("which script?")?;
    let script = Script::parse(&std::fs::read(path)?);
    let ran = world::run(&script, |now, event| println!("{:>12.6} {event:?}", now.as_nanos() as f64 / 1e9));
    if let Some(path) = arguments.next() {
        std::fs::write(path, ran.journal)?;
    }
    Ok(())
}
