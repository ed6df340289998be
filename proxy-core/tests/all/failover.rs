//! Which endpoint a request goes to, and to which next when one can't be connected to.

use crate::script::{NANO, Script, seconds};
use proxy_core::{AttemptResult, NetError};

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

/// The endpoints that so many requests go to, each on a connection of its own.
fn order(t: &mut Script, requests: usize) -> String {
    for _ in 0..requests {
        let client = t.client();
        t.says(client, GET);
    }
    t.connecting()
}

#[test]
fn endpoints_take_turns() {
    let mut t = Script::with_endpoints(3, |_| {});
    assert_eq!(order(&mut t, 7), "ABCABCA");
}

#[test]
fn a_heavier_endpoint_gets_more_turns_between_the_others() {
    let mut t = Script::with(|config| config.clusters[0].endpoints[0].weight = 2);
    assert_eq!(order(&mut t, 6), "ABAABA");
}

#[test]
fn a_refusal_moves_the_request_to_the_next_endpoint() {
    let mut t = Script::with_endpoints(3, |_| {});
    let client = t.client();
    t.says(client, GET);
    t.refuses("A");
    t.fails_to_connect("B", NetError::Unreachable);
    let server = t.connects("C");
    assert_eq!(t.hears(server), GET);
    t.says(server, OK);
    assert_eq!(t.hears(client), OK);
    let outcome = t.outcome();
    let results: Vec<_> =
        outcome.attempts.iter().map(|attempt| (attempt.endpoint.id.0, attempt.result)).collect();
    assert_eq!(
        results,
        [
            (0, AttemptResult::ConnectFailed(NetError::Refused)),
            (1, AttemptResult::ConnectFailed(NetError::Unreachable)),
            (2, AttemptResult::Ok)
        ]
    );
}

#[test]
fn when_every_endpoint_refuses_the_client_is_told_which_was_tried_last() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    t.refuses("A");
    t.refuses("B");
    assert_eq!(
        t.hears_reply(client),
        "502 Bad Gateway [connection_refused] Upstream unavailable: connection refused (127.0.0.1:9002)"
    );
    assert_eq!(t.told(), "502 connect_refused SC");
    t.says(client, GET);
    assert_ne!(
        t.connecting(),
        "",
        "a refusal is not remembered beyond its request, and the client may go on"
    );
}

#[test]
fn each_way_to_fail_has_its_reason() {
    for (error, told) in [
        (NetError::Refused, "502 connect_refused SC"),
        (NetError::Reset, "502 connect_refused SC"),
        (NetError::Unreachable, "502 connect_unreachable SC"),
        (NetError::Other, "502 connect_unreachable SC"),
        (NetError::TimedOut, "504 connect_timeout sC"),
    ] {
        let mut t = Script::with_endpoints(1, |_| {});
        let client = t.client();
        t.says(client, GET);
        t.fails_to_connect("A", error);
        assert_eq!(t.told(), told, "{error:?}");
    }
}

#[test]
fn addresses_are_not_named_when_they_must_not_be() {
    let mut t = Script::with_endpoints(1, |config| config.explain_addresses = false);
    let client = t.client();
    t.says(client, GET);
    t.refuses("A");
    assert_eq!(
        t.hears_reply(client),
        "502 Bad Gateway [connection_refused] Upstream unavailable: connection refused"
    );
}

#[test]
fn a_connect_timeout_moves_on_and_each_attempt_has_its_own_time() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    t.passes(seconds(1) - NANO);
    assert_eq!(t.connecting(), "A");
    t.passes(NANO);
    assert_eq!(t.connecting(), "B");
    t.passes(seconds(1) - NANO);
    assert_eq!(t.connecting(), "B");
    t.passes(NANO);
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [connection_timeout] \
         Upstream unavailable: connecting took too long (127.0.0.1:9002)"
    );
    assert_eq!(t.told(), "504 connect_timeout sC");
}

#[test]
fn the_octets_of_a_body_survive_failover() {
    let mut t = Script::with_endpoints(3, |_| {});
    let client = t.client();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 9||abc");
    t.refuses("A");
    t.says(client, "def");
    t.refuses("B");
    t.says(client, "ghi");
    let server = t.connects("C");
    assert_eq!(t.hears(server), "POST / HTTP/1.1|Host: a|Content-Length: 9||abcdefghi");
    t.says(server, OK);
    assert_eq!(t.hears(client), OK);
    assert_eq!(t.outcome().received, 9);
}

#[test]
fn a_long_body_survives_failover() {
    let mut t = Script::new();
    let client = t.client();
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 300000||");
    t.sends(client, &body);
    assert!(t.unread(client) > 200_000, "it waits in the kernel");
    t.refuses("A");
    let server = t.connects("B");
    let heard = t.hears_octets(server);
    assert_eq!(t.unread(client), 0);
    assert!(heard.ends_with(&body));
}

#[test]
fn a_failure_after_the_connection_stood_moves_nowhere() {
    for request in [GET, "POST / HTTP/1.1|Host: a|Content-Length: 2||ab"] {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, request);
        let server = t.connects("A");
        t.resets(server);
        assert_eq!(t.connecting(), "");
        assert_eq!(t.told(), "502 upstream_reset SH");
        assert_eq!(t.end(client), None);
    }
}

#[test]
fn a_cluster_without_endpoints_is_a_503() {
    let mut t = Script::with_endpoints(0, |_| {});
    let client = t.client();
    t.says(client, GET);
    assert_eq!(
        t.hears_reply(client),
        "503 Service Unavailable [destination_unavailable] No upstream server is configured for this request"
    );
    assert_eq!(t.told(), "503 no_healthy_endpoint SQ");
}
