//! Takes the misbehaviour out of a script that its run does not allow.

use crate::faults::{ALL, Fault};
use crate::model::routes::drop_ties;
use crate::script::{AnswerEnd, Connect, Leave, Pace, Script, Timeouts};

/// Replaces what is not allowed by its plain counterpart, and leaves out what can't be configured.
pub(crate) fn tame(mut script: Script) -> Script {
    for fault in ALL {
        if !script.faults.contains(&fault) {
            remove(&mut script, fault);
        }
    }
    drop_ties(&mut script.routes);
    script
}

fn remove(script: &mut Script, fault: Fault) {
    match fault {
        Fault::Splits => {
            script.reads.clear();
            script.writes.clear();
        }
        Fault::SmallWindows => script.windows.clear(),
        Fault::Bandwidth => script.bandwidths.clear(),
        Fault::Descriptors => script.exhausted.clear(),
        Fault::LateNews => script.late_news.clear(),
        Fault::Aborts => script.clients.iter_mut().for_each(|client| {
            if !matches!(client.leave, Leave::Closes | Leave::Stays | Leave::HalfCloses) {
                client.leave = Leave::Closes;
            }
        }),
        Fault::SlowSenders => script.clients.iter_mut().for_each(|client| client.sending = Pace::Prompt),
        Fault::SlowReaders => script.clients.iter_mut().for_each(|client| client.reading = Pace::Prompt),
        Fault::SlowOrigins => script.answers.iter_mut().for_each(|answer| {
            answer.delay = 0;
            answer.endless = 0;
            answer.pace = Pace::Prompt;
            if matches!(answer.end, AnswerEnd::Hangs { .. }) {
                answer.end = AnswerEnd::Whole;
            }
        }),
        Fault::Truncation => {
            whole(script, |end| matches!(end, AnswerEnd::Fin { .. } | AnswerEnd::Reset { .. }));
        }
        Fault::Nonsense => {
            whole(script, |end| matches!(end, AnswerEnd::OverLong));
            script.answers.iter_mut().for_each(|answer| answer.raw = 0);
        }
        Fault::StaleConnections => script.endpoints.iter_mut().for_each(|endpoint| endpoint.idle_close = 0),
        Fault::EarlyAnswers => script.answers.iter_mut().for_each(|answer| {
            answer.early = false;
            answer.deaf = false;
        }),
        Fault::Connects => script.connects.iter_mut().for_each(|connect| *connect = Connect::Stands),
        Fault::Flapping => script.endpoints.iter_mut().for_each(|endpoint| endpoint.down = 0),
        Fault::Smuggling => script.requests.iter_mut().for_each(|request| request.raw = 0),
        Fault::Stalls => {
            script.late_ticks.clear();
            script.stalls.clear();
        }
        Fault::Limits => {
            script.limits.clients = 0;
            script.limits.connections = 0;
            script.limits.queue = 0;
            script.rivals.clear();
        }
        Fault::Timeouts => {
            script.timeouts = Timeouts::default();
            script.routes.iter_mut().for_each(|route| route.timeouts = Timeouts::default());
            script.limits.body_rate = 0;
        }
        Fault::Drain => script.drain_at = None,
    }
}

fn whole(script: &mut Script, is_out: impl Fn(&AnswerEnd) -> bool) {
    for answer in script.answers.iter_mut().filter(|answer| is_out(&answer.end)) {
        answer.end = AnswerEnd::Whole;
    }
}
