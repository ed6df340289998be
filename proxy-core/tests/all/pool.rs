//! Which upstream connections are used again, and what happens when a pooled one proves dead.

use crate::script::{End, Script, seconds};
use proxy_core::{AttemptResult, ConnId};

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

/// One endpoint, with one clean connection in its pool.
fn pooled() -> (Script, ConnId, ConnId) {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.says(server, OK);
    forget(&mut t, client, server);
    (t, client, server)
}

fn forget(t: &mut Script, client: ConnId, server: ConnId) {
    t.hears(client);
    t.hears(server);
    t.told();
}

/// One exchange on a fresh connection; the upstream says `response`, in answer to `request`.
fn after(request: &str, response: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, request);
    let server = t.connects("A");
    t.says(server, response);
    (t, client, server)
}

#[test]
fn a_clean_connection_is_used_again() {
    let (mut t, client, server) = pooled();
    t.says(client, "GET /2 HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "");
    assert_eq!(t.hears(server), "GET /2 HTTP/1.1|Host: a||");
}

#[test]
fn another_client_may_use_it() {
    let (mut t, _, server) = pooled();
    let other = t.client();
    t.says(other, GET);
    t.says(server, OK);
    assert_eq!(t.hears(other), OK);
}

#[test]
fn the_connection_used_last_is_used_first() {
    let mut t = Script::with_endpoints(1, |_| {});
    let clients = [t.client(), t.client()];
    let servers = clients.map(|client| {
        t.says(client, GET);
        t.connects("A")
    });
    for server in servers {
        t.says(server, OK);
        t.hears(server);
    }
    t.says(clients[0], GET);
    assert_eq!((t.hears(servers[0]).as_str(), t.hears(servers[1]).as_str()), ("", GET));
}

#[test]
fn a_pooled_connection_with_unread_bytes_is_never_reused() {
    let (mut t, client, server) = pooled();
    t.says(server, "H");
    assert_eq!(t.end(server), Some(End::Closed));
    t.says(client, GET);
    assert_eq!(t.connecting(), "A");
}

#[test]
fn a_pooled_connection_that_the_server_closes_is_never_reused() {
    for resets in [false, true] {
        let (mut t, client, server) = pooled();
        if resets {
            t.resets(server)
        } else {
            t.half_closes(server)
        }
        assert_eq!(t.core.connections(), 1, "only the client's is left");
        t.says(client, GET);
        assert_eq!(t.connecting(), "A");
    }
}

#[test]
fn a_connection_with_octets_behind_the_response_is_not_pooled() {
    let (mut t, client, server) = after(GET, "HTTP/1.1 200 OK|Content-Length: 2||hiHTTP/1.1 200 OK|");
    assert_eq!(t.hears(client), OK);
    assert_eq!(t.end(server), Some(End::Closed));
    assert_eq!(t.told(), "200 ok --");
}

#[test]
fn a_connection_that_says_close_is_not_pooled() {
    for head in ["HTTP/1.1 200 OK|Connection: close", "HTTP/1.0 200 OK"] {
        let (mut t, client, server) = after(GET, &format!("{head}|Content-Length: 2||hi"));
        assert_eq!(t.hears(client), OK);
        assert_ne!(t.end(server), None);
        assert_eq!(t.end(client), None, "that the server closes is nothing to the client");
    }
}

#[test]
fn an_http_1_0_connection_that_is_to_be_kept_is_pooled() {
    let (mut t, client, server) = after(GET, "HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 2||hi");
    t.says(client, GET);
    assert_eq!(t.hears(server), format!("{GET}{GET}"));
}

#[test]
fn a_connection_that_ended_a_response_is_not_pooled() {
    let (mut t, client, server) = after(GET, "HTTP/1.1 200 OK||hi");
    t.half_closes(server);
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0||");
    assert_ne!(t.end(server), None);
    assert_eq!(t.told(), "200 ok --");
    t.says(client, GET);
    assert_eq!(t.connecting(), "A");
}

#[test]
fn a_connection_whose_request_was_not_sent_whole_is_not_pooled() {
    let (mut t, client, server) = after("POST / HTTP/1.1|Host: a|Content-Length: 5||ab", OK);
    assert!(t.hears(client).starts_with("HTTP/1.1 200 OK|Content-Length: 2|"));
    assert_eq!(t.end(server), Some(End::Reset));
}

#[test]
fn an_answer_before_the_request_was_written_whole_spoils_the_connection() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 5||");
    let server = t.connects("A");
    t.stalls(server);
    t.says(client, "abcde");
    t.says(server, OK);
    assert_eq!(t.hears(client), OK);
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.end(client), None, "the client's request was read whole");
}

#[test]
fn a_get_on_a_stale_connection_is_sent_again_at_once_on_a_fresh_one() {
    for resets in [false, true] {
        let (mut t, client, server) = pooled();
        t.says(client, GET);
        assert_eq!(t.hears(server), GET);
        if resets {
            t.resets(server)
        } else {
            t.half_closes(server)
        }
        let fresh = t.connects("A");
        assert_eq!(t.hears(fresh), GET);
        t.says(fresh, OK);
        assert_eq!(t.hears(client), OK);
        let outcome = t.outcome();
        let results: Vec<_> =
            outcome.attempts.iter().map(|attempt| (attempt.reused, attempt.result)).collect();
        assert_eq!(results, [(true, AttemptResult::Stale), (false, AttemptResult::Ok)]);
    }
}

