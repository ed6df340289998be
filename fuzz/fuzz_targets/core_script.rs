//! Whole cores under scripts of everything that can happen to them: every law holds after every input, runs
//! and replays are equal, and when the faults stop nobody waits for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_core::replay;
use weir_fuzz::script::Script;
use weir_fuzz::world;

fuzz_target!(|octets: &[u8]| {
    let script = Script::parse(octets);
    let ran = world::run(&script, |_, _| ());
    assert!(ran == world::run(&script, |_, _| ()), "a second run differs");
    let replayed = replay(&ran.journal).expect("a journal replays");
    assert_eq!(replayed.digest, ran.digest, "the replay differs");
});
