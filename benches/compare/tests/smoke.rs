//! The comparison runs: everybody who is installed serves the same work, and the report says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]
#![allow(clippy::print_stderr, reason = "whoever runs the tests should know what was left out")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCENARIOS: [&str; 3] = ["get-1k-64", "chunked-16k", "connect"];

#[test]
fn everybody_who_is_installed_is_compared() {
    let output = compare(&weir(), &SCENARIOS);
    let (report, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}");
    for (proxy, binary) in [("Weir", None), ("nginx", Some("nginx")), ("HAProxy", Some("haproxy"))] {
        if binary.is_some_and(|binary| !is_installed(binary)) {
            eprintln!("skipped: {proxy} is not installed");
            assert!(told.contains(&format!("{proxy} is missing and left out")), "{told}");
            continue;
        }
        for scenario in SCENARIOS {
            let start = format!("| {scenario} | {proxy} |");
            assert!(report.lines().any(|line| line.starts_with(&start)), "{scenario}, {proxy}: {report}");
        }
    }
}

#[test]
fn an_unknown_scenario_is_refused() {
    let output = compare(Path::new("weir"), &["nothing"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("there is no scenario nothing"));
}

fn compare(weir: &Path, scenarios: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-compare"));
    // One core is enough to see that it works.
    command.args(["--rounds", "1", "--seconds", "0.1", "--proxy-core", "0", "--load-core", "0"]);
    command.arg("--weir").arg(weir).arg("--scenario").args(scenarios).output().unwrap()
}

/// The weir of this build profile; built if need be.
fn weir() -> PathBuf {
    let status =
        Command::new(env!("CARGO")).args(["build", "-p", "proxy-tokio", "--bin", "weir"]).status().unwrap();
    assert!(status.success());
    let this = Path::new(env!("CARGO_BIN_EXE_weir-compare"));
    this.parent().and_then(Path::parent).unwrap().join("debug").join("weir")
}

fn is_installed(binary: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    dirs.any(|dir| dir.join(binary).is_file())
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
