//! Every limit on waiting: when it fires, to the nanosecond, what then happens, and when it does not run.

use crate::script::{End, NANO, Script, millis, seconds, told};
use proxy_core::{ConnId, EndpointId, Permit, Timeouts, Timer};
use std::time::Duration;

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

/// A limit fires when `limit` has passed, and not a nanosecond before.
fn fires(t: &mut Script, client: ConnId, limit: Duration) {
    t.hears(client);
    t.passes(limit - NANO);
    assert_eq!((t.hears(client).as_str(), t.end(client)), ("", None), "too early");
    assert_eq!(t.told(), "nothing");
    t.passes(NANO);
}

fn asked(change: impl FnOnce(&mut Timeouts), request: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::with_timeouts(change);
    let client = t.client();
    t.says(client, request);
    let server = t.connects("A");
    (t, client, server)
}

// client.head

#[test]
fn a_head_that_takes_too_long_is_a_408() {
    let mut t = Script::new();
    let client = t.client();
    t.passes(seconds(20));
    t.says(client, "G");
    t.passes(seconds(4));
    t.says(client, "ET / HTTP/1.1|");
    fires(&mut t, client, seconds(6));
    assert_eq!(
        t.hears_reply(client),
        "408 Request Timeout [http_request_error] The request head took too long (client.head) and closes"
    );
    assert_eq!((t.told().as_str(), t.end(client)), ("408 client_head_timeout cR", Some(End::Fin)));
}

#[test]
fn a_pipelined_head_is_not_late_while_it_waits_for_its_turn() {
    let (mut t, client, server) = asked(|_| {}, &format!("{GET}GET /sec"));
    t.passes(seconds(12));
    t.says(server, OK);
    assert_eq!(t.told(), "200 ok --");
    fires(&mut t, client, seconds(10));
    assert!(t.hears_reply(client).starts_with("408"));
}

// client.keepalive

#[test]
fn an_idle_client_is_closed_without_a_word() {
    let mut t = Script::new();
    let client = t.client();
    fires(&mut t, client, seconds(75));
    assert_eq!(
        (t.hears(client).as_str(), t.end(client), t.told().as_str()),
        ("", Some(End::Closed), "nothing")
    );
}

#[test]
fn the_keepalive_time_starts_anew_after_each_response() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.passes(seconds(5));
    t.says(server, OK);
    t.told();
    fires(&mut t, client, seconds(75));
    assert_eq!(t.end(client), Some(End::Closed));
}

// client.body

const UPLOAD: &str = "POST / HTTP/1.1|Host: a|Content-Length: 100000||";

#[test]
fn a_client_that_owes_body_octets_is_a_408() {
    let (mut t, client, server) = asked(|timeouts| timeouts.client.body_rate_min = 0, UPLOAD);
    t.passes(seconds(10));
    t.says(client, "x");
    fires(&mut t, client, seconds(15));
    assert_eq!(
        t.hears_reply(client),
        "408 Request Timeout [http_request_error] The request body took too long (client.body) and closes"
    );
    assert_eq!((t.told().as_str(), t.end(client)), ("408 client_body_timeout cD", Some(End::Fin)));
    assert_eq!(t.end(server), Some(End::Reset));
}

#[test]
fn a_client_below_the_least_rate_is_a_408_however_steadily_it_drips() {
    let (mut t, client, _) = asked(|timeouts| timeouts.total = None, UPLOAD);
    let mut waited = Duration::ZERO;
    while t.end(client).is_none() {
        t.says(client, "x");
        t.passes(seconds(1));
        waited += seconds(1);
    }
    assert_eq!(waited, seconds(16), "15 s, and a little for each octet");
    assert_eq!(t.told(), "408 client_body_timeout cD");
}

#[test]
fn a_client_above_the_least_rate_may_take_its_time() {
    let (mut t, client, _) = asked(|timeouts| timeouts.total = None, UPLOAD);
    for _ in 0..90 {
        t.sends(client, &[b'x'; 550]);
        t.passes(seconds(1));
    }
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
}

#[test]
fn the_rate_may_be_off() {
    let (mut t, client, _) = asked(
        |timeouts| {
            timeouts.total = None;
            timeouts.client.body_rate_min = 0;
        },
        UPLOAD,
    );
    for _ in 0..60 {
        t.says(client, "x");
        t.passes(seconds(14));
    }
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
}

