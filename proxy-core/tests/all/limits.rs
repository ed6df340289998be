//! Limits on numbers: connections to an endpoint, the queue for them, clients.

use crate::script::{End, NANO, Script, millis, seconds};
use proxy_core::{ConnId, EndpointId, Listen, Permit};

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

/// One endpoint that takes one connection, which serves a first client.
fn full(max_queue: u32) -> (Script, ConnId, ConnId) {
    let mut t = Script::with_endpoints(1, |config| {
        config.clusters[0].endpoints[0].max_connections = Some(1);
        config.clusters[0].max_queue = max_queue;
    });
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.hears(server);
    (t, client, server)
}

#[test]
fn a_limit_of_one_means_one() {
    let (mut t, first, server) = full(10);
    let second = t.client();
    t.says(second, "GET /second HTTP/1.1|Host: a||");
    assert_eq!((t.connecting().as_str(), t.hears(server).as_str()), ("", ""));
    t.says(server, OK);
    assert_eq!(t.hears(first), OK);
    assert_eq!(t.hears(server), "GET /second HTTP/1.1|Host: a||", "the connection goes to who waits");
    t.says(server, OK);
    assert_eq!(t.hears(second), OK);
}

#[test]
fn those_who_wait_are_served_in_order() {
    let (mut t, _, server) = full(10);
    for at in 1..=3 {
        let client = t.client();
        t.says(client, &format!("GET /{at} HTTP/1.1|Host: a||"));
    }
    for at in 1..=3 {
        t.says(server, OK);
        assert_eq!(t.hears(server), format!("GET /{at} HTTP/1.1|Host: a||"));
    }
}

#[test]
fn a_connection_that_ends_makes_room_for_a_new_one() {
    let (mut t, _, server) = full(10);
    let second = t.client();
    t.says(second, GET);
    t.says(server, "HTTP/1.1 200 OK|Connection: close|Content-Length: 2||hi");
    let fresh = t.connects("A");
    t.says(fresh, OK);
    assert_eq!(t.hears(second), OK);
}

#[test]
fn a_failed_connection_makes_room_as_well() {
    let (mut t, first, server) = full(10);
    let second = t.client();
    t.says(second, GET);
    t.resets(server);
    assert!(t.hears_reply(first).starts_with("502"));
    t.refuses("A");
    assert!(t.hears_reply(second).starts_with("502"));
    let third = t.client();
    t.says(third, GET);
    assert_eq!(t.connecting(), "A", "no unit was lost");
}

#[test]
fn a_body_waits_with_its_request_and_follows_it() {
    let (mut t, _, server) = full(10);
    let second = t.client();
    t.says(second, "POST / HTTP/1.1|Host: a|Content-Length: 4||ab");
    t.says(server, OK);
    t.says(second, "cd");
    assert_eq!(t.hears(server), "POST / HTTP/1.1|Host: a|Content-Length: 4||abcd");
}

#[test]
fn a_full_queue_is_a_503_for_who_comes_last() {
    let (mut t, _, server) = full(1);
    let (second, third) = (t.client(), t.client());
    t.says(second, GET);
    t.says(third, GET);
    assert_eq!(
        t.hears_reply(third),
        "503 Service Unavailable [connection_limit_reached] Too many requests are waiting for the upstream"
    );
    assert_eq!(t.told(), "503 queue_full SQ");
    t.says(server, OK);
    t.says(server, OK);
    assert_eq!(t.hears(second), OK);
}

#[test]
fn with_no_queue_at_all_who_finds_no_slot_is_told_at_once() {
    let (mut t, first, server) = full(0);
    let second = t.client();
    t.says(second, GET);
    assert!(t.hears_reply(second).starts_with("503"));
    t.says(server, OK);
    assert_eq!(t.hears(first), OK);
    t.says(second, GET);
    t.says(server, OK);
    assert_eq!(t.hears(second), OK);
}

#[test]
fn with_no_queue_at_all_a_free_slot_is_used() {
    let (mut t, first, _) = full(0);
    assert_eq!((t.hears(first).as_str(), t.end(first)), ("", None));
}

#[test]
fn the_queue_has_a_limit_on_time_from_when_the_request_came() {
    let (mut t, _, _) = full(10);
    t.passes(millis(700));
    let second = t.client();
    t.says(second, GET);
    t.passes(seconds(1) - NANO);
    assert_eq!(t.hears(second), "");
    t.passes(NANO);
    assert!(t.hears_reply(second).starts_with("503"));
    assert_eq!(t.told(), "503 queue_timeout sQ");
}

#[test]
fn another_worker_that_gives_a_unit_back_serves_who_waits_here() {
    let mut t = Script::with_endpoints(1, |config| config.clusters[0].endpoints[0].max_connections = Some(1));
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
    let client = t.client();
    t.says(client, GET);
    assert_eq!(t.connecting(), "");
    t.returns_permit(Permit::Endpoint(EndpointId(0)));
    assert_eq!(t.connecting(), "A");
}

#[test]
fn a_unit_that_comes_too_late_goes_back() {
    let mut t = Script::with_endpoints(1, |config| config.clusters[0].endpoints[0].max_connections = Some(1));
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
    let client = t.client();
    t.says(client, GET);
    t.passes(seconds(1));
    assert!(t.hears_reply(client).starts_with("503"));
    t.returns_permit(Permit::Endpoint(EndpointId(0)));
    assert_eq!(t.connecting(), "");
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
}