#[test]
fn a_stale_connection_is_not_replaced_by_a_sibling_that_may_be_stale_too() {
    let mut t = Script::with_endpoints(1, |_| {});
    let clients = [t.client(), t.client()];
    let servers = clients.map(|client| {
        t.says(client, GET);
        t.connects("A")
    });
    for server in servers {
        t.says(server, OK);
    }
    t.says(clients[0], GET);
    t.resets(servers[1]);
    assert_eq!(t.connecting(), "A");
}

#[test]
fn a_post_on_a_stale_connection_is_not_sent_again() {
    let (mut t, client, server) = pooled();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 2||ab");
    t.resets(server);
    assert_eq!(t.connecting(), "");
    assert_eq!(
        t.hears_reply(client),
        "502 Bad Gateway [connection_terminated] \
         Upstream failed: it reset the connection before answering (127.0.0.1:9001)"
    );
    assert_eq!(t.told(), "502 upstream_reset SH");
}

#[test]
fn a_post_of_which_no_octet_left_is_sent_again() {
    let (mut t, client, server) = pooled();
    t.stalls(server);
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 2||ab");
    t.resets(server);
    let fresh = t.connects("A");
    assert_eq!(t.hears(fresh), "POST / HTTP/1.1|Host: a|Content-Length: 2||ab");
}

#[test]
fn a_put_with_a_small_body_is_sent_again_with_its_body() {
    let (mut t, client, server) = pooled();
    t.says(client, "PUT / HTTP/1.1|Host: a|Content-Length: 4||ab");
    t.half_closes(server);
    let fresh = t.connects("A");
    t.says(client, "cd");
    assert_eq!(t.hears(fresh), "PUT / HTTP/1.1|Host: a|Content-Length: 4||abcd");
    t.says(fresh, OK);
    assert_eq!(t.hears(client), OK);
}

#[test]
fn a_put_whose_body_is_not_held_any_more_is_not_sent_again() {
    let (mut t, client, server) = pooled();
    t.says(client, "PUT / HTTP/1.1|Host: a|Content-Length: 1000000||");
    t.sends(client, &[b'x'; 500_000]);
    t.resets(server);
    assert!(t.hears_reply(client).starts_with("502"));
}

#[test]
fn a_long_upload_in_small_pieces_flows_over_a_pooled_connection() {
    let (mut t, client, server) = pooled();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 200000||");
    t.hears(server);
    for _ in 0..200 {
        t.sends(client, &[b'x'; 1_000]);
    }
    assert_eq!(t.unread(client), 0);
    assert_eq!(t.hears(server).len(), 200_000);
    t.says(server, OK);
    assert_eq!(t.hears(client), OK);
}

#[test]
fn a_stale_connection_that_answered_part_of_a_head_is_a_502() {
    let (mut t, client, server) = pooled();
    t.says(client, GET);
    t.says(server, "HTTP/1.1 2");
    t.half_closes(server);
    assert_eq!(
        t.hears_reply(client),
        "502 Bad Gateway [http_response_incomplete] \
         Upstream failed: it closed the connection before answering (127.0.0.1:9001)"
    );
    assert_eq!(t.told(), "502 upstream_closed_early SH");
}

#[test]
fn what_a_server_says_before_the_request_left_is_not_its_answer() {
    let (mut t, client, server) = pooled();
    t.stalls(server);
    t.says(client, GET);
    t.says(server, "HTTP/1.1 408 Request Timeout|Content-Length: 0|Connection: close||");
    let fresh = t.connects("A");
    t.says(fresh, OK);
    assert_eq!(t.hears(client), OK);
}

#[test]
fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let (mut t, _, server) = pooled();
    t.passes(seconds(55) - crate::script::NANO);
    assert_eq!(t.end(server), None);
    t.passes(crate::script::NANO);
    assert_eq!(t.end(server), Some(End::Closed));
}

#[test]
fn the_servers_own_hint_closes_it_a_second_earlier() {
    let (mut t, _, server) = after(GET, "HTTP/1.1 200 OK|Keep-Alive: timeout=5|Content-Length: 2||hi");
    t.passes(seconds(4) - crate::script::NANO);
    assert_eq!(t.end(server), None);
    t.passes(crate::script::NANO);
    assert_eq!(t.end(server), Some(End::Closed));
}

#[test]
fn a_hint_that_is_longer_than_our_own_limit_changes_nothing() {
    let (mut t, _, server) = after(GET, "HTTP/1.1 200 OK|Keep-Alive: timeout=500|Content-Length: 2||hi");
    t.passes(seconds(55));
    assert_eq!(t.end(server), Some(End::Closed));
}

#[test]
fn an_idle_connection_holds_no_octets() {
    let (t, _, _) = pooled();
    assert_eq!(t.core.buffered(), 0);
}
