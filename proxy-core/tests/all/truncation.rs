//! A part is never presented as the whole: after the head, a failure cuts the connection.

use crate::script::{End, Script};
use proxy_core::ConnId;

fn begun(version: &str, response: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("GET / HTTP/{version}|Host: a|Connection: keep-alive||"));
    let server = t.connects("A");
    t.says(server, response);
    (t, client, server)
}

#[test]
fn a_fin_in_the_middle_of_a_body_cuts_the_client() {
    for response in [
        "HTTP/1.1 200 OK|Content-Length: 9||half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||9|half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|0|",
    ] {
        let (mut t, client, server) = begun("1.1", response);
        t.half_closes(server);
        assert!(t.hears(client).contains("half"));
        assert_eq!(t.end(client), Some(End::Reset), "{response}");
        assert_eq!(t.told(), "200 upstream_closed_early SD");
        assert_ne!(t.end(server), None);
    }
}

#[test]
fn a_reset_in_the_middle_of_a_body_cuts_the_client() {
    for response in [
        "HTTP/1.1 200 OK|Content-Length: 9||half",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|",
        "HTTP/1.1 200 OK||half",
    ] {
        let (mut t, client, server) = begun("1.1", response);
        t.resets(server);
        let heard = t.hears(client);
        assert!(heard.contains("half") && !heard.ends_with("0||"), "{heard}");
        assert_eq!(t.end(client), Some(End::Reset), "{response}");
        assert_eq!(t.told(), "200 upstream_reset SD");
    }
}

#[test]
fn an_http_1_0_client_is_cut_as_well() {
    let (mut t, client, server) = begun("1.0", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Connection: close||half");
    t.half_closes(server);
    assert_eq!(t.end(client), Some(End::Reset));
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
fn a_body_that_breaks_its_framing_cuts_the_client() {
    let (mut t, client, server) = begun("1.1", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|");
    t.says(server, "zz|");
    assert_eq!(t.end(client), Some(End::Reset));
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
