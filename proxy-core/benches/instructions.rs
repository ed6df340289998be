//! Plays one scenario for valgrind, which counts the instructions of the core: `.ci/instructions`.

mod driver;

use driver::scenario::Scenario;
use driver::{CLIENTS, Driver};
use std::hint::black_box;

/// Until every connection stands and every buffer has its size.
const ROUNDS_BEFORE: usize = 4;

/// Under 2,000 requests a change of one instruction each can be seen.
const ROUNDS: usize = 25;

#[allow(clippy::print_stdout, reason = "it is a command line tool")]
fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(scenario) = Scenario::named(&name) else {
        // `cargo test --benches` and a curious reader come here.
        return Scenario::all().iter().for_each(|scenario| println!("{}", scenario.name));
    };
    let expected = CLIENTS * scenario.requests;
    let mut driver = Driver::new(scenario);
    for _ in 0..ROUNDS_BEFORE {
        driver.round();
    }
    driver.recorded = 0;
    measured(&mut driver);
    assert_eq!(driver.recorded, ROUNDS * expected, "requests are missing");
    println!("{}", driver.recorded);
    black_box(driver.delivered);
}

#[inline(never)]
fn measured(driver: &mut Driver) {
    for _ in 0..ROUNDS {
        driver.round();
    }
}
