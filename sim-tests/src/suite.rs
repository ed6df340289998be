//! Many scripts from one seed, on all cores: what the test suite runs, and what one runs by hand for longer.

use crate::found::{CORPUS, VOPR, save};
use crate::ledger::Ledger;
use crate::run::{Report, Violation, sample};
use crate::script::Script;
use crate::shrink::shrink;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

/// Which scripts, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed of the first script; the others' follow.
    pub seed: u64,
    /// How many scripts.
    pub cases: u64,
    /// How many are played at a time.
    pub threads: usize,
    /// Whether a failing script is shrunk and saved.
    pub shrinks: bool,
}

impl Settings {
    /// These, on all cores, unless `WEIR_SIM_SEED`, `WEIR_SIM_CASES`, `WEIR_SIM_THREADS` or `WEIR_SIM_SHRINK` say
    /// otherwise.
    pub fn from_env(seed: u64, cases: u64) -> Self {
        fn read<T: std::str::FromStr>(name: &str) -> Option<T> {
            std::env::var(name).ok()?.parse().ok()
        }
        Self {
            seed: read("WEIR_SIM_SEED").unwrap_or(seed),
            cases: read("WEIR_SIM_CASES").unwrap_or(cases),
            threads: read("WEIR_SIM_THREADS").unwrap_or_else(cores),
            shrinks: read::<u8>("WEIR_SIM_SHRINK") != Some(0),
        }
    }
}

/// How many threads can run at a time.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WEIR_SIM_SEED={} WEIR_SIM_CASES={}", self.seed, self.cases)
    }
}

/// What a suite came to.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// What was seen in all of it.
    pub ledger: Ledger,
    /// Scripts that were played.
    pub scripts: u64,
    /// Client connections that were played.
    pub sessions: u64,
    /// Inputs of the core.
    pub inputs: u64,
    /// How long it all took in the world.
    pub took: Duration,
    /// A digest of all end states, whatever the order in which they came.
    pub digest: u64,
}

/// A script that breaks a law.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Its seed.
    pub seed: u64,
    /// The script, shrunk if it was to be.
    pub script: Script,
    /// The laws that it breaks.
    pub violation: Violation,
    /// Whether it was shrunk.
    pub is_shrunk: bool,
}

impl Suite {
    /// Plays scripts until one breaks a law; that one is shrunk.
    ///
    /// # Errors
    /// Returns the first script that breaks a law.
    pub fn run(
        settings: Settings,
        play: impl Fn(&Script) -> Result<Report, Violation> + Sync,
    ) -> Result<Self, Box<Counterexample>> {
        Self::run_watched(settings, play, |_| true)
    }

    /// The same, but `go_on` sees now and then what has come of it so far, and may end it.
    ///
    /// # Errors
    /// Returns the first script that breaks a law.
    pub fn run_watched(
        settings: Settings,
        play: impl Fn(&Script) -> Result<Report, Violation> + Sync,
        mut go_on: impl FnMut(&Self) -> bool,
    ) -> Result<Self, Box<Counterexample>> {
        let hunt =
            Hunt { settings, next: AtomicU64::new(0), end: AtomicU64::new(settings.cases), play: &play };
        let mut suite = Self::default();
        let failures = thread::scope(|scope| {
            let (news, all_news) = channel();
            let hunt = &hunt;
            let start = |news: Sender<Self>| scope.spawn(move || hunt.work(&news));
            let workers = (0..settings.threads.max(1)).map(|_| start(news.clone())).collect::<Vec<_>>();
            drop(news);
            for part in all_news {
                suite.add(&part);
                if !go_on(&suite) {
                    hunt.end.fetch_min(0, Ordering::Relaxed);
                }
            }
            workers.into_iter().filter_map(|worker| worker.join().ok().flatten()).collect::<Vec<_>>()
        });
        match failures.into_iter().min_by_key(|(seed, _)| *seed) {
            None => Ok(suite),
            Some((seed, violation)) => Err(Box::new(Counterexample::new(settings, seed, violation, play))),
        }
    }

    /// Plays scripts; every eighth twice and once more from its journal.
    ///
    /// # Errors
    /// Returns the first script that breaks a law.
    pub fn verify(settings: Settings) -> Result<Self, Box<Counterexample>> {
        Self::verify_watched(settings, |_| true)
    }

    /// The same, watched like [`Suite::run_watched`].
    ///
    /// # Errors
    /// Returns the first script that breaks a law.
    pub fn verify_watched(
        settings: Settings,
        go_on: impl FnMut(&Self) -> bool,
    ) -> Result<Self, Box<Counterexample>> {
        Self::run_watched(settings, sample, go_on)
    }

    fn note(&mut self, report: &Report) {
        self.ledger.merge(&report.ledger);
        self.scripts += 1;
        self.sessions += report.sessions;
        self.inputs += report.inputs;
        self.took += report.took;
        self.digest = self.digest.wrapping_add(report.digest);
    }

    fn add(&mut self, other: &Self) {
        self.ledger.merge(&other.ledger);
        self.scripts += other.scripts;
        self.sessions += other.sessions;
        self.inputs += other.inputs;
        self.took += other.took;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// What the threads of a suite share.
struct Hunt<'a, P> {
    settings: Settings,
    /// How many scripts were taken.
    next: AtomicU64,
    /// How many are to be taken: fewer once one of them failed.
    end: AtomicU64,
    play: &'a P,
}

impl<P: Fn(&Script) -> Result<Report, Violation> + Sync> Hunt<'_, P> {
    /// Plays one script after the other. Returns the seed of one that broke a law; all before it are played then.
    fn work(&self, news: &Sender<Suite>) -> Option<(u64, Violation)> {
        let mut part = Suite::default();
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= self.end.load(Ordering::Relaxed) {
                news.send(part).ok();
                return None;
            }
            let seed = self.settings.seed.wrapping_add(at);
            let script = Script::from_seed(seed);
            match (self.play)(&script) {
                Ok(report) => part.note(&report),
                Err(violation) => {
                    self.end.fetch_min(at, Ordering::Relaxed);
                    return Some((seed, violation));
                }
            }
            if part.scripts == NEWS_EVERY {
                news.send(std::mem::take(&mut part)).ok();
            }
        }
    }
}

impl Counterexample {
    fn new(
        settings: Settings,
        seed: u64,
        violation: Violation,
        play: impl Fn(&Script) -> Result<Report, Violation>,
    ) -> Self {
        let script = Script::from_seed(seed);
        let (script, violation) = if settings.shrinks {
            shrink(&script, violation, |script| play(script).err())
        } else {
            (script, violation)
        };
        Self { seed, script, violation, is_shrunk: settings.shrinks }
    }

    /// What plays this script again, and nothing else.
    pub const fn again(&self, settings: Settings) -> Settings {
        Settings { seed: self.seed, cases: 1, ..settings }
    }

    /// Saves it in the corpus if it was shrunk. Returns the command that plays it again.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self) -> io::Result<String> {
        if !self.is_shrunk {
            return Ok(format!("{VOPR} --seed {} --scripts 1", self.seed));
        }
        save(&self.script, Path::new(CORPUS))
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} breaks laws:\n{}", self.seed, self.violation)?;
        writeln!(f, "{}", self.script.to_json())
    }
}

/// Scripts after which a thread tells what came of them.
const NEWS_EVERY: u64 = 256;
