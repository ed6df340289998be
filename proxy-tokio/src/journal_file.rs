//! Keeps a worker's journal in a file: what `weir replay` reads. Does not know what the inputs mean.

use crate::worker::Journal;
use proxy_core::{Config, Input, Instant, JournalWriter};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A journal on its way to a file.
pub(crate) struct JournalFile {
    writer: JournalWriter,
    path: PathBuf,
    /// `None` once it could not be written: half a journal is whole up to there, one with a gap is worthless.
    file: Option<File>,
    flushes: u64,
}

/// The state's digest goes into the journal at the end of each of the first turns of the loop, which short recordings
/// consist of, and then of one in so many: it is worked out from all that the core holds.
const DENSE_FLUSHES: u64 = 64;
const FLUSHES_PER_DIGEST: u64 = 256;

/// Read and write, for the owner.
const OWNER_ONLY: u32 = 0o600;

impl JournalFile {
    /// Starts the journal of a core made by `Core::new(config, seed)`, over whatever was at `path`. Only its owner may read
    /// it: it holds all that peers send, credentials too.
    ///
    /// # Errors
    /// When the file can't be made.
    pub(crate) fn create(path: PathBuf, config: &Config, seed: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&path)?;
        // A file that was there already keeps the mode that it had. A pipe or a device is left as it is.
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.permissions().mode() & 0o777 != OWNER_ONLY {
            file.set_permissions(PermissionsExt::from_mode(OWNER_ONLY))?;
        }
        Ok(Self { writer: JournalWriter::new(config, seed), path, file: Some(file), flushes: 0 })
    }

    fn write(&mut self) {
        let octets = self.writer.take();
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(&octets) {
            tracing::warn!("the journal {} ends here: {error}", self.path.display());
            self.file = None;
        }
    }
}

impl Journal for JournalFile {
    fn input(&mut self, now: Instant, input: &Input) {
        self.writer.input(now, input);
    }

    fn flush(&mut self, digest: &dyn Fn() -> u64) {
        self.flushes += 1;
        if self.flushes <= DENSE_FLUSHES || self.flushes.is_multiple_of(FLUSHES_PER_DIGEST) {
            self.writer.digest(digest());
        }
        self.write();
    }

    fn end(&mut self, digest: u64) {
        self.writer.end(digest);
        self.write();
    }
}

/// The file of one of several workers: `FILE.0`, `FILE.1`, and so on; `FILE` itself for a single one.
pub(crate) fn path_of(path: &Path, worker: usize, workers: usize) -> PathBuf {
    if workers == 1 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{worker}"));
    name.into()
}
