//! The programs that play clients and origins, and what a test does without them.
#![allow(clippy::print_stdout, reason = "a skipped test has to say so")]

use super::process::{Output, run, run_with_input};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest run of a program that is not told otherwise.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Ab,
    Curl,
    Nc,
    Nginx,
    Python,
    Uvicorn,
    Websockets,
    Wrk,
}

/// Ends the test here if one of the programs is missing.
macro_rules! requires {
    ($($program:ident),+) => {
        $(if !$crate::harness::programs::has($crate::harness::programs::Program::$program) { return; })+
    };
}
pub(crate) use requires;

pub(crate) fn has(program: Program) -> bool {
    let (name, found) = match program {
        Program::Ab => ("ab", starts(command("ab", &["-V"]))),
        Program::Curl => ("curl", starts(command("curl", &["--version"]))),
        Program::Nc => ("nc", starts(command("nc", &["-h"]))),
        Program::Nginx => ("nginx", starts(command("nginx", &["-v"]))),
        Program::Python => ("python3", succeeds(python(&["--version"]))),
        Program::Uvicorn => ("uvicorn", succeeds(python(&["-c", "import uvicorn"]))),
        Program::Websockets => ("websockets", succeeds(python(&["-c", "import websockets.asyncio.client"]))),
        Program::Wrk => ("wrk", starts(command("wrk", &["-v"]))),
    };
    assert!(found || !required(), "{name} is not installed, and CI or WEIR_E2E_REQUIRE is set");
    if !found {
        println!("skipped: {name} is not installed");
    }
    found
}

/// Some exit with 1 after having printed their version.
fn starts(mut probe: Command) -> bool {
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn succeeds(mut probe: Command) -> bool {
    let status = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn required() -> bool {
    let is = |name, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    is("CI", "true") || is("WEIR_E2E_REQUIRE", "1")
}

/// `long` in continuous integration, `short` at a desk.
pub(crate) fn long_or<T>(long: T, short: T) -> T {
    if env::var("WEIR_E2E_LONG").is_ok_and(|value| value == "1") { long } else { short }
}

pub(crate) fn command(name: &str, arguments: &[&str]) -> Command {
    // nginx lives where only root looks.
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let mut command = Command::new(name);
    command.args(arguments).env("PATH", path);
    command
}

/// `WEIR_E2E_PYTHON` says which one has the modules, if it is not the first in the path.
pub(crate) fn python(arguments: &[&str]) -> Command {
    let mut python = command(&env::var("WEIR_E2E_PYTHON").unwrap_or_else(|_| "python3".into()), arguments);
    python.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// Python scripts that play origins and clients.
pub(crate) fn scripts() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "origins"].iter().collect()
}

pub(crate) fn script(name: &str) -> String {
    scripts().join(name).to_str().expect("cargo's paths are text").to_owned()
}

pub(crate) fn curl(arguments: &[&str]) -> Output {
    run(&mut curl_command(arguments), LIMIT)
}

pub(crate) fn curl_with_input(arguments: &[&str], input: impl Into<Stdio>) -> Output {
    run_with_input(&mut curl_command(arguments), input, LIMIT)
}

/// As a user would type it, without the user's `.curlrc` and proxy.
pub(crate) fn curl_command(arguments: &[&str]) -> Command {
    let mut curl = command("curl", &["-q", "--silent", "--show-error", "--noproxy", "*"]);
    curl.args(arguments);
    curl
}
