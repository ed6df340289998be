//! After 101: octets both ways, and two halves that end by themselves.

use crate::script::{End, NANO, Script, seconds};
use proxy_core::ConnId;

const UPGRADE: &str = "GET /chat HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket||";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: upgrade||";

fn tunnel() -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, UPGRADE);
    let server = t.connects("A");
    assert_eq!(t.hears(server), "GET /chat HTTP/1.1|Host: a|Upgrade: websocket|Connection: upgrade||");
    t.says(server, SWITCHING);
    assert_eq!(t.hears(client), SWITCHING);
    (t, client, server)
}

#[test]
fn octets_flow_both_ways_untouched() {
    let (mut t, client, server) = tunnel();
    t.says(client, "GET / HTTP/1.1||");
    t.says(server, "0||zz|");
    assert_eq!((t.hears(server).as_str(), t.hears(client).as_str()), ("GET / HTTP/1.1||", "0||zz|"));
}

#[test]
fn what_the_client_sent_before_the_101_goes_first() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("{UPGRADE}early "));
    let server = t.connects("A");
    assert!(!t.hears(server).contains("early"));
    t.says(server, SWITCHING);
    t.says(client, "late");
    assert_eq!(t.hears(server), "early late");
}

#[test]
fn what_the_server_sent_with_the_101_is_passed_on() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, UPGRADE);
    let server = t.connects("A");
    t.says(server, &format!("{SWITCHING}hello"));
    assert_eq!(t.hears(client), format!("{SWITCHING}hello"));
}

#[test]
fn a_half_that_ends_leaves_the_other_open() {
    let (mut t, client, server) = tunnel();
    t.half_closes(client);
    assert_eq!((t.end(client), t.end(server)), (None, Some(End::Fin)));
    t.says(server, "still here");
    assert_eq!(t.hears(client), "still here");
    t.half_closes(server);
    assert_eq!((t.end(client), t.end(server)), (Some(End::Closed), Some(End::Closed)));
    assert_eq!(t.told(), "101 ok --");

    let (mut t, client, server) = tunnel();
    t.half_closes(server);
    assert_eq!((t.end(client), t.end(server)), (Some(End::Fin), None));
    t.says(client, "still here");
    assert_eq!(t.hears(server), "still here");
    t.half_closes(client);
    assert_eq!((t.end(client), t.end(server)), (Some(End::Closed), Some(End::Closed)));
    assert_eq!(t.told(), "101 ok --");
}

#[test]
fn a_fin_waits_for_the_octets_before_it() {
    let (mut t, client, server) = tunnel();
    t.stalls(server);
    t.says(client, "last words");
    t.half_closes(client);
    t.half_closes(server);
    assert_eq!(t.end(server), None);
    t.resumes(server);
    assert_eq!(t.hears(server), "last words");
    assert_eq!((t.end(client), t.end(server)), (Some(End::Closed), Some(End::Closed)));
}

#[test]
fn a_reset_of_either_side_resets_the_other() {
    let (mut t, client, server) = tunnel();
    t.resets(client);
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.told(), "101 client_aborted CD");

    let (mut t, client, server) = tunnel();
    t.resets(server);
    assert_eq!(t.end(client), None, "what came before has a second to arrive");
    t.passes(seconds(1));
    assert_eq!(t.end(client), Some(End::Reset));
    assert_eq!(t.told(), "101 upstream_reset SD");
}

#[test]
fn silence_ends_it_and_total_does_not() {
    let (mut t, client, server) = tunnel();
    t.passes(seconds(200));
    t.says(client, "x");
    t.passes(seconds(300) - NANO);
    assert_eq!((t.end(client), t.end(server)), (None, None));
    t.passes(NANO);
    assert_eq!((t.end(client), t.end(server)), (Some(End::Reset), Some(End::Reset)));
    let outcome = t.outcome();
    assert!(outcome.streamed);
    assert_eq!(crate::script::told(&outcome), "101 stream_idle_timeout sD");
}

#[test]
fn octets_of_the_server_keep_it_up_too() {
    let (mut t, client, server) = tunnel();
    for _ in 0..4 {
        t.passes(seconds(299));
        t.says(server, "x");
    }
    assert_eq!((t.end(client), t.end(server)), (None, None));
}

#[test]
fn an_unasked_101_is_a_502() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.says(server, SWITCHING);
    assert_eq!(
        t.hears_reply(client),
        "502 Bad Gateway [http_upgrade_failed] \
         Upstream sent a bad response: it switched protocols unasked (127.0.0.1:9001)"
    );
    assert_eq!((t.told().as_str(), t.end(server)), ("502 upstream_bad_response SH", Some(End::Reset)));
}

#[test]
fn a_server_that_declines_the_upgrade_answers_as_usual() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, UPGRADE);
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||no");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2||no");
    t.says(client, "GET / HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "B");
}
