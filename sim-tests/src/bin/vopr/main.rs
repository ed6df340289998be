//! Plays simulated worlds until one breaks a law or one is told to stop; see `--help`.

#![allow(clippy::print_stdout, reason = "it is a command line tool")]

mod args;
mod bench;
mod hunt;
mod play;

use args::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Hunt(hunt)) => hunt::run(&hunt),
        Ok(Command::Bench { seed }) => bench::run(seed),
        Ok(Command::Play { path, shrinks }) => play::run(&path, shrinks),
        Err(error) => {
            println!("{error}\n\n{}", args::HELP);
            ExitCode::from(2)
        }
    }
}
