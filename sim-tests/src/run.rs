//! Plays a script and says what came of it.

use crate::ledger::Ledger;
use crate::script::Script;
use crate::tame::tame;
use crate::world::World;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::Duration;

/// A run in which all laws held.
#[derive(Clone, Debug)]
pub struct Report {
    /// How each request ended; empty if no journal was kept.
    pub summary: BTreeMap<u32, String>,
    /// Interesting states that were reached.
    pub ledger: Ledger,
    /// The core's state at the end.
    pub digest: u64,
    /// Everything that was handed to the core.
    pub journal: Vec<u8>,
    /// Client connections that were played.
    pub sessions: u64,
    /// How many inputs the core was handed.
    pub inputs: u64,
    /// How long it took in the world.
    pub took: Duration,
}

/// The laws that a run broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violation(pub Vec<String>);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|what| writeln!(f, "- {what}"))
    }
}

/// Plays a script once.
///
/// # Errors
/// Says which laws were broken.
pub fn run(script: &Script) -> Result<Report, Violation> {
    play(script, World::keep_journal)
}

/// Plays a script without keeping a journal: for measuring.
///
/// # Errors
/// Says which laws were broken.
pub fn run_unrecorded(script: &Script) -> Result<Report, Violation> {
    play(script, |_| {})
}

/// Plays a script and tells what happens in it, line by line.
///
/// # Errors
/// Says which laws were broken.
pub fn run_traced(script: &Script, trace: impl FnMut(String) + 'static) -> Result<Report, Violation> {
    play(script, |world| {
        world.keep_journal();
        world.trace = Some(Box::new(trace));
    })
}

/// Plays a script twice and replays its journal: all three must end alike.
///
/// # Errors
/// Says which laws were broken.
pub fn verify(script: &Script) -> Result<Report, Violation> {
    let first = run(script)?;
    let second = run(script)?;
    if first.digest != second.digest || first.journal != second.journal {
        return Err(Violation(vec!["the same script gave two different runs".to_owned()]));
    }
    match proxy_core::replay(&first.journal) {
        Ok(replayed) if replayed.digest == first.digest => Ok(first),
        Ok(_) => Err(Violation(vec!["the journal replayed to another digest".to_owned()])),
        Err(error) => Err(Violation(vec![format!("the journal did not replay: {error}")])),
    }
}

/// Verifies one script in eight and plays the others once: what many scripts are worth.
///
/// # Errors
/// Says which laws were broken.
pub fn sample(script: &Script) -> Result<Report, Violation> {
    if script.seed.is_multiple_of(8) { verify(script) } else { run_unrecorded(script) }
}

fn play(script: &Script, prepare: impl FnOnce(&mut World)) -> Result<Report, Violation> {
    let script = tame(script.clone());
    let played = quietly(|| {
        let mut world = World::new(script);
        prepare(&mut world);
        world.play();
        world
    });
    let mut world = played.map_err(|panic| Violation(vec![format!("panicked: {panic}")]))?;
    world.ledger.note_applied(&world.facts.applied);
    let violations = world.facts.violations();
    if !violations.is_empty() {
        return Err(Violation(violations));
    }
    Ok(Report {
        summary: world.summary,
        digest: world.core.digest(),
        journal: world.journal.map_or_else(Vec::new, |mut journal| journal.take()),
        sessions: world.sessions,
        inputs: world.inputs,
        took: Duration::from_nanos(world.now),
        ledger: world.ledger,
    })
}

thread_local! {
    /// What the last panic of this thread said, while it is being caught.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Turns a panic into its message. A shrinking run panics hundreds of times: only the last one is worth printing.
fn quietly<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|catching| *catching) {
                CAUGHT.with_borrow_mut(|caught| *caught = Some(info.to_string()));
            } else {
                previous(info);
            }
        }));
    });
    CATCHING.with_borrow_mut(|catching| *catching = true);
    let result = panic::catch_unwind(AssertUnwindSafe(act));
    CATCHING.with_borrow_mut(|catching| *catching = false);
    result.map_err(|_| CAUGHT.with_borrow_mut(Option::take).unwrap_or_default())
}
