//! Shutting down: what runs may finish, nothing new begins, and it ends in any case.

use crate::script::{End, NANO, Script, seconds};
use proxy_core::Listen;

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

#[test]
fn with_nothing_to_do_it_is_over_at_once() {
    let mut t = Script::new();
    t.drains();
    assert_eq!((t.listens(), t.is_drained()), (Listen::Stop, true));
}

#[test]
fn idle_connections_of_both_sides_are_closed() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.says(server, OK);
    t.drains();
    assert_eq!((t.end(client), t.end(server)), (Some(End::Closed), Some(End::Closed)));
    assert!(t.is_drained());
    assert_eq!(t.core.connections(), 0);
}

#[test]
fn a_request_that_runs_is_finished_and_its_client_told_to_close() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.drains();
    assert!(!t.is_drained());
    t.says(server, OK);
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi");
    assert_eq!((t.end(client), t.end(server)), (Some(End::Fin), Some(End::Closed)));
    // Its next request may be on the way: closing now could reset the answer away (RFC 9112 §9.6).
    assert!(!t.is_drained());
    t.half_closes(client);
    assert_eq!(t.end(client), Some(End::Closed));
    assert!(t.is_drained());
    assert_eq!(t.told(), "200 ok --");
}

#[test]
fn a_response_that_promised_to_go_on_ends_the_connection_all_the_same() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||h");
    t.drains();
    t.says(server, "i");
    assert_eq!((t.hears(client).as_str(), t.end(client)), (OK, Some(End::Fin)));
    t.half_closes(client);
    assert_eq!(t.end(client), Some(End::Closed));
    assert!(t.is_drained());
}

#[test]
fn a_head_that_has_begun_may_be_completed() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HT");
    t.drains();
    t.says(client, "TP/1.1|Host: a||");
    let server = t.connects("A");
    t.says(server, OK);
    assert!(t.hears(client).starts_with("HTTP/1.1 200 OK|"));
    t.half_closes(client);
    assert!(t.is_drained());
}

#[test]
fn what_is_left_when_the_time_is_over_is_cut() {
    let mut t = Script::with_timeouts(|timeouts| {
        timeouts.read = None;
        timeouts.total = None;
        timeouts.client.head = None;
    });
    let (waiting, receiving, asking) = (t.client(), t.client(), t.client());
    t.says(waiting, GET);
    t.connects("A");
    t.says(receiving, GET);
    let server = t.connects("B");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||half");
    t.says(asking, "GET /");
    t.drains();
    t.passes(seconds(30) - NANO);
    assert!(!t.is_drained());
    t.passes(NANO);
    assert!(t.is_drained());
    for client in [waiting, receiving] {
        assert_eq!(t.end(client), Some(End::Reset));
    }
    assert_eq!(t.core.connections(), 0);
    assert_eq!([t.told(), t.told(), t.told()], ["- draining KH", "200 draining KD", "- draining KR"]);
    assert_eq!(t.told(), "nothing");
}

#[test]
fn a_client_that_slipped_in_is_closed() {
    let mut t = Script::new();
    let first = t.client();
    t.says(first, GET);
    t.drains();
    let late = t.client();
    assert_eq!(t.end(late), Some(End::Closed));
}

#[test]
fn a_second_drain_changes_nothing() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    t.drains();
    t.drains();
    assert!(!t.is_drained());
}
