//! `weir replay`: plays a recorded journal through a fresh core.

use super::output::{Exit, say};
use super::table::grouped;
use proxy_core::{JournalError, Replay};
use std::fs;
use std::path::Path;

pub(super) fn replay(path: &Path) -> Exit {
    let journal = match fs::read(path) {
        Ok(journal) => journal,
        Err(error) => {
            tracing::error!("cannot read the journal {}: {error}", path.display());
            return Exit::Failed;
        }
    };
    match proxy_core::replay(&journal) {
        Ok(Replay { inputs, checkpoints, digest }) => {
            say(&format!(
                "{}: {} inputs came to the recorded state at all of {} checkpoints; digest {digest:016x}\n",
                path.display(),
                grouped(inputs),
                grouped(checkpoints)
            ));
            Exit::Ok
        }
        Err(error) => {
            tracing::error!("{}: {error}", path.display());
            if matches!(error, JournalError::Diverged { .. }) { Exit::Diverged } else { Exit::Failed }
        }
    }
}
