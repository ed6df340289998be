//! The command line: what can be asked for, and who does it.

mod check;
mod demo;
mod descriptors;
mod layers;
mod output;
mod replay;
mod route;
mod run;
mod serve;
mod signals;
mod table;
mod tell;

#[cfg(test)]
mod tests;

use output::{Exit, color_on, say};

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, builder::TypedValueParser};
use proxy_tokio::config_file::{LogFormat, WORKERS_MAX};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the command that was asked for.
pub(crate) fn main() -> ExitCode {
    tell::to_stderr();
    // Clap prints its own complaints, and ends with 2 for them.
    let cli = Cli::parse();
    let exit = match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Check { file }) => check::check(&file),
        Some(Command::Route { file, method, url }) => route::route(&file, &method, &url),
        Some(Command::Replay { file }) => replay::replay(&file),
        Some(Command::Demo(args)) => demo::demo(&args),
        Some(Command::Version) => version(),
    };
    exit.into()
}

fn version() -> Exit {
    say(&format!("weir {}\n", env!("CARGO_PKG_VERSION")));
    Exit::Ok
}

#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    about = "A reverse proxy that explains itself",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Proxy, as the bare command does
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Read a config file and show all its errors at once, or what it does
    Check {
        /// The config file
        file: PathBuf,
    },
    /// Say which route, upstream and limits a request would get
    Route {
        /// The config file
        file: PathBuf,
        /// The method, such as GET
        method: String,
        /// The URL, such as <https://shop.example.com/api/x>
        url: String,
    },
    /// Play a journal again, and say whether the same state comes of it
    Replay {
        /// The journal; FILE.0, FILE.1 … are found by FILE
        file: PathBuf,
    },
    /// Start a proxy with built-in origins (healthy, slow, hanging, dead …) to try with curl
    Demo(DemoArgs),
    /// Print the version
    Version,
}

/// What can be said of a proxy in flags.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    /// Listen on this host; the same as --listen HOST:PORT
    #[arg(conflicts_with = "listen")]
    host: Option<String>,
    /// Listen on this port; 8080 if only HOST is there
    #[arg(requires = "host")]
    port: Option<String>,
    /// Listen here; `:8080` is every IPv4 address of this machine, `[::]:8080` every address. Repeatable
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Send requests there: host:port, or the name of an upstream of the config file. Repeatable
    #[arg(long, value_name = "ADDR")]
    to: Vec<String>,
    /// The config file
    #[arg(short, long, value_name = "FILE", env = "WEIR_CONFIG")]
    config: Option<PathBuf>,
    /// Set any key of the config file, such as timeouts.read=5s. Repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    process: ProcessArgs,
}

/// What can be said of a demo in flags.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Listen here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
}

/// What the core need not know.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ProcessArgs {
    /// How many workers, each a thread; one per core if nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    workers: Option<u16>,
    /// How requests are logged to standard output
    #[arg(long, value_name = "FORMAT", env = "WEIR_LOG", value_parser = log_format())]
    log: Option<LogFormat>,
    /// Keep a journal of everything that happens, for `weir replay`; one a worker, with its number behind the name.
    /// It holds all that peers send: for finding out, not for every day
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(LogFormat::NAMES.map(|(name, _)| name))
        .map(|name| LogFormat::from_name(&name).unwrap_or_default())
}

const EXAMPLES: &str = "\
Examples:
  weir                                        127.0.0.1:8080 → 127.0.0.1:9001
  weir 0.0.0.0 8080 --to 127.0.0.1:9001 --to 127.0.0.1:9002
  weir -c weir.toml --set timeouts.read=5s --log json
  weir check weir.toml                        all errors at once, or what the file does
  weir route weir.toml GET https://shop.example.com/api/x
  weir demo                                   something to try with curl

Flags win over the environment (WEIR_CONFIG, WEIR_LOG), and that over the file.
TERM, INT and QUIT finish what runs and end; a second one ends now.
Exit codes: 0 ok, 1 failed, 2 wrong usage, 4 replay diverged or journal truncated, 78 wrong config file.";
