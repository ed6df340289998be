use super::{Alarm, Clock};
use crate::ready::{Inbox, Token};
use proxy_core::Instant;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{advance, sleep};

#[tokio::test(start_paused = true)]
async fn the_clock_counts_from_the_epoch() {
    let clock = Clock::new(tokio::time::Instant::now());
    assert_eq!(clock.now(), Instant::ZERO);
    advance(Duration::from_micros(1_500)).await;
    assert_eq!(clock.now(), Instant::from_nanos(1_500_000));
}

#[tokio::test(start_paused = true)]
async fn it_rings_when_due_and_not_before() {
    let mut t = Test::new();
    t.alarm.set(ms(20));
    sleep(Duration::from_millis(19)).await;
    assert_eq!(t.rang(), 0);
    sleep(Duration::from_millis(2)).await;
    assert_eq!(t.rang(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_rings_once_and_then_is_silent_until_it_is_set_again() {
    let mut t = Test::new();
    t.alarm.set(ms(5));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(t.rang(), 1);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(t.rang(), 0);
    t.alarm.set(ms(101_500));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(t.rang(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_moment_replaces_a_later_one() {
    let mut t = Test::new();
    t.alarm.set(ms(500));
    t.alarm.set(ms(50));
    sleep(Duration::from_millis(52)).await;
    assert_eq!(t.rang(), 1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(t.rang(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_later_moment_leaves_it_where_it_was() {
    let mut t = Test::new();
    t.alarm.set(ms(50));
    t.alarm.set(ms(500));
    sleep(Duration::from_millis(52)).await;
    assert_eq!(t.rang(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_is_past_rings_at_once() {
    let mut t = Test::new();
    advance(Duration::from_secs(1)).await;
    t.alarm.set(ms(10));
    assert_eq!(t.rang(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_time_is_not_waited_for() {
    let mut t = Test::new();
    t.alarm.set(Instant::from_nanos(u64::MAX));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(t.rang(), 0);
    t.alarm.set(ms(2_000));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(t.rang(), 1);
}

struct Test {
    inbox: Arc<Inbox>,
    alarm: Alarm,
}

impl Test {
    fn new() -> Self {
        let inbox = Arc::default();
        let alarm = Alarm::new(Clock::new(tokio::time::Instant::now()), &inbox);
        Self { inbox, alarm }
    }

    /// How often it rang since the last look.
    fn rang(&mut self) -> usize {
        let mut tokens = Vec::new();
        self.inbox.take(&mut tokens, &mut Vec::new());
        assert!(tokens.iter().all(|token| *token == Token::Alarm));
        if !tokens.is_empty() {
            self.alarm.answer();
        }
        tokens.len()
    }
}

fn ms(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000_000)
}
