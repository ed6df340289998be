//! Many scripts from one seed: what the test suite runs, and what one runs by hand for longer.

use crate::ledger::Ledger;
use crate::run::{Violation, verify};
use crate::script::Script;
use crate::strategy::scripts;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::fmt;

/// How many scripts, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which sequence of scripts.
    pub seed: u64,
    /// How many of it.
    pub cases: u32,
}

impl Settings {
    /// These, unless `WEIR_SIM_SEED` or `WEIR_SIM_CASES` say otherwise.
    pub fn from_env(seed: u64, cases: u32) -> Self {
        fn read<T: std::str::FromStr>(name: &str) -> Option<T> {
            std::env::var(name).ok()?.parse().ok()
        }
        Self { seed: read("WEIR_SIM_SEED").unwrap_or(seed), cases: read("WEIR_SIM_CASES").unwrap_or(cases) }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WEIR_SIM_SEED={} WEIR_SIM_CASES={}", self.seed, self.cases)
    }
}

/// What a suite came to.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// What was seen in all of it.
    pub ledger: Ledger,
    /// Client connections that were played.
    pub sessions: u64,
    /// Inputs of the core.
    pub inputs: u64,
}

/// The smallest script found that breaks a law.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The script.
    pub script: Script,
    /// The laws.
    pub violation: String,
}

impl Suite {
    /// Plays scripts until one breaks a law; that one is shrunk.
    ///
    /// # Errors
    /// Returns the shrunk script.
    pub fn run(
        settings: Settings,
        play: impl Fn(&Script) -> Result<crate::Report, Violation>,
    ) -> Result<Self, Box<Counterexample>> {
        let config = Config {
            cases: settings.cases,
            failure_persistence: None,
            max_shrink_iters: 3_000,
            max_shrink_time: 20_000,
            ..Config::default()
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&settings.seed.to_le_bytes());
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let suite = RefCell::new(Self::default());
        let result = runner.run(&scripts(), |script| {
            let report = play(&script).map_err(|violation| TestCaseError::fail(violation.to_string()))?;
            let mut suite = suite.borrow_mut();
            suite.ledger.merge(&report.ledger);
            suite.sessions += script.clients.len() as u64;
            suite.inputs += report.inputs;
            Ok(())
        });
        match result {
            Ok(()) => Ok(suite.into_inner()),
            Err(TestError::Fail(reason, script)) => {
                Err(Box::new(Counterexample { script, violation: reason.to_string() }))
            }
            Err(TestError::Abort(reason)) => {
                Err(Box::new(Counterexample { script: Script::default(), violation: reason.to_string() }))
            }
        }
    }

    /// Plays scripts, each twice and from its journal.
    ///
    /// # Errors
    /// Returns the shrunk script of the first that breaks a law.
    pub fn verify(settings: Settings) -> Result<Self, Box<Counterexample>> {
        Self::run(settings, verify)
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = serde_json::to_string(&self.script).unwrap_or_default();
        write!(
            f,
            "{}\nSave this as sim-tests/corpus/NAME.json and name it in tests/regressions.rs:\n{script}",
            self.violation
        )
    }
}
