//! Every call into the core, each in a function of its own that is never inlined: valgrind counts what happens inside of
//! these and nothing else, so that the benchmark's own work is not counted.

use proxy_core::{Action, Alarm, ConnId, Core, Input, Instant, Interest, Outcome};

#[inline(never)]
pub(crate) fn handle(core: &mut Core, now: Instant, input: Input) {
    core.handle(now, input);
}

#[inline(never)]
pub(crate) fn poll_action(core: &mut Core) -> Option<Action> {
    core.poll_action()
}

#[inline(never)]
pub(crate) fn interest(core: &Core, conn: ConnId) -> Option<Interest> {
    core.interest(conn)
}

/// Octets that wait to be written.
#[inline(never)]
pub(crate) fn egress(core: &Core, conn: ConnId) -> usize {
    core.egress(conn).map(<[u8]>::len).sum()
}

#[inline(never)]
pub(crate) fn next_deadline(core: &Core) -> Option<Alarm> {
    core.next_deadline()
}

#[inline(never)]
pub(crate) fn recycle(core: &mut Core, outcome: Box<Outcome>) {
    core.recycle(outcome);
}
