//! The journal: every input of one worker with its time, in order. Replayed, it gives the same state.
//!
//! A journal is the magic, then the version of the writer, then a header, then records until the end, each in postcard's
//! encoding. It may stop in the middle of a record, as it does when the recording process is killed; what is whole
//! counts. Only the version that wrote a journal replays it: another one may decide otherwise, and rightly.

use crate::config::{Config, ConfigError};
use crate::core::Core;
use crate::input::Input;
use crate::time::Instant;
use crate::upstreams::Standing;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"weirjnl\x02";

/// A version of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(u16, u16, u16);

impl Version {
    /// The one that this is.
    pub const THIS: Self = Self(
        number(env!("CARGO_PKG_VERSION_MAJOR")),
        number(env!("CARGO_PKG_VERSION_MINOR")),
        number(env!("CARGO_PKG_VERSION_PATCH")),
    );
}

const fn number(digits: &str) -> u16 {
    match u16::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("a version consists of small numbers"),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    config: Config,
    seed: u64,
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// An input and how long after the one before it came.
    Input {
        /// Since the previous input.
        after: Duration,
        /// What happened.
        input: Input,
    },
    /// The state's digest at this point.
    Digest(u64),
    /// The same, and nothing follows: the recording ended by itself.
    End(u64),
}

/// Turns inputs into octets for whoever keeps them.
#[derive(Debug)]
pub struct JournalWriter {
    buffer: Vec<u8>,
    last: Instant,
}

impl JournalWriter {
    /// Begins a journal of a core made by `Core::new(config, seed)`.
    pub fn new(config: &Config, seed: u64) -> Self {
        let mut writer = Self { buffer: MAGIC.to_vec(), last: Instant::ZERO };
        writer.push(&Version::THIS);
        writer.push(&Header { config: config.clone(), seed });
        writer
    }

    /// Appends an input.
    pub fn input(&mut self, now: Instant, input: &Input) {
        let after = now.since(self.last);
        self.last = now;
        self.push(&Record::Input { after, input: input.clone() });
    }

    /// Appends the digest of the state after the last input.
    pub fn digest(&mut self, digest: u64) {
        self.push(&Record::Digest(digest));
    }

    /// Ends the journal with the digest of the last state. One without it was cut off.
    pub fn end(&mut self, digest: u64) {
        self.push(&Record::End(digest));
    }

    /// Hands out what was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffer)
    }

    fn push(&mut self, value: &impl Serialize) {
        // Only a type that can't say its length fails here, and these all can.
        if let Ok(bytes) = postcard::to_allocvec(value) {
            self.buffer.extend_from_slice(&bytes);
        }
    }
}

/// Reads a journal back.
#[derive(Clone, Debug)]
pub struct JournalReader<'a> {
    /// The configuration of the recorded core.
    pub config: Config,
    /// Its seed.
    pub seed: u64,
    rest: &'a [u8],
    /// The last record that was read says that nothing follows.
    is_whole: bool,
}

impl<'a> JournalReader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When `journal` does not begin as a journal does, or another version wrote it.
    pub fn new(journal: &'a [u8]) -> Result<Self, JournalError> {
        let body = journal.strip_prefix(MAGIC).ok_or(JournalError::NotAJournal)?;
        let (version, body) = take(body)?;
        if version != Version::THIS {
            return Err(JournalError::OtherVersion(version));
        }
        let (Header { config, seed }, rest) = take(body)?;
        Ok(Self { config, seed, rest, is_whole: false })
    }

    /// Whether what was read so far ends with [`Record::End`].
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

fn take<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<(T, &'a [u8]), JournalError> {
    postcard::take_from_bytes(body).map_err(|_| JournalError::NotAJournal)
}

impl Iterator for JournalReader<'_> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let result = postcard::take_from_bytes(self.rest);
        self.rest = result.as_ref().map_or(&[], |(_, rest)| *rest);
        match result {
            Ok((record, _)) => {
                self.is_whole = matches!(record, Record::End(_));
                Some(Ok(record))
            }
            Err(postcard::Error::DeserializeUnexpectedEnd) => {
                self.is_whole = false;
                None
            }
            Err(_) => Some(Err(JournalError::BadRecord)),
        }
    }
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Inputs handed in.
    pub inputs: u64,
    /// Digests that were compared, all equal.
    pub checkpoints: u64,
    /// The digest at the end.
    pub digest: u64,
    /// The recording ended by itself. Otherwise what came after these inputs is lost.
    pub is_whole: bool,
    /// How each endpoint did last.
    pub endpoints: Vec<Standing>,
}

/// Feeds a fresh core with a journal and compares the digests on the way.
///
/// # Errors
/// When the journal can't be read, or the core's state differs from the recorded one.
pub fn replay(journal: &[u8]) -> Result<Replay, JournalError> {
    let mut reader = JournalReader::new(journal)?;
    let mut core = Core::new(reader.config.clone(), reader.seed).map_err(JournalError::BadConfig)?;
    let (mut now, mut inputs, mut checkpoints) = (Instant::ZERO, 0, 0);
    for record in &mut reader {
        match record? {
            Record::Input { after, input } => {
                now = now.after(after);
                core.handle(now, input);
                while core.poll_action().is_some() {}
                inputs += 1;
            }
            Record::Digest(expected) | Record::End(expected) => {
                let found = core.digest();
                if found != expected {
                    return Err(JournalError::Diverged { inputs, expected, found });
                }
                checkpoints += 1;
            }
        }
    }
    let endpoints = core.standings().collect();
    Ok(Replay { inputs, checkpoints, digest: core.digest(), is_whole: reader.is_whole(), endpoints })
}

/// Why a journal could not be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// The magic or the header is not there.
    NotAJournal,
    /// This version wrote it, not the one that reads it.
    OtherVersion(Version),
    /// A record can't be read.
    BadRecord,
    /// The recorded configuration is refused by this version.
    BadConfig(ConfigError),
    /// The state differs from the recorded one.
    Diverged {
        /// After how many inputs.
        inputs: u64,
        /// The recorded digest.
        expected: u64,
        /// This core's.
        found: u64,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAJournal => write!(f, "not a journal"),
            Self::OtherVersion(wrote) => {
                write!(
                    f,
                    "weir {wrote} wrote this journal, and only that version can replay it: this is {}",
                    Version::THIS
                )
            }
            Self::BadRecord => write!(f, "a record of the journal can't be read"),
            Self::BadConfig(error) => write!(f, "the journal's configuration is refused: {error}"),
            Self::Diverged { inputs, expected, found } => {
                write!(
                    f,
                    "diverged within the first {inputs} inputs: digest {found:016x}, recorded {expected:016x}"
                )
            }
        }
    }
}

impl core::error::Error for JournalError {}
