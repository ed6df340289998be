//! The command `weir`.
#![forbid(unsafe_code)]

mod cli;
mod log;

fn main() -> std::process::ExitCode {
    cli::main()
}
