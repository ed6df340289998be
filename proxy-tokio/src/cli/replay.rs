//! `weir replay`: plays recorded journals through fresh cores.

use super::output::{Exit, say};
use super::table::grouped;
use crate::log::duration;
use proxy_core::{Instant, JournalError, Replay, Standing};
use std::fs;
use std::path::{Path, PathBuf};

/// Plays the journal at `path`, or those of several workers that `weir --journal path` left.
pub(super) fn replay(path: &Path) -> Exit {
    let ends = journals(path).iter().map(|journal| replay_one(journal)).collect::<Vec<_>>();
    // The gravest counts: a state that differs, then a journal that can't be read.
    let is_among = |exit: &Exit| ends.contains(exit);
    [Exit::Diverged, Exit::Failed].into_iter().find(is_among).unwrap_or(Exit::Ok)
}

/// A single worker's is `path` itself; several have `path.0`, `path.1` and so on.
fn journals(path: &Path) -> Vec<PathBuf> {
    if path.exists() {
        return vec![path.to_owned()];
    }
    let numbered = |worker: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{worker}"));
        PathBuf::from(name)
    };
    let found: Vec<_> = (0..).map(numbered).take_while(|journal| journal.exists()).collect();
    // With none there, the complaint is about what was asked for.
    if found.is_empty() { vec![path.to_owned()] } else { found }
}

fn replay_one(path: &Path) -> Exit {
    let journal = match fs::read(path) {
        Ok(journal) => journal,
        Err(error) => {
            tracing::error!("cannot read the journal {}: {error}", path.display());
            return Exit::Failed;
        }
    };
    match proxy_core::replay(&journal) {
        Ok(Replay { inputs, checkpoints, digest, is_whole, endpoints }) => {
            say(&format!(
                "{}: {} inputs came to the recorded state at all of {} checkpoints; digest {digest:016x}\n",
                path.display(),
                grouped(inputs),
                grouped(checkpoints)
            ));
            endpoints.iter().for_each(|endpoint| say(&standing(endpoint)));
            if !is_whole {
                tracing::error!(
                    "{}: the journal is truncated: what came after these is not in it",
                    path.display()
                );
                return Exit::Diverged;
            }
            Exit::Ok
        }
        Err(error) => {
            tracing::error!("{}: {error}", path.display());
            if matches!(error, JournalError::Diverged { .. }) { Exit::Diverged } else { Exit::Failed }
        }
    }
}

/// How a server did at the end.
fn standing(Standing { addr, last }: &Standing) -> String {
    match last {
        None => format!("  {addr}: never asked\n"),
        Some((reason, since)) => {
            let since = duration(since.since(Instant::ZERO));
            format!("  {addr}: {}, from {since} after the start on\n", reason.as_str())
        }
    }
}
