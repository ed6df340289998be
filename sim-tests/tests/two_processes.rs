//! The same seed comes to the same state in another process, which has other addresses, other hash seeds and another
//! number of threads.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_seed_comes_to_the_same_digest_in_two_processes() {
    for seed in SEEDS {
        assert_eq!(digest(seed, "1"), digest(seed, "2"), "seed {seed}");
    }
}

/// Without this, the test above could compare something that every run prints.
#[test]
fn other_seeds_come_to_other_digests() {
    let digests = SEEDS.iter().map(|seed| digest(*seed, "1")).collect::<BTreeSet<_>>();
    assert_eq!(digests.len(), SEEDS.len(), "{digests:?}");
}

#[test]
fn a_script_goes_the_same_way_in_two_processes_step_by_step() {
    let mut stories = BTreeSet::new();
    let scripts = saved_scripts();
    for script in &scripts {
        let story = tell(script);
        assert_eq!(story, tell(script), "{}", script.display());
        stories.insert(story);
    }
    assert_eq!(stories.len(), scripts.len(), "different scripts, the same story");
}

/// What `vopr` says at the end of some scripts from this seed on.
fn digest(seed: u64, threads: &str) -> String {
    let said = vopr(&["--seed", &seed.to_string(), "--scripts", SCRIPTS, "--threads", threads]);
    let digest = said.lines().find_map(|line| line.strip_prefix("digest "));
    digest.unwrap_or_else(|| panic!("no digest in {said}")).to_owned()
}

/// Everything that happens in a script, as `vopr` tells it.
fn tell(script: &Path) -> String {
    vopr(&["--script", &script.display().to_string()])
}

fn vopr(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vopr")).args(args).output().expect("vopr runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn saved_scripts() -> Vec<PathBuf> {
    let corpus = fs::read_dir(sim_tests::CORPUS).expect("the corpus");
    let mut paths = corpus.map(|entry| entry.expect("a script").path()).collect::<Vec<_>>();
    paths.sort();
    assert!(paths.len() > 1, "the corpus is too small to compare");
    paths
}

const SEEDS: [u64; 4] = [1, 7, 1_000_000, 123_456_789_012];

/// How many scripts make a digest: some of each kind.
const SCRIPTS: &str = "200";
