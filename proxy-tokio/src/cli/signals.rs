//! The signals that mean something to servers, and what they ask of us.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
pub(super) enum Order {
    Drain,
    /// Nothing that we can do: the words say why.
    Nothing(&'static str),
}

/// All of them. None kills us: what we can't do is said.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// What images of nginx are stopped with.
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    /// nginx's order to replace the program in place.
    user2: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Drain,
            _ = self.interrupt.recv() => Order::Drain,
            _ = self.quit.recv() => Order::Drain,
            _ = self.hangup.recv() => {
                Order::Nothing("reloading is not supported yet: restart to read the config file again")
            }
            _ = self.user1.recv() => {
                Order::Nothing("the access log goes to standard output: there is nothing to reopen")
            }
            _ = self.user2.recv() => {
                Order::Nothing("the program can't be replaced while it runs: start the new one beside it")
            }
        }
    }
}
