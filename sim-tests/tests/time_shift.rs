//! The core knows no absolute time: the same inputs an hour later are answered by the same actions, an hour later.

#![allow(clippy::print_stderr, reason = "a run says which one it is before it can fail")]

use proxy_core::{Action, Core, Instant, JournalReader, Marks, Record};
use sim_tests::{Settings, Suite, Violation, run};
use std::time::Duration;

const SHIFT: Duration = Duration::from_secs(3_600);

/// What a core does and until when it then sleeps, input by input. Times are told as if it had begun at zero.
fn play(journal: &[u8], shift: Duration) -> Vec<String> {
    let reader = JournalReader::new(journal).expect("a journal of this version");
    let mut core = Core::new(reader.config.clone(), reader.seed).expect("a valid configuration");
    let (mut now, mut told) = (Instant::ZERO.after(shift), Vec::new());
    let back = |at: Instant| Instant::ZERO.after(at.since(Instant::ZERO.after(shift)));
    for record in reader {
        let Record::Input { after, input } = record.expect("a record of this version") else { continue };
        now = now.after(after);
        core.handle(now, input);
        while let Some(action) = core.poll_action() {
            told.push(match action {
                Action::Record(mut outcome) => {
                    outcome.started = back(outcome.started);
                    outcome.ended = back(outcome.ended);
                    outcome.attempts.iter_mut().for_each(|attempt| attempt.started = back(attempt.started));
                    let Marks { head, leased, connected, sent, responded, answered } = &mut outcome.marks;
                    let reached = [leased, connected, sent, responded].into_iter().flatten();
                    [head, answered].into_iter().chain(reached).for_each(|at| *at = back(*at));
                    format!("{outcome:?}")
                }
                other => format!("{other:?}"),
            });
        }
        told.push(format!("{:?}", core.next_deadline().map(|deadline| (back(deadline.at), deadline.timer))));
    }
    told
}

#[test]
fn the_same_inputs_an_hour_later_are_answered_alike() {
    let settings = Settings::from_env(2, 300);
    eprintln!("{settings}");
    let shifted = |script: &sim_tests::Script| {
        let report = run(script)?;
        let (first, second) = (play(&report.journal, Duration::ZERO), play(&report.journal, SHIFT));
        match first.iter().zip(&second).find(|(first, second)| first != second) {
            None => Ok(report),
            Some((first, second)) => Err(Violation(vec![format!("at once: {first}\nlater: {second}")])),
        }
    };
    if let Err(found) = Suite::run(settings, shifted) {
        let again = found.again(settings);
        panic!("{found}\nAgain: {again} cargo test -p sim-tests --test time_shift");
    }
}
