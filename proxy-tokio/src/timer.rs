//! A worker's clock and its one alarm. Knows when; what for is the core's business.

use crate::ready::{Bell, Inbox, Token};
use proxy_core::Instant;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::time::Sleep;

/// Tells time as the core does: nanoseconds since an epoch. Reads tokio's clock, so virtual time works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn new(epoch: tokio::time::Instant) -> Self {
        Self { epoch }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::ZERO.after(self.epoch.elapsed())
    }

    /// `None`: too far away for the operating system.
    fn to_tokio(self, at: Instant) -> Option<tokio::time::Instant> {
        self.epoch.checked_add(Duration::from_nanos(at.as_nanos()))
    }
}

/// Rings at the earliest moment that was asked for since it last rang.
///
/// Lazy: a moment later than the one it is set for changes nothing. It then rings too early, the worker looks, and
/// sets it anew; that is cheaper than moving it with every octet that arrives.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    set_for: Option<Instant>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Alarm {
    /// Must be called within a tokio runtime with time.
    pub(crate) fn new(clock: Clock, inbox: &Arc<Inbox>) -> Self {
        let bell = Bell::new(Token::Alarm, inbox);
        let waker = Waker::from(Arc::clone(&bell));
        Self { clock, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), set_for: None, bell, waker }
    }

    /// Makes sure that it rings at `at` or before.
    pub(crate) fn set(&mut self, at: Instant) {
        if self.set_for.is_some_and(|set_for| set_for <= at) {
            return;
        }
        let Some(moment) = self.clock.to_tokio(at) else { return };
        self.set_for = Some(at);
        self.sleep.as_mut().reset(moment);
        // An elapsed sleep stays ready and rings no more: it is polled only here, when it has been set anew.
        if self.sleep.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready() {
            self.waker.wake_by_ref();
        }
    }

    /// It rang, and is set for nothing.
    pub(crate) fn answer(&mut self) {
        self.bell.answer();
        self.set_for = None;
    }
}

#[cfg(test)]
mod tests;
