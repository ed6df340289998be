//! Long bodies may pass unseen, through a pipe. Nothing else about them is different.

use crate::script::{End, Script, seconds};
use proxy_core::{ConnId, Input};

const BUFFER: usize = 32 * 1024;
const MB: usize = 1_000_000;

fn octets(len: usize) -> Vec<u8> {
    (0..=255).cycle().take(len).collect()
}

/// A driver with pipes, a client that has asked, and the only server there is.
fn asked() -> (Script, ConnId, ConnId) {
    asked_for("GET / HTTP/1.1|Host: a||")
}

fn asked_for(request: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::with_endpoints(1, |_| {});
    t.pipes();
    let client = t.client();
    t.says(client, request);
    let server = t.connects("A");
    (t, client, server)
}

#[test]
fn a_long_response_is_piped_but_for_its_last_octets() {
    let (mut t, client, server) = asked();
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
    t.sends(server, &octets(MB));
    assert!(t.hears_octets(client).ends_with(&octets(MB)));
    assert!((MB - 2 * BUFFER..MB).contains(&t.piped()), "{} octets were piped", t.piped());
    let outcome = t.outcome();
    assert_eq!((outcome.status, outcome.sent), (Some(200), MB as u64));
}

#[test]
fn a_long_request_is_piped_but_for_its_last_octets() {
    let (mut t, client, server) = asked_for(&format!("POST / HTTP/1.1|Host: a|Content-Length: {MB}||"));
    t.sends(client, &octets(MB));
    assert!(t.hears_octets(server).ends_with(&octets(MB)));
    assert!((MB - 2 * BUFFER..MB).contains(&t.piped()), "{} octets were piped", t.piped());
    t.says(server, "HTTP/1.1 204 No Content||");
    assert_eq!(t.outcome().received, MB as u64);
}

#[test]
fn the_next_exchange_on_both_connections_is_as_any_other() {
    let (mut t, client, server) = asked();
    for _ in 0..2 {
        t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
        t.sends(server, &octets(MB));
        assert!(t.hears_octets(client).ends_with(&octets(MB)));
        assert_eq!(t.told(), "200 ok --");
        t.says(client, "GET / HTTP/1.1|Host: a||");
        assert_eq!(t.connecting(), "");
    }
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert!(t.hears(client).ends_with("||hi"));
}

#[test]
fn what_has_no_certain_length_or_is_framed_anew_is_never_piped() {
    let (mut t, client, server) = asked();
    t.says(server, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||f4240|");
    t.sends(server, &octets(MB));
    t.says(server, "|0||");
    assert_eq!(t.told(), "200 ok --");
    t.says(client, "GET / HTTP/1.1|Host: a||");
    t.says(server, "HTTP/1.1 200 OK||");
    t.sends(server, &octets(MB));
    t.half_closes(server);
    assert_eq!(t.told(), "200 ok --");
    assert_eq!(t.piped(), 0);
}

#[test]
fn short_bodies_are_not_worth_a_pipe() {
    let (mut t, _, server) = asked();
    let short = 2 * BUFFER - 1;
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {short}||"));
    t.sends(server, &octets(short));
    assert_eq!((t.told(), t.piped()), ("200 ok --".into(), 0));
}

#[test]
fn a_stalled_client_has_one_buffer_in_its_pipe_and_no_more() {
    let (mut t, client, server) = asked();
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
    t.stalls(client);
    t.sends(server, &octets(MB));
    assert_eq!((t.piped(), t.core.buffered(), t.interest(server).unwrap().read), (BUFFER, BUFFER, 0));
    t.takes(client, 100);
    assert_eq!(t.piped(), BUFFER, "nothing is piped behind what is in the pipe");
    t.resumes(client);
    assert!(t.hears_octets(client).ends_with(&octets(MB)));
    assert_eq!(t.told(), "200 ok --");
}

#[test]
fn a_client_that_leaves_a_full_pipe_behind_is_cut_like_any_other() {
    let (mut t, client, server) = asked();
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
    t.stalls(client);
    t.sends(server, &octets(BUFFER));
    t.passes(seconds(16));
    assert_eq!((t.end(client), t.end(server)), (Some(End::Reset), Some(End::Reset)));
    assert_eq!(t.told(), "200 client_write_timeout cD");
}

#[test]
fn a_server_that_falls_silent_in_a_piped_body_is_late() {
    let (mut t, client, server) = asked();
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
    t.sends(server, &octets(MB / 2));
    t.passes(seconds(14));
    t.sends(server, &octets(BUFFER));
    assert!(t.is_live(client));
    t.passes(seconds(16));
    assert_eq!(t.end(client), Some(End::Fin));
    assert_eq!(t.told(), "200 upstream_read_timeout sD");
}

#[test]
fn a_server_that_closes_in_a_piped_body_cuts_it() {
    let (mut t, client, server) = asked();
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
    t.sends(server, &octets(MB / 2));
    t.half_closes(server);
    assert_eq!(t.end(client), Some(End::Fin));
    assert_eq!(t.told(), "200 upstream_closed_early SD");
}

#[test]
fn what_may_have_to_be_sent_again_is_not_piped() {
    let (mut t, client, server) = asked();
    t.says(server, "HTTP/1.1 204 No Content||");
    t.hears_octets(server);
    // The pooled connection may prove dead: its first octets are kept until there are too many, or it answers.
    t.says(client, &format!("PUT / HTTP/1.1|Host: a|Content-Length: {MB}||"));
    t.sends(client, &octets(BUFFER / 2));
    assert_eq!(t.piped(), 0);
    t.resets(server);
    let server = t.connects("A");
    t.sends(client, &octets(MB - BUFFER / 2));
    assert!(t.hears_octets(server).len() > MB);
    assert!(t.piped() > MB - 4 * BUFFER);
}

#[test]
fn a_body_that_is_over_a_limit_is_refused_before_any_of_it_is_piped() {
    let mut t = Script::with(|config| config.routes[0].request_body_max = Some(MB as u64 - 1));
    t.pipes();
    let client = t.client();
    t.says(client, &format!("POST / HTTP/1.1|Host: a|Content-Length: {MB}||"));
    t.sends(client, &octets(BUFFER));
    assert!(t.hears_reply(client).starts_with("413"));
    assert_eq!(t.piped(), 0);
}

#[test]
fn how_bodies_are_cut_on_the_way_through_pipes_changes_nothing() {
    for (reads, writes) in
        [(&[1, 5_000][..], &[40_000][..]), (&[40_000], &[1, 7_000]), (&[3, 40_000], &[2_047, 1])]
    {
        let (mut t, client, server) = asked();
        t.splits(reads, writes);
        t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {MB}||"));
        t.sends(server, &octets(MB));
        assert!(t.hears_octets(client).ends_with(&octets(MB)), "{reads:?} {writes:?}");
        assert_eq!(t.told(), "200 ok --");
    }
}

#[test]
fn nonsense_about_pipes_changes_nothing() {
    let (mut t, client, server) = asked();
    for conn in [client, server] {
        t.input(Input::Piped { conn, n: 1_000 });
    }
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert!(t.hears(client).ends_with("||hi"));
    assert_eq!(t.told(), "200 ok --");
}
