use super::{FAILURES_MAX, Listeners, REST};
use crate::net::Net;
use crate::ready::{Inbox, Token};
use proxy_core::{Instant, Listen, ListenerId};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{DuplexStream, duplex};

#[test]
fn clients_are_taken_in_turn_until_none_waits() {
    let mut t = Test::new([Ok(()), Ok(())]);
    assert!(t.accept() && t.accept() && !t.accept());
}

#[test]
fn clients_wait_while_paused_and_are_taken_afterwards() {
    let mut t = Test::new([Ok(())]);
    t.listeners.set(Listen::Pause);
    assert!(!t.accept());
    t.listeners.set(Listen::Accept);
    assert_eq!(t.rang(), [Token::Listener(ListenerId(0))]);
    assert!(t.accept());
}

#[test]
fn after_stop_the_listeners_are_closed() {
    let mut t = Test::new([Ok(())]);
    t.listeners.set(Listen::Stop);
    assert_eq!(t.listeners.count(), 0);
    assert!(!t.accept());
}

#[test]
fn a_client_that_left_while_it_waited_does_not_hold_up_the_next() {
    let mut t = Test::new([Err(libc::ECONNABORTED), Ok(())]);
    assert!(t.accept());
    assert_eq!(t.listeners.resting_until(), None);
}

#[test]
fn clients_that_leave_without_end_hand_over_to_other_work() {
    let mut t = Test::new([Err(libc::ECONNABORTED); 2 * FAILURES_MAX]);
    assert!(!t.accept());
    assert_eq!(t.rang(), [Token::Listener(ListenerId(0))]);
}

#[test]
fn out_of_descriptors_accepting_rests_and_then_goes_on() {
    let mut t = Test::new([Err(libc::EMFILE), Ok(())]);
    assert!(!t.accept());
    let until = Instant::ZERO.after(REST);
    assert_eq!(t.listeners.resting_until(), Some(until));
    assert!(!t.accept(), "it must not try during the rest");
    t.listeners.resume(Instant::from_nanos(until.as_nanos() - 1));
    assert_eq!(t.rang(), []);
    t.listeners.resume(until);
    assert_eq!(t.rang(), [Token::Listener(ListenerId(0))]);
    assert!(t.accept());
}

struct Test {
    inbox: Arc<Inbox>,
    listeners: Listeners<Script>,
}

impl Test {
    fn new(script: impl IntoIterator<Item = Result<(), i32>>) -> Self {
        let inbox = Arc::default();
        let listeners = Listeners::new(vec![script.into_iter().collect()], &inbox);
        Self { inbox, listeners }
    }

    fn accept(&mut self) -> bool {
        self.listeners.accept(&Script, ListenerId(0), Instant::ZERO).is_some()
    }

    fn rang(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        self.inbox.take(&mut tokens, &mut Vec::new());
        self.listeners.answer(ListenerId(0));
        tokens
    }
}

/// A network whose listeners do as they are told: a client, or an error by its number.
struct Script;

impl Net for Script {
    type Stream = DuplexStream;
    type Listener = VecDeque<Result<(), i32>>;
    type Pipe = Infallible;

    fn poll_accept(
        &self,
        listener: &mut Self::Listener,
        _cx: &mut Context<'_>,
    ) -> Poll<io::Result<(DuplexStream, SocketAddr)>> {
        match listener.pop_front() {
            Some(Ok(())) => Poll::Ready(Ok((duplex(1).0, SocketAddr::from(([127, 0, 0, 1], 1))))),
            Some(Err(errno)) => Poll::Ready(Err(io::Error::from_raw_os_error(errno))),
            None => Poll::Pending,
        }
    }

    fn connect(&self, _peer: SocketAddr) -> impl Future<Output = io::Result<DuplexStream>> + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
