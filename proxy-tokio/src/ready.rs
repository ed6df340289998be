//! What a worker has to look at: the only thing that wakes it. Sockets, timers and other threads leave a token or a message
//! here; it knows none of them.

use proxy_core::{Input, ListenerId};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Who has news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The connection in this slot.
    Slot(u32),
    /// This listener.
    Listener(ListenerId),
    /// The alarm.
    Alarm,
}

/// The news of one worker, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    news: Mutex<News>,
}

#[derive(Debug, Default)]
struct News {
    tokens: Vec<Token>,
    mail: Vec<Input>,
    sleeper: Option<Waker>,
    /// The worker sleeps: the next news must wake it. While it works nobody needs to.
    asleep: bool,
}

impl Inbox {
    /// Tells the worker what happened elsewhere in the process.
    pub(crate) fn post(&self, input: Input) {
        let mut news = self.lock();
        news.mail.push(input);
        news.wake();
    }

    fn push(&self, token: Token) {
        let mut news = self.lock();
        news.tokens.push(token);
        news.wake();
    }

    /// Swaps the news for two empty lists.
    pub(crate) fn take(&self, tokens: &mut Vec<Token>, mail: &mut Vec<Input>) {
        debug_assert!(tokens.is_empty() && mail.is_empty());
        let mut news = self.lock();
        mem::swap(&mut news.tokens, tokens);
        mem::swap(&mut news.mail, mail);
    }

    /// Goes to sleep unless there is news: then answers false.
    pub(crate) fn sleep(&self, waker: &Waker) -> bool {
        let mut news = self.lock();
        match &mut news.sleeper {
            Some(sleeper) => sleeper.clone_from(waker),
            None => news.sleeper = Some(waker.clone()),
        }
        news.asleep = news.tokens.is_empty() && news.mail.is_empty();
        news.asleep
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        // Nothing in here can panic half-way.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    fn wake(&mut self) {
        if mem::take(&mut self.asleep)
            && let Some(sleeper) = &self.sleeper
        {
            sleeper.wake_by_ref();
        }
    }
}

/// Puts its token into the inbox when woken, once until the worker has looked.
#[derive(Debug)]
pub(crate) struct Bell {
    queued: AtomicBool,
    token: Token,
    inbox: Arc<Inbox>,
}

impl Bell {
    pub(crate) fn new(token: Token, inbox: &Arc<Inbox>) -> Arc<Self> {
        Arc::new(Self { queued: AtomicBool::new(false), token, inbox: Arc::clone(inbox) })
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// The token is in the inbox, or on the worker's own list.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    /// Notes that the worker puts the token on its own list; false if it waits somewhere already.
    pub(crate) fn queue(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }

    /// The worker looks now: what happens from here on rings again.
    pub(crate) fn answer(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queue() {
            self.inbox.push(self.token);
        }
    }
}

#[cfg(test)]
mod tests;
