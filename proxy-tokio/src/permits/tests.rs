use super::Permits;
use proxy_core::{Config, EndpointId, Permit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

const LIMITED: Permit = Permit::Endpoint(EndpointId(0));

#[test]
fn a_limit_of_one_means_one() {
    let permits = permits(Some(1));
    assert!(permits.acquire(LIMITED, 0));
    assert!(!permits.acquire(LIMITED, 0));
    assert!(!permits.acquire(LIMITED, 1));
}

#[test]
fn without_a_limit_every_wish_is_granted() {
    let permits = permits(None);
    assert!((0..10_000).all(|_| permits.acquire(LIMITED, 0)));
    assert_eq!(release(&permits), None);
}

#[test]
fn an_endpoint_that_the_configuration_does_not_have_is_not_limited() {
    assert!(permits(Some(1)).acquire(Permit::Endpoint(EndpointId(7)), 0));
}

#[test]
fn a_released_unit_goes_to_whoever_waited_longest() {
    let permits = permits(Some(1));
    assert!(permits.acquire(LIMITED, 0));
    for worker in [2, 1, 2] {
        assert!(!permits.acquire(LIMITED, worker));
    }
    assert_eq!([release(&permits), release(&permits), release(&permits)], [Some(2), Some(1), Some(2)]);
    assert_eq!(release(&permits), None);
    assert!(permits.acquire(LIMITED, 3));
}

#[test]
fn nobody_overtakes_a_waiting_worker() {
    let permits = permits(Some(1));
    assert!(permits.acquire(LIMITED, 0));
    assert!(!permits.acquire(LIMITED, 1));
    assert_eq!(release(&permits), Some(1));
    // The unit is worker 1's now, though it has not heard of it yet.
    assert!(!permits.acquire(LIMITED, 0));
}

#[test]
fn a_worker_that_left_is_granted_nothing() {
    let permits = permits(Some(1));
    assert!(permits.acquire(LIMITED, 0));
    for worker in [1, 2, 1] {
        assert!(!permits.acquire(LIMITED, worker));
    }
    permits.leave(1);
    assert_eq!(release(&permits), Some(2));
    assert_eq!(release(&permits), None);
    assert!(permits.acquire(LIMITED, 0));
}

#[test]
fn limits_do_not_touch_each_other() {
    let permits = permits(Some(1));
    assert!(permits.acquire(LIMITED, 0));
    assert!(permits.acquire(Permit::Client, 0));
}

#[test]
fn threads_never_hold_more_than_the_limit_and_none_is_forgotten() {
    const LIMIT: u32 = 3;
    const ROUNDS: usize = 5_000;
    const WORKERS: usize = 4;
    let permits = permits(Some(LIMIT));
    let held = AtomicU32::new(0);
    let granted: [Mutex<usize>; WORKERS] = Default::default();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (permits, held, granted) = (&permits, &held, &granted);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    if !permits.acquire(LIMITED, worker) {
                        while !take_one(&granted[worker]) {
                            thread::yield_now();
                        }
                    }
                    assert!(held.fetch_add(1, Ordering::SeqCst) < LIMIT);
                    held.fetch_sub(1, Ordering::SeqCst);
                    permits.release(LIMITED, |grant| *granted[grant.worker].lock().unwrap() += 1);
                }
            });
        }
    });
    assert!((0..LIMIT).all(|_| permits.acquire(LIMITED, 0)));
    assert!(!permits.acquire(LIMITED, 0));
}

fn permits(max_connections: Option<u32>) -> Permits {
    let addr = "127.0.0.1:1".parse().unwrap();
    let mut config = Config::simple(addr, &[addr]);
    config.clusters[0].endpoints[0].max_connections = max_connections;
    Permits::new(&config)
}

/// Which worker the unit went to.
fn release(permits: &Permits) -> Option<usize> {
    let mut next = None;
    permits.release(LIMITED, |grant| next = Some(grant.worker));
    next
}

fn take_one(granted: &Mutex<usize>) -> bool {
    let mut granted = granted.lock().unwrap();
    let any = *granted > 0;
    *granted -= usize::from(any);
    any
}
