//! A client that leaves, in each phase.

use crate::script::{End, Script};
use proxy_core::ConnId;

const GET: &str = "GET / HTTP/1.1|Host: a||";

/// FIN and RST mean the same of a client that would go on.
fn each_way(test: impl Fn(&mut Script, &dyn Fn(&mut Script, ConnId))) {
    for resets in [false, true] {
        let leaves = |t: &mut Script, client| t.leaves(client, resets);
        test(&mut Script::new(), &leaves);
    }
}

#[test]
fn between_requests_it_is_no_event() {
    each_way(|t, leaves| {
        let client = t.client();
        leaves(t, client);
        assert_eq!((t.told().as_str(), t.core.connections()), ("nothing", 0));
    });
}

#[test]
fn in_a_head_it_is_a_499() {
    each_way(|t, leaves| {
        let client = t.client();
        t.says(client, "GET / HT");
        leaves(t, client);
        assert_eq!((t.told().as_str(), t.core.connections()), ("499 client_aborted CR", 0));
    });
}

#[test]
fn while_connecting_it_is_a_499_and_the_attempt_is_given_up() {
    each_way(|t, leaves| {
        let client = t.client();
        t.says(client, GET);
        leaves(t, client);
        assert_eq!(t.connecting(), "");
        assert_eq!((t.told().as_str(), t.core.connections()), ("499 client_aborted CC", 0));
    });
}

#[test]
fn while_the_upstream_thinks_it_is_a_499_and_its_connection_is_closed() {
    each_way(|t, leaves| {
        let client = t.client();
        t.says(client, GET);
        let server = t.connects("A");
        leaves(t, client);
        assert_eq!(t.end(server), Some(End::Reset));
        assert_eq!((t.told().as_str(), t.core.connections()), ("499 client_aborted CH", 0));
    });
}

#[test]
fn in_a_request_body_it_is_a_499_and_nothing_dirty_is_pooled() {
    each_way(|t, leaves| {
        let client = t.client();
        t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 9||half");
        let server = t.connects("A");
        leaves(t, client);
        assert_eq!(t.end(server), Some(End::Reset));
        assert_eq!((t.told().as_str(), t.core.connections()), ("499 client_aborted CH", 0));
    });
}

#[test]
fn in_a_response_body_the_log_keeps_the_status() {
    each_way(|t, leaves| {
        let client = t.client();
        t.says(client, GET);
        let server = t.connects("A");
        t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||half");
        leaves(t, client);
        assert_eq!(t.end(server), Some(End::Reset));
        assert_eq!((t.told().as_str(), t.core.connections()), ("200 client_aborted CD", 0));
    });
}

#[test]
fn while_its_response_is_flushed_a_reset_is_recorded() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.stalls(client);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.told(), "nothing");
    t.resets(client);
    assert_eq!(t.told(), "499 client_aborted CD");
    assert_eq!(t.end(server), None, "the upstream's part is done");
}

#[test]
fn while_queued_it_leaves_the_queue() {
    for resets in [false, true] {
        let mut t =
            Script::with_endpoints(1, |config| config.clusters[0].endpoints[0].max_connections = Some(1));
        let (first, second, third) = (t.client(), t.client(), t.client());
        t.says(first, GET);
        let server = t.connects("A");
        t.says(second, GET);
        t.says(third, "GET /third HTTP/1.1|Host: a||");
        t.leaves(second, resets);
        assert_eq!(t.told(), "499 client_aborted CQ");
        t.hears(server);
        t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
        assert_eq!(t.hears(server), "GET /third HTTP/1.1|Host: a||");
        assert_eq!(t.connecting(), "");
    }
}

#[test]
fn a_client_that_is_done_sending_still_gets_its_response() {
    for head in ["GET / HTTP/1.0|", "GET / HTTP/1.1|Host: a|Connection: close|"] {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, &format!("{head}|"));
        let server = t.connects("A");
        t.half_closes(client);
        t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
        assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi", "{head}");
        assert_eq!(t.end(client), Some(End::Closed));
        assert_eq!(t.told(), "200 ok --");
    }
}

#[test]
fn a_client_that_sent_a_whole_post_and_is_done_gets_its_response_even_after_queueing() {
    let mut t = Script::with_endpoints(1, |config| config.clusters[0].endpoints[0].max_connections = Some(1));
    let (first, second) = (t.client(), t.client());
    t.says(first, GET);
    let server = t.connects("A");
    t.says(second, "POST / HTTP/1.1|Host: a|Connection: close|Content-Length: 2||ab");
    t.half_closes(second);
    t.hears(server);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.hears(server), "POST / HTTP/1.1|Host: a|Content-Length: 2||ab");
    t.says(server, "HTTP/1.1 201 Created|Content-Length: 0||");
    assert_eq!(t.hears(second), "HTTP/1.1 201 Created|Content-Length: 0|Connection: close||");
}

#[test]
fn a_client_that_left_part_of_a_pipelined_head_behind_is_not_waited_for() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a|Connection: close||GET /never");
    let server = t.connects("A");
    t.half_closes(client);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.end(client), Some(End::Closed));
}
