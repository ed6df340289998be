//! A part is never presented as the whole, and all of it is delivered.

use crate::script::{End, Script};
use proxy_core::ConnId;
use std::time::Duration;

fn begun(version: &str, response: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("GET / HTTP/{version}|Host: a|Connection: keep-alive||"));
    let server = t.connects("A");
    t.says(server, response);
    (t, client, server)
}

#[test]
fn a_fin_in_the_middle_of_a_body_is_passed_on_as_one() {
    for response in [
        "HTTP/1.1 200 OK|Content-Length: 9||half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||9|half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|0|",
    ] {
        let (mut t, client, server) = begun("1.1", response);
        t.half_closes(server);
        let heard = t.hears(client);
        assert!(heard.contains("half") && !heard.ends_with("0||"), "{heard}");
        assert_eq!(t.end(client), Some(End::Fin), "{response}");
        assert_eq!(t.told(), "200 upstream_closed_early SD");
        assert_ne!(t.end(server), None);
    }
}

#[test]
fn a_reset_in_the_middle_of_a_body_lets_the_client_have_what_came() {
    for response in [
        "HTTP/1.1 200 OK|Content-Length: 9||half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|",
        "HTTP/1.1 200 OK||half",
    ] {
        let (mut t, client, server) = begun("1.1", response);
        t.resets(server);
        let heard = t.hears(client);
        assert!(heard.contains("half") && !heard.ends_with("0||"), "{heard}");
        assert_eq!(t.end(client), Some(End::Fin), "{response}");
        assert_eq!(t.told(), "200 upstream_reset SD");
    }
}

#[test]
fn a_slow_client_gets_everything_that_came_before_the_end() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK|Content-Length: 99999||");
    t.hears(client);
    t.stalls(client);
    t.sends(server, &[b'x'; 20_000]);
    t.half_closes(server);
    t.passes(Duration::from_secs(14));
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"));
    t.takes(client, 9_999);
    t.passes(Duration::from_secs(14));
    assert_eq!((t.end(client), t.told().as_str()), (None, "nothing"), "each octet taken is progress");
    t.resumes(client);
    assert_eq!(t.hears(client).len(), 20_000);
    assert_eq!((t.end(client), t.told().as_str()), (Some(End::Fin), "200 upstream_closed_early SD"));
}

#[test]
fn a_client_that_does_not_take_what_came_is_cut_in_time() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK|Content-Length: 99999||");
    t.stalls(client);
    t.sends(server, &[b'x'; 20_000]);
    t.half_closes(server);
    t.passes(Duration::from_secs(15));
    assert_eq!((t.end(client), t.told().as_str()), (Some(End::Reset), "200 client_write_timeout cD"));
}

#[test]
fn where_only_a_reset_shows_that_it_is_a_part_one_follows_the_last_octet() {
    let (mut t, client, server) = begun("1.0", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Connection: close||half");
    t.half_closes(server);
    assert_eq!(t.told(), "200 upstream_closed_early SD");
    assert_eq!(t.end(client), None, "a reset would overtake what was just sent");
    t.passes(Duration::from_secs(1));
    assert_eq!(t.end(client), Some(End::Reset));
}

#[test]
fn a_response_that_breaks_its_framing_at_once_is_a_502() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||zz|");
    assert!(t.hears(client).starts_with("HTTP/1.1 502 Bad Gateway|"));
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.told(), "502 upstream_bad_response SD");
}

#[test]
fn an_http_1_0_client_gets_a_whole_body_and_a_fin() {
    let (mut t, client, server) = begun("1.0", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|whole|");
    t.says(server, "0||");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Connection: close||whole");
    assert_eq!(t.end(client), Some(End::Fin));
    assert_eq!(t.told(), "200 ok --");
}

#[test]
fn before_the_head_it_is_a_502() {
    for part in ["", "HTTP/1.1 200 OK|Content-", "HTTP/1.1 100 Continue||"] {
        let (mut t, client, server) = begun("1.1", part);
        t.half_closes(server);
        assert!(t.hears(client).contains("HTTP/1.1 502 Bad Gateway|"), "{part}");
        assert_eq!(t.told(), "502 upstream_closed_early SH");
        assert_eq!(t.end(client), None);
    }
}

#[test]
fn a_body_that_breaks_its_framing_later_is_cut() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|");
    t.says(server, "zz|");
    assert_eq!(t.end(client), Some(End::Fin));
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.told(), "200 upstream_bad_response SD");
}

#[test]
fn a_truncated_close_delimited_response_that_ends_with_fin_is_whole() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK||all of it");
    t.half_closes(server);
    assert!(t.hears(client).ends_with("|9|all of it|0||"));
    assert_eq!(t.told(), "200 ok --");
}
