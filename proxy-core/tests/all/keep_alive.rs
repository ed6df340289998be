//! Requests one after another on one connection.

use crate::script::{End, Script, seconds};

const GET: &str = "GET / HTTP/1.1|Host: a||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||hi";

#[test]
fn a_request_goes_to_the_upstream_and_its_response_comes_back() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET /x?y=1 HTTP/1.1|Host: a|Accept: */*||");
    let server = t.connects("A");
    let heard = t.hears_verbatim(server);
    assert!(heard.starts_with("GET /x?y=1 HTTP/1.1|Host: a|Accept: */*|Via: 1.1 weir|"), "{heard}");
    assert!(
        heard.contains("|X-Forwarded-For: 192.0.2.1|X-Forwarded-Proto: http|X-Forwarded-Host: a|"),
        "{heard}"
    );
    t.says(server, OK);
    assert_eq!(t.hears_verbatim(client), "HTTP/1.1 200 OK|Content-Length: 2|Via: 1.1 weir||hi");
    let outcome = t.outcome();
    assert_eq!(crate::script::told(&outcome), "200 ok --");
    assert_eq!((outcome.received, outcome.sent, outcome.attempts.len()), (0, 2, 1));
    assert_eq!((t.end(client), t.end(server)), (None, None));
}

#[test]
fn a_second_request_uses_the_same_upstream_connection() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, GET);
    let server = t.connects("A");
    t.says(server, OK);
    t.hears(server);
    t.hears(client);
    t.says(client, "GET /second HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "B", "round robin goes on to the next endpoint");
    let other = t.connects("B");
    t.says(other, OK);
    t.says(client, "GET /third HTTP/1.1|Host: a||");
    assert_eq!(t.hears(server), "GET /third HTTP/1.1|Host: a||");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, "GET /1 HTTP/1.1|Host: a||GET /2 HTTP/1.1|Host: a||GET /3 HTTP/1.1|Host: a||");
    let server = t.connects("A");
    for at in 1..=3 {
        assert_eq!(t.hears(server), format!("GET /{at} HTTP/1.1|Host: a||"), "one at a time");
        t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: 1||{at}"));
        assert_eq!(t.hears(client), format!("HTTP/1.1 200 OK|Content-Length: 1||{at}"));
    }
}

#[test]
fn a_refused_request_between_others_is_answered_in_its_place() {
    let mut t = Script::with_endpoints(1, |config| config.routes[0].path = "/app".into());
    let client = t.client();
    t.says(client, "GET /app HTTP/1.1|Host: a||GET /no HTTP/1.1|Host: a||GET /app HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.says(server, OK);
    assert_eq!([t.told(), t.told(), t.told()], ["200 ok --", "404 no_route PR", "nothing"]);
    t.says(server, OK);
    let heard = t.hears(client);
    assert!(heard.starts_with(&format!("{OK}HTTP/1.1 404 ")) && heard.ends_with(OK), "{heard}");
}

#[test]
fn a_head_may_come_in_two_pieces_cut_anywhere() {
    let request = "POST /x HTTP/1.1|Host: a|Content-Length: 2||ab".replace('|', "\r\n");
    for at in 0..=request.len() {
        let mut t = Script::new();
        let client = t.client();
        t.sends(client, &request.as_bytes()[..at]);
        t.sends(client, &request.as_bytes()[at..]);
        let server = t.connects("A");
        assert_eq!(t.hears(server), "POST /x HTTP/1.1|Host: a|Content-Length: 2||ab", "cut at {at}");
    }
}

#[test]
fn a_response_may_come_in_two_pieces_cut_anywhere() {
    let response = OK.replace('|', "\r\n");
    for at in 0..=response.len() {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, GET);
        let server = t.connects("A");
        t.sends(server, &response.as_bytes()[..at]);
        t.sends(server, &response.as_bytes()[at..]);
        assert_eq!((t.hears(client).as_str(), t.told().as_str()), (OK, "200 ok --"), "cut at {at}");
    }
}

#[test]
fn empty_lines_between_requests_are_skipped() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, &format!("|{GET}"));
    let server = t.connects("A");
    t.says(server, OK);
    t.says(client, &format!("||{GET}"));
    assert_eq!(t.hears(server), format!("{GET}{GET}"));
}

#[test]
fn a_client_that_says_close_is_told_close_and_closed() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a|Connection: close||");
    let server = t.connects("A");
    assert_eq!(t.hears(server), GET, "that is between the client and us");
    t.says(server, OK);
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi");
    assert_eq!((t.end(client), t.end(server)), (Some(End::Closed), None));
}

#[test]
fn what_follows_a_request_that_said_close_is_never_read_as_one() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("GET / HTTP/1.1|Host: a|Connection: close||{GET}"));
    let server = t.connects("A");
    t.says(server, OK);
    assert_eq!((t.connecting().as_str(), t.end(client)), ("", Some(End::Fin)));
    t.passes(seconds(2));
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn a_pipelined_batch_that_ends_in_fin_is_served_whole() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, &format!("{GET}{GET}GET / HTTP/1.1|Host: a|Connection: close||"));
    t.half_closes(client);
    let server = t.connects("A");
    for _ in 0..3 {
        t.says(server, OK);
    }
    assert_eq!(t.hears(client), format!("{OK}{OK}HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi"));
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn the_last_request_of_a_pipelined_batch_is_served_even_if_it_did_not_say_close() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, &format!("{GET}{GET}"));
    t.half_closes(client);
    let server = t.connects("A");
    t.says(server, OK);
    t.says(server, OK);
    assert_eq!(t.hears(client), format!("{OK}HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi"));
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn an_empty_line_before_a_request_may_come_octet_by_octet() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "\r");
    t.says(client, "\n");
    t.says(client, GET);
    t.connects("A");
}
