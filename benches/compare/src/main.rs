//! Runs Weir, nginx, HAProxy and a bare TCP relay on the same work, round after round, and says what each costs: see
//! docs/performance.md.

mod contender;
mod message;
mod process;
mod relay;
mod report;
mod scenario;
mod tools;
mod trial;
mod world;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use contender::Contender;
use report::Results;
use scenario::{Kind, SCENARIOS, Scenario};
use std::env;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use trial::Trial;

/// Compares Weir with nginx, HAProxy and a bare TCP relay.
#[derive(Debug, Parser)]
#[command(name = "weir-compare", version)]
struct Args {
    /// How often everything is repeated
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one measurement takes
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only these scenarios; see --list
    #[arg(long, num_args = 1.., value_name = "NAME")]
    scenario: Vec<String>,
    /// Only these proxies
    #[arg(long, num_args = 1.., value_name = "PROXY")]
    proxy: Vec<Contender>,
    /// The weir to measure; if none is given, one is built
    #[arg(long, value_name = "FILE")]
    weir: Option<PathBuf>,
    /// The core of the proxy
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core of the clients and the origin
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Count system calls with strace: slow
    #[arg(long)]
    syscalls: bool,
    /// Count instructions in user space with valgrind: slower
    #[arg(long)]
    instructions: bool,
    /// Keep valgrind's profiles there, for callgrind_annotate
    #[arg(long, value_name = "DIR", requires = "instructions")]
    profiles: Option<PathBuf>,
    /// Name the scenarios
    #[arg(long)]
    list: bool,
    /// Be the relay
    #[arg(long, hide = true, num_args = 2)]
    relay: Option<Vec<SocketAddr>>,
}

/// A proxy that is there.
struct Entrant {
    contender: Contender,
    binary: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    // Both ends of every connection of the load are in one process.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match (&args.relay, args.list) {
        (Some(addrs), _) => relay::relay(addrs[0], addrs[1]),
        (None, true) => say(&list()),
        (None, false) => compare(&args),
    }
}

fn list() -> String {
    SCENARIOS.iter().map(|scenario| format!("{:16} {}\n", scenario.name, scenario.about)).collect()
}

fn compare(args: &Args) -> Result<()> {
    let scenarios = chosen(&args.scenario)?;
    let entrants = entrants(args)?;
    process::stay_on(args.load_core)?;
    let (mut results, mut failures) = (Results::default(), 0);
    let mut rate = None;
    for round in 0..args.rounds {
        for (index, scenario) in scenarios.iter().enumerate() {
            if scenario.kind == Kind::Tail && rate.is_none() {
                rate = Some(half_load(args, scenario, &entrants)?);
            }
            for at in 0..entrants.len() {
                // Everybody is first in turn.
                let entrant = &entrants[(at + round) % entrants.len()];
                if !takes_part(entrant.contender, scenario) {
                    continue;
                }
                let trial = trial(args, scenario, entrant, rate.unwrap_or_default());
                tell(format!("round {}/{}: {}", round + 1, args.rounds, trial.describe()));
                match measure(args, &trial, index, round, &mut results) {
                    Ok(()) => {}
                    Err(error) => {
                        failures += 1;
                        tell(format!("{}: {error:#}", trial.describe()));
                    }
                }
            }
        }
    }
    let mut report = format!("{}\n{}", results.summary(&scenarios), results.details(&scenarios));
    for Entrant { contender, binary } in &entrants {
        report += &format!("\n- {}: {}", contender.name(), contender.version(binary));
    }
    if let Some(rate) = rate {
        report += &format!("\n- half load: {rate:.0} requests/s");
    }
    say(&format!("{report}\n"))?;
    ensure!(failures == 0, "{failures} measurements failed");
    Ok(())
}

fn measure(args: &Args, trial: &Trial<'_>, index: usize, round: usize, results: &mut Results) -> Result<()> {
    results.add(index, trial.contender, round, trial.measure()?);
    if args.syscalls && round == 0 {
        results.add_syscalls(index, trial.contender, trial.syscalls()?);
    }
    if args.instructions && round == 0 {
        results.add_instructions(index, trial.contender, trial.instructions(args.profiles.as_deref())?);
    }
    Ok(())
}

fn trial<'a>(args: &Args, scenario: &'a Scenario, entrant: &Entrant, rate: f64) -> Trial<'a> {
    Trial {
        scenario,
        contender: entrant.contender,
        binary: entrant.binary.clone(),
        core: args.proxy_core,
        seconds: args.seconds,
        rate,
    }
}

/// The relay writes no log, and it keeps a connection to the origin for each of a client: its memory says nothing.
fn takes_part(contender: Contender, scenario: &Scenario) -> bool {
    contender != Contender::Relay || (scenario.kind.is_timed() && !scenario.access_log)
}

/// Half of what the slowest proxy can do.
fn half_load(args: &Args, scenario: &Scenario, entrants: &[Entrant]) -> Result<f64> {
    let mut least = f64::INFINITY;
    for entrant in entrants {
        least = least.min(trial(args, scenario, entrant, 0.0).capacity()?);
    }
    Ok(least / 2.0)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    let find = |name: &String| {
        let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
        found.with_context(|| format!("there is no scenario {name}; see --list"))
    };
    if names.is_empty() { Ok(SCENARIOS.iter().collect()) } else { names.iter().map(find).collect() }
}

fn entrants(args: &Args) -> Result<Vec<Entrant>> {
    let weir = match &args.weir {
        Some(weir) => weir.clone(),
        None => build_weir()?,
    };
    let mut entrants = Vec::new();
    for contender in Contender::ALL {
        if !args.proxy.is_empty() && !args.proxy.contains(&contender) {
            continue;
        }
        match contender.binary(&weir) {
            Some(binary) => entrants.push(Entrant { contender, binary }),
            None => {
                tell(format!("{} is missing and left out: {}", contender.name(), contender.how_to_install()));
            }
        }
    }
    if entrants.is_empty() {
        bail!("nobody takes part");
    }
    Ok(entrants)
}

/// Builds the weir beside this program.
fn build_weir() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["build", "--release", "-p", "proxy-tokio", "--bin", "weir"];
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let status = Command::new(cargo).args(args).arg("--manifest-path").arg(manifest).status()?;
    ensure!(status.success(), "weir can't be built");
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).context("this program is in no target directory")?;
    Ok(target.join("release").join("weir"))
}

fn say(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write the report")
}

/// To whoever watches.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
