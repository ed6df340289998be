//! An exchange together with both its connections, borrowed in order to change them.
//!
//! Having one *is* the note that they must be settled, and its outboxes are only handed out with a buffer to write into:
//! neither can be forgotten. What goes beyond the three, such as a next try or the end, is a [`Turn`] that the core
//! takes.

use super::Core;
use super::table::Trio;
use crate::action::Close;
use crate::config::Via;
use crate::exchange::verdict::Failure;
use crate::forward::{HttpDate, Signature};
use crate::ids::ExchangeId;
use crate::link::Link;
use crate::session::{Session, Then};
use crate::spare::Spare;
use crate::time::Instant;

/// An exchange and both its connections.
pub(super) struct Active<'a> {
    pub(super) now: Instant,
    /// Whether clients may keep their connections: we don't drain.
    pub(super) may_keep: bool,
    pub(super) date: Option<&'a HttpDate>,
    pub(super) spare: &'a mut Spare,
    pub(super) trio: Trio<'a>,
}

/// Where it takes more than an exchange and its connections to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The response is whole.
    Whole(Then),
    /// The last octet of the answer was taken.
    Flushed,
    /// Both halves of a tunnel are over, and everything is written.
    TunnelOver,
    /// The exchange can't go on.
    Failed(Failure),
    /// The connection that carries it ended, or is to be closed in this way.
    Lost(Failure, Close),
}

impl Core {
    #[inline(always)]
    pub(super) fn active(&mut self, id: ExchangeId) -> Active<'_> {
        Active {
            now: self.now,
            may_keep: !self.draining.is_on(),
            date: self.date.as_ref(),
            spare: &mut self.spare,
            trio: self.table.touch_trio(id),
        }
    }

    pub(super) fn take_turn(&mut self, id: ExchangeId, turn: Turn) {
        match turn {
            Turn::Whole(then) => self.complete(id, then),
            Turn::Flushed => self.after_flush(id),
            Turn::TunnelOver => self.close_tunnel(id),
            Turn::Failed(failure) => self.fail(id, failure),
            Turn::Lost(failure, how) => self.attempt_failed(id, failure, Some(how)),
        }
    }
}

impl<'a> Active<'a> {
    /// What we add to each response.
    pub(super) fn signature(&self) -> Signature<'a> {
        let via = self.trio.exchange.rules.dialect.via != Via::Off;
        Signature { via, date: self.date }
    }
}

impl Active<'_> {
    /// The client, to be written to.
    pub(super) fn client(&mut self) -> &mut Session {
        self.spare.lend(&mut self.trio.session.outbox);
        self.trio.session
    }

    /// The connection that carries the exchange, to be written to.
    pub(super) fn server(&mut self) -> &mut Link {
        let (link, _) = self.trio.link.as_mut().expect(CARRIED);
        self.spare.lend(&mut link.outbox);
        link
    }

    /// The same, when nothing is written to it.
    pub(super) fn link(&mut self) -> &mut Link {
        let (link, _) = self.trio.link.as_mut().expect(CARRIED);
        link
    }

    pub(super) const fn is_carried(&self) -> bool {
        self.trio.link.is_some()
    }

    /// The client sent something.
    pub(super) fn client_moved(&mut self) {
        self.trio.exchange.moved = self.now;
        self.trio.exchange.client_owes.progress(self.now);
    }

    /// The upstream sent something.
    pub(super) fn server_moved(&mut self) {
        self.trio.exchange.moved = self.now;
        self.trio.exchange.upstream_owes.progress(self.now);
    }
}

const CARRIED: &str = "a connection carries the exchange";
