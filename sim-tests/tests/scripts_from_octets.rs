//! Any octets are a script, and every script keeps every law: what the fuzzer relies on, drawn and shrunk by proptest.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;
use sim_tests::{Script, verify};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_octets_are_a_script_that_keeps_every_law(octets in vec(any::<u8>(), 0..2_000)) {
        let script = Script::from_octets(&octets);
        let told = verify(&script);
        told.map_err(|violation| TestCaseError::fail(format!("{violation}{}", script.to_json())))?;
    }
}

proptest! {
    // Leaving out what is plain anyway takes a script some time.
    #![proptest_config(config(50))]

    #[test]
    fn a_script_survives_being_saved(octets in vec(any::<u8>(), 0..2_000)) {
        let script = Script::from_octets(&octets);
        let saved = serde_json::from_str::<Script>(&script.to_json());
        prop_assert_eq!(saved.ok(), Some(script));
    }
}
