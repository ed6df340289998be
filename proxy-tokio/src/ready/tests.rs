use super::{Bell, Inbox, Token};
use proxy_core::Input;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[test]
fn a_bell_rung_twice_is_in_the_inbox_once() {
    let inbox = Arc::default();
    let waker = Waker::from(Bell::new(Token::Slot(7), &inbox));
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!(tokens(&inbox), [Token::Slot(7)]);
}

#[test]
fn a_bell_rings_again_only_after_the_worker_looked() {
    let inbox = Arc::default();
    let bell = Bell::new(Token::Alarm, &inbox);
    let waker = Waker::from(Arc::clone(&bell));
    waker.wake_by_ref();
    assert_eq!(tokens(&inbox), [Token::Alarm]);
    waker.wake_by_ref();
    assert!(tokens(&inbox).is_empty());
    bell.answer();
    waker.wake_by_ref();
    assert_eq!(tokens(&inbox), [Token::Alarm]);
}

#[test]
fn what_the_worker_listed_itself_is_not_listed_by_the_bell() {
    let inbox = Arc::default();
    let bell = Bell::new(Token::Slot(0), &inbox);
    assert!(bell.queue());
    assert!(!bell.queue());
    Waker::from(bell).wake();
    assert!(tokens(&inbox).is_empty());
}

#[test]
fn news_keep_their_order() {
    let inbox = Arc::default();
    for index in [3, 1, 2] {
        Waker::from(Bell::new(Token::Slot(index), &inbox)).wake();
    }
    assert_eq!(tokens(&inbox), [Token::Slot(3), Token::Slot(1), Token::Slot(2)]);
}

#[test]
fn a_sleeping_worker_is_woken_once_for_all_news() {
    let (inbox, woken) = (Inbox::default(), Arc::new(Counter::default()));
    assert!(inbox.sleep(&Waker::from(Arc::clone(&woken))));
    inbox.post(Input::Drain);
    inbox.post(Input::Drain);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_working_worker_is_not_woken_but_may_not_fall_asleep_either() {
    let (inbox, woken) = (Inbox::default(), Arc::new(Counter::default()));
    let waker = Waker::from(Arc::clone(&woken));
    inbox.post(Input::Drain);
    assert!(!inbox.sleep(&waker));
    inbox.post(Input::Drain);
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    inbox.take(&mut Vec::new(), &mut Vec::new());
    assert!(inbox.sleep(&waker));
}

#[test]
fn the_waker_of_the_last_sleep_is_the_one_that_counts() {
    let inbox = Inbox::default();
    let (first, second) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    inbox.sleep(&Waker::from(Arc::clone(&first)));
    inbox.sleep(&Waker::from(Arc::clone(&second)));
    inbox.post(Input::Drain);
    assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
}

fn tokens(inbox: &Arc<Inbox>) -> Vec<Token> {
    let mut tokens = Vec::new();
    inbox.take(&mut tokens, &mut Vec::new());
    tokens
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
