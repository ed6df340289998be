//! Whole cores in the simulated world: every law holds in whatever happens; and one script in eight, played twice and
//! once more from its journal, comes to the same state. What breaks a law is left as a script that the simulation plays.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

/// Where libFuzzer leaves the octets, too.
const ARTIFACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/core_script");

fuzz_target!(|octets: &[u8]| {
    let script = weir_fuzz::script(octets);
    if let Err(violation) = sim_tests::sample(&script) {
        match sim_tests::save(&script, Path::new(ARTIFACTS)) {
            Ok(again) => panic!("{violation}Again, and smaller, from the root: {again} --shrink"),
            Err(error) => panic!("{violation}It can't be saved: {error}\n{}", script.to_json()),
        }
    }
});
