use super::Crew;
use proxy_core::{Config, EndpointId, Input, Permit};
use std::sync::Arc;

const LIMITED: Permit = Permit::Endpoint(EndpointId(0));
const GRANTED: Input = Input::Granted { permit: LIMITED };
const WANTED: Input = Input::Wanted { permit: LIMITED };

#[test]
fn a_free_unit_is_granted_and_nobody_else_hears_of_it() {
    let crew = crew(1);
    assert!(crew.acquire(LIMITED, 0));
    assert_eq!([mail(&crew, 0), mail(&crew, 1)], [[], []]);
}

#[test]
fn a_worker_that_is_denied_asks_the_others_to_let_idle_connections_go() {
    let crew = crew(1);
    crew.acquire(LIMITED, 0);
    assert!(!crew.acquire(LIMITED, 1));
    assert_eq!(mail(&crew, 0), [WANTED]);
    assert_eq!(mail(&crew, 1), []);
    assert_eq!(mail(&crew, 2), [WANTED]);
}

#[test]
fn a_client_that_waits_disturbs_nobody() {
    let crew = crew(1);
    crew.acquire(Permit::Client, 0);
    assert!(!crew.acquire(Permit::Client, 1));
    assert_eq!(mail(&crew, 0), []);
}

#[test]
fn a_released_unit_is_mailed_to_the_worker_that_waits() {
    let crew = crew(1);
    crew.acquire(LIMITED, 0);
    crew.acquire(LIMITED, 1);
    mail(&crew, 0);
    crew.release(LIMITED);
    assert_eq!(mail(&crew, 1), [GRANTED]);
    assert_eq!(mail(&crew, 0), []);
}

#[test]
fn a_unit_that_goes_to_one_of_two_waiting_workers_is_wanted_from_the_start() {
    let crew = crew(1);
    for worker in [0, 1, 2] {
        crew.acquire(LIMITED, worker);
    }
    mail(&crew, 1);
    crew.release(LIMITED);
    assert_eq!(mail(&crew, 1), [GRANTED, WANTED]);
    mail(&crew, 2);
    crew.release(LIMITED);
    assert_eq!(mail(&crew, 2), [GRANTED]);
}

#[test]
fn a_worker_may_wait_for_its_own_release() {
    let crew = crew(1);
    crew.acquire(LIMITED, 0);
    assert!(!crew.acquire(LIMITED, 0));
    crew.release(LIMITED);
    assert_eq!(mail(&crew, 0), [GRANTED]);
}

#[test]
fn what_a_worker_was_granted_as_it_left_goes_to_the_next() {
    let crew = crew(1);
    crew.acquire(LIMITED, 0);
    crew.acquire(LIMITED, 1);
    crew.acquire(LIMITED, 2);
    crew.release(LIMITED);
    mail(&crew, 2);
    crew.leave(1);
    assert_eq!(mail(&crew, 2), [GRANTED]);
}

#[test]
fn a_drain_reaches_every_worker() {
    let crew = crew(1);
    crew.drain();
    assert!((0..3).all(|worker| mail(&crew, worker) == [Input::Drain]));
}

/// Three workers with one limit on clients and on the one endpoint.
fn crew(limit: u32) -> Arc<Crew> {
    let addr = "127.0.0.1:1".parse().unwrap();
    let mut config = Config::simple(addr, &[addr]);
    config.clusters[0].endpoints[0].max_connections = Some(limit);
    config.limits.client_connections = Some(limit);
    Crew::new(&config, 3)
}

fn mail(crew: &Crew, worker: usize) -> Vec<Input> {
    let mut mail = Vec::new();
    crew.inbox(worker).take(&mut Vec::new(), &mut mail);
    mail
}