#[test]
fn a_slow_upstream_never_trips_the_clients_body_timer() {
    let (mut t, client, server) = asked(|timeouts| timeouts.total = None, UPLOAD);
    t.stalls(server);
    t.sends(client, &[b'x'; 99_999]);
    for _ in 0..10 {
        t.passes(seconds(14));
        t.takes(server, 1);
    }
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
    t.resumes(server);
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "408 client_body_timeout cD");
}

// client.write

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.stalls(client);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||hi");
    fires(&mut t, client, seconds(15));
    assert_eq!((t.told().as_str(), t.end(client)), ("- client_write_timeout cD", Some(End::Reset)));
    assert_eq!(t.end(server), Some(End::Reset));
}

#[test]
fn a_client_that_takes_nothing_of_a_finished_response_is_cut() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.stalls(client);
    t.says(server, OK);
    t.passes(seconds(5));
    t.takes(client, 1);
    fires(&mut t, client, seconds(15));
    assert_eq!((t.told().as_str(), t.end(client)), ("200 client_write_timeout cD", Some(End::Reset)));
    assert_eq!(t.end(server), None);
}

#[test]
fn each_octet_that_the_client_takes_starts_its_write_time_anew() {
    let (mut t, client, server) = asked(|timeouts| timeouts.total = None, GET);
    t.stalls(client);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||hi");
    for _ in 0..10 {
        t.passes(seconds(14));
        t.takes(client, 1);
    }
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
}

// write

#[test]
fn an_upstream_that_takes_nothing_is_a_504() {
    let (mut t, client, server) = asked(|_| {}, UPLOAD);
    t.stalls(server);
    t.sends(client, &[b'x'; 50_000]);
    fires(&mut t, client, seconds(15));
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [connection_write_timeout] \
         Upstream timed out: it did not take the request (write) (127.0.0.1:9001) and closes"
    );
    assert_eq!((t.told().as_str(), t.end(server)), ("504 upstream_write_timeout sD", Some(End::Reset)));
}

#[test]
fn each_octet_that_the_upstream_takes_starts_its_write_time_anew() {
    let (mut t, client, server) = asked(|_| {}, UPLOAD);
    t.stalls(server);
    t.sends(client, &[b'x'; 50_000]);
    t.passes(seconds(14));
    t.takes(server, 1);
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "504 upstream_write_timeout sD");
}

// connect: see failover

// read

#[test]
fn a_silent_upstream_is_a_504() {
    let (mut t, client, server) = asked(|_| {}, GET);
    fires(&mut t, client, seconds(15));
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [connection_read_timeout] Upstream timed out: it did not answer (read) (127.0.0.1:9001)"
    );
    assert_eq!((t.told().as_str(), t.end(server)), ("504 upstream_read_timeout sH", Some(End::Reset)));
    assert_eq!(t.end(client), None, "the client may go on");
}

#[test]
fn the_upstreams_time_starts_when_it_has_the_whole_request() {
    let (mut t, client, server) = asked(|_| {}, "POST / HTTP/1.1|Host: a|Content-Length: 2||a");
    t.passes(seconds(9));
    t.says(client, "b");
    t.hears(server);
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "504 upstream_read_timeout sH");
}

#[test]
fn each_octet_of_the_upstream_starts_its_time_anew() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.passes(seconds(10));
    t.says(server, "H");
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "504 upstream_read_timeout sH");
}

#[test]
fn an_upstream_that_falls_silent_in_its_body_cuts_the_client() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||half");
    fires(&mut t, client, seconds(15));
    assert_eq!((t.hears(client).as_str(), t.end(client)), ("", Some(End::Fin)));
    assert_eq!((t.told().as_str(), t.end(server)), ("200 upstream_read_timeout sD", Some(End::Reset)));
}

#[test]
fn a_slow_client_never_trips_the_upstreams_read_timer() {
    let (mut t, client, server) = asked(|timeouts| timeouts.total = None, GET);
    t.stalls(client);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 100000||");
    t.sends(server, &[b'x'; 60_000]);
    for _ in 0..10 {
        t.passes(seconds(14));
        t.takes(client, 1);
    }
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
    t.resumes(client);
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "200 upstream_read_timeout sD");
}