#[test]
fn an_idle_connection_goes_when_another_worker_wants_its_unit() {
    let (mut t, _, server) = full(10);
    t.says(server, OK);
    t.wants(Permit::Endpoint(EndpointId(0)));
    assert_eq!(t.end(server), Some(End::Closed));
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
}

#[test]
fn a_busy_connection_goes_after_its_response_when_another_worker_wants_its_unit() {
    let (mut t, first, server) = full(10);
    t.wants(Permit::Endpoint(EndpointId(0)));
    assert_eq!(t.end(server), None);
    t.says(server, OK);
    assert_eq!((t.hears(first).as_str(), t.end(server)), (OK, Some(End::Closed)));
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
}

#[test]
fn each_of_two_workers_that_want_a_unit_gets_one() {
    let mut t = Script::with_endpoints(1, |config| config.clusters[0].endpoints[0].max_connections = Some(3));
    let clients = [t.client(), t.client(), t.client()];
    let servers = clients.map(|client| {
        t.says(client, GET);
        t.connects("A")
    });
    t.wants(Permit::Endpoint(EndpointId(0)));
    t.wants(Permit::Endpoint(EndpointId(0)));
    let ends = servers.map(|server| {
        t.says(server, OK);
        t.end(server)
    });
    assert_eq!(ends, [Some(End::Closed), Some(End::Closed), None]);
}

#[test]
fn endpoints_with_limits_take_turns_as_well() {
    for limits in [[Some(9), Some(9)], [None, Some(9)], [Some(9), None]] {
        let mut t = Script::with(|config| {
            for (endpoint, limit) in config.clusters[0].endpoints.iter_mut().zip(limits) {
                endpoint.max_connections = limit;
            }
        });
        let client = t.client();
        let mut servers = Vec::new();
        for name in ["A", "B"] {
            t.says(client, GET);
            let server = t.connects(name);
            t.says(server, OK);
            servers.push(server);
        }
        for at in [0, 1, 0, 1] {
            t.hears(servers[at]);
            t.says(client, GET);
            assert_eq!(t.hears(servers[at]), GET, "{limits:?}");
            t.says(servers[at], OK);
        }
    }
}

#[test]
fn when_one_endpoint_is_full_the_other_takes_the_request() {
    let mut t = Script::with(|config| config.clusters[0].endpoints[0].max_connections = Some(1));
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
    let client = t.client();
    t.says(client, GET);
    assert_eq!(t.connecting(), "B");
}

#[test]
fn a_stale_connection_to_a_full_endpoint_is_replaced() {
    let (mut t, first, server) = full(10);
    t.says(server, OK);
    t.hears(first);
    t.says(first, GET);
    t.resets(server);
    let fresh = t.connects("A");
    t.says(fresh, OK);
    assert_eq!(t.hears(first), OK);
}

#[test]
fn a_stale_request_that_must_queue_waits_for_a_fresh_connection() {
    let mut t = Script::with(|config| {
        for endpoint in &mut config.clusters[0].endpoints {
            endpoint.max_connections = Some(1);
        }
    });
    let (first, second, third) = (t.client(), t.client(), t.client());
    t.says(first, GET);
    let stale = t.connects("A");
    t.says(second, GET);
    let busy = t.connects("B");
    t.says(stale, OK);
    t.hears(first);
    t.says(first, GET);
    t.says(third, GET);
    t.wants(Permit::Endpoint(EndpointId(0)));
    t.resets(stale);
    t.connects("A");
    t.says(busy, OK);
    assert_eq!(t.end(busy), Some(End::Closed), "the idle connection gives way");
    let fresh = t.connects("B");
    assert_eq!(t.hears(fresh), GET);
    t.says(fresh, OK);
    assert_eq!(t.hears(first), OK);
}

fn few_clients(limit: u32) -> Script {
    Script::with(|config| config.limits.client_connections = Some(limit))
}

#[test]
fn clients_over_the_limit_wait_unread_until_one_leaves() {
    let mut t = few_clients(1);
    let (first, second) = (t.client(), t.client());
    assert_eq!(t.listens(), Listen::Pause);
    t.says(second, GET);
    assert_eq!((t.unread(second), t.connecting().as_str()), (27, ""));
    t.half_closes(first);
    assert_eq!((t.unread(second), t.connecting().as_str()), (0, "A"));
    assert_eq!(t.listens(), Listen::Accept);
}

#[test]
fn a_client_that_left_before_its_turn_takes_no_place() {
    let mut t = few_clients(1);
    let (first, second, third) = (t.client(), t.client(), t.client());
    t.resets(second);
    t.half_closes(first);
    t.says(third, GET);
    assert_eq!(t.connecting(), "A");
    t.half_closes(third);
    assert_eq!(t.listens(), Listen::Accept);
}

#[test]
fn every_place_is_given_back() {
    let mut t = few_clients(1);
    for round in 0..5 {
        let client = t.client();
        t.says(client, "nonsense||");
        assert!(t.hears_reply(client).starts_with("400"), "round {round}");
        t.half_closes(client);
    }
    assert_eq!(t.listens(), Listen::Accept);
}