#[test]
fn an_upstream_that_owes_a_100_is_a_504() {
    let (mut t, client, _) =
        asked(|_| {}, "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 2||");
    fires(&mut t, client, seconds(15));
    assert!(t.hears_reply(client).starts_with("504"));
    assert_eq!(t.told(), "504 upstream_read_timeout sH");
}

#[test]
fn once_told_to_continue_the_client_owes() {
    let (mut t, client, server) =
        asked(|_| {}, "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 2||");
    t.passes(seconds(10));
    t.says(server, "HTTP/1.1 100 Continue||");
    assert_eq!(t.hears(client), "HTTP/1.1 100 Continue||");
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "408 client_body_timeout cD");
}

#[test]
fn a_client_that_goes_on_without_its_100_is_served() {
    let (mut t, client, server) =
        asked(|_| {}, "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 2||");
    t.says(client, "ab");
    assert_eq!(t.hears(server), "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 2||ab");
    t.says(server, OK);
    assert_eq!(t.hears(client), OK);
}

// head

#[test]
fn a_response_head_that_drips_is_a_504_when_that_is_limited() {
    let (mut t, client, server) = asked(|timeouts| timeouts.head = Some(seconds(5)), GET);
    t.passes(seconds(3));
    t.says(server, "HTTP/1.1 200 OK|");
    fires(&mut t, client, seconds(2));
    assert!(t.hears_reply(client).contains("its response head took too long (head)"));
    assert_eq!(t.told(), "504 upstream_head_timeout sH");
}

#[test]
fn the_limit_on_the_head_is_none_on_the_body() {
    let (mut t, client, server) = asked(|timeouts| timeouts.head = Some(seconds(5)), GET);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||");
    t.passes(seconds(10));
    t.says(server, "hi");
    assert_eq!((t.told().as_str(), t.end(client)), ("200 ok --", None));
}

// total

#[test]
fn a_request_that_takes_too_long_in_all_is_a_504() {
    let (mut t, client, _) = asked(|timeouts| timeouts.read = None, GET);
    fires(&mut t, client, seconds(30));
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [http_response_timeout] The request took too long in all (total) (127.0.0.1:9001)"
    );
    assert_eq!(t.told(), "504 total_timeout sT");
}

#[test]
fn the_total_counts_from_the_first_octet_of_the_request() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "G");
    t.passes(seconds(8));
    t.says(client, &GET[1..]);
    let server = t.connects("A");
    t.passes(seconds(14));
    t.says(server, "H");
    fires(&mut t, client, seconds(8));
    assert_eq!(t.told(), "504 total_timeout sT");
}

#[test]
fn after_the_head_the_total_cuts() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 9||half");
    t.passes(seconds(14));
    t.says(server, "x");
    t.passes(seconds(14));
    t.says(server, "x");
    fires(&mut t, client, seconds(2));
    assert_eq!((t.hears(client).as_str(), t.end(client)), ("", Some(End::Fin)));
    assert_eq!(t.told(), "200 total_timeout sT");
}

#[test]
fn a_finished_response_that_is_taken_too_slowly_is_cut_by_the_total() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.stalls(client);
    t.says(server, OK);
    for _ in 0..2 {
        t.passes(seconds(14));
        t.takes(client, 1);
    }
    fires(&mut t, client, seconds(2));
    assert_eq!((t.told().as_str(), t.end(client)), ("200 total_timeout sT", Some(End::Reset)));
}

#[test]
fn the_next_request_has_a_total_of_its_own() {
    let (mut t, client, server) = asked(|timeouts| timeouts.read = None, GET);
    t.passes(seconds(29));
    t.says(server, OK);
    t.told();
    t.says(client, GET);
    t.connects("B");
    fires(&mut t, client, seconds(30));
    assert_eq!(t.told(), "504 total_timeout sT");
}

// stream.idle

#[test]
fn an_event_stream_outlives_the_total_and_ends_when_nothing_moves() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.says(server, "HTTP/1.1 200 OK|Content-Type: text/event-stream||data: x||");
    t.passes(seconds(299));
    t.says(server, "data: y||");
    fires(&mut t, client, seconds(300));
    let outcome = t.outcome();
    assert!(outcome.streamed);
    assert_eq!((told(&outcome).as_str(), t.end(client)), ("200 stream_idle_timeout sD", Some(End::Fin)));
}

#[test]
fn a_route_of_streams_has_no_total_but_its_head_is_owed_all_the_same() {
    let streams = || Script::with(|config| config.routes[0].stream = true);
    let mut t = streams();
    let client = t.client();
    t.says(client, GET);
    t.connects("A");
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "504 upstream_read_timeout sH");

    let mut t = streams();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 200 OK||x");
    fires(&mut t, client, seconds(300));
    assert_eq!(t.told(), "200 stream_idle_timeout sD");
}

#[test]
fn a_client_that_takes_nothing_of_a_stream_is_cut_as_ever() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.says(server, "HTTP/1.1 200 OK|Content-Type: text/event-stream||");
    t.stalls(client);
    t.says(server, "data: x||");
    fires(&mut t, client, seconds(15));
    assert_eq!(t.told(), "200 client_write_timeout cD");
}

// queue

#[test]
fn a_request_that_waits_too_long_for_a_connection_slot_is_a_503() {
    let mut t = Script::with_endpoints(1, |config| {
        config.clusters[0].endpoints[0].max_connections = Some(1);
    });
    t.takes_permit(Permit::Endpoint(EndpointId(0)));
    let client = t.client();
    t.says(client, GET);
    fires(&mut t, client, seconds(1));
    assert_eq!(
        t.hears_reply(client),
        "503 Service Unavailable [connection_limit_reached] \
         No connection to the upstream became free in time (queue)"
    );
    assert_eq!(t.told(), "503 queue_timeout sQ");
}

// In general

#[test]
fn when_octets_and_a_due_limit_meet_the_octets_win() {
    let (mut t, client, server) = asked(|_| {}, GET);
    t.hears(server);
    t.passes_without_ticks(seconds(15));
    t.says(server, OK);
    t.passes(Duration::ZERO);
    assert_eq!((t.hears(client).as_str(), t.told().as_str()), (OK, "200 ok --"));
}

#[test]
fn a_late_tick_fires_what_is_due_and_nothing_twice() {
    let (mut t, client, _) = asked(|_| {}, GET);
    t.passes_without_ticks(seconds(500));
    t.passes(Duration::ZERO);
    assert!(t.hears_reply(client).starts_with("504"));
    assert!(t.told().starts_with("504"));
    assert_eq!(t.told(), "nothing");
}

#[test]
fn a_limit_that_is_off_never_fires() {
    let (mut t, client, _) = asked(
        |timeouts| {
            timeouts.read = None;
            timeouts.total = None;
        },
        GET,
    );
    t.passes(seconds(1_000_000));
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
}

#[test]
fn the_next_deadline_says_which_limit_it_is() {
    let (mut t, _, _) = asked(|_| {}, GET);
    t.passes(millis(1_001));
    assert_eq!(t.next_timer(), Some(Timer::UpstreamRead));
}

#[test]
fn an_alarm_that_outlived_its_limit_names_none() {
    let (t, _, _) = asked(
        |timeouts| {
            timeouts.read = None;
            timeouts.total = None;
        },
        GET,
    );
    assert!(t.core.next_deadline().is_some(), "it was set for the next request's first octet");
    assert_eq!(t.next_timer(), None);
}

#[test]
fn a_routes_own_limits_hold_for_its_requests() {
    let mut t = Script::with(|config| config.routes[0].timeouts.read = Some(seconds(3)));
    let client = t.client();
    t.says(client, GET);
    t.connects("A");
    fires(&mut t, client, seconds(3));
    assert_eq!(t.told(), "504 upstream_read_timeout sH");
}

// late ticks

#[test]
fn a_tick_that_comes_after_several_limits_ends_all_of_them() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    // Both servers stay silent: `connect` ran out once, and `total`, too, before anybody looked.
    t.passes_without_ticks(seconds(60));
    t.passes(seconds(0));
    assert_eq!(t.told(), "504 total_timeout sT");
}
