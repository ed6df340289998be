//! Where messages end, in any split, and what each client can be told.

use crate::script::{End, Script};
use proxy_core::ConnId;

fn asked(request: &str) -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, request);
    let server = t.connects("A");
    (t, client, server)
}

fn answered(request: &str, response: &str) -> String {
    let (mut t, client, server) = asked(request);
    t.says(server, response);
    t.hears(client)
}

const GET: &str = "GET / HTTP/1.1|Host: a||";
const HEAD: &str = "HEAD / HTTP/1.1|Host: a||";

#[test]
fn a_response_to_head_has_no_body_whatever_it_says() {
    for response in ["HTTP/1.1 200 OK|Content-Length: 5||", "HTTP/1.1 200 OK||"] {
        let (mut t, client, server) = asked(HEAD);
        t.says(server, response);
        assert_eq!(t.hears(client), response);
        assert_eq!((t.end(client), t.end(server)), (None, None));
        assert_eq!(t.told(), "200 ok --");
    }
}

#[test]
fn a_204_and_a_304_have_no_body() {
    assert_eq!(answered(GET, "HTTP/1.1 204 No Content||"), "HTTP/1.1 204 No Content||");
    let not_modified = "HTTP/1.1 304 Not Modified|Content-Length: 5|ETag: \"x\"||";
    assert_eq!(answered(GET, not_modified), not_modified);
}

#[test]
fn chunks_are_framed_anew_and_trailers_go_on() {
    let heard = answered(GET, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2;x=y|ab|1|c|0|Digest: z||");
    assert_eq!(heard, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ab|1|c|0|Digest: z||");
}

#[test]
fn a_close_delimited_response_becomes_chunked_for_1_1_and_stays_so_for_1_0() {
    for (version, expected, end) in [
        ("1.1", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0||", None),
        ("1.0", "HTTP/1.1 200 OK|Connection: close||hi", Some(End::Closed)),
    ] {
        let (mut t, client, server) = asked(&format!("GET / HTTP/{version}|Host: a||"));
        t.says(server, "HTTP/1.1 200 OK||hi");
        t.half_closes(server);
        assert_eq!((t.hears(client).as_str(), t.end(client)), (expected, end));
    }
}

#[test]
fn an_http_1_0_client_that_keeps_its_connection_is_told_so() {
    let (mut t, client, server) = asked("GET / HTTP/1.0|Host: a|Connection: keep-alive||");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive||hi");
    assert_eq!(t.end(client), None);
}

#[test]
fn an_http_1_0_client_that_does_not_ask_for_more_is_closed() {
    let (mut t, client, server) = asked("GET / HTTP/1.0||");
    assert_eq!(t.hears(server), "GET / HTTP/1.1|Host: 127.0.0.1:9001||");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi");
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn interim_responses_are_passed_on_but_not_to_1_0() {
    let early = "HTTP/1.1 103 Early Hints|Link: </x>||";
    let response = format!("{early}{early}HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(answered(GET, &response), response);
    assert_eq!(
        answered("GET / HTTP/1.0||", &response),
        "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||hi"
    );
}

#[test]
fn a_chunked_upload_is_framed_anew_with_its_trailers() {
    let (mut t, client, server) = asked("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|");
    t.says(client, "2|de|0|X: y||");
    assert_eq!(t.hears(server), "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|2|de|0|X: y||");
}

#[test]
fn a_request_body_that_breaks_its_framing_is_a_400() {
    let (mut t, client, server) = asked("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||");
    t.says(client, "zz|");
    assert!(
        t.hears_reply(client).starts_with("400 Bad Request [http_request_error] Bad request: A chunk's size")
    );
    assert_eq!((t.end(client), t.end(server)), (Some(End::Fin), Some(End::Reset)));
    assert_eq!(t.told(), "400 bad_request PH");
}

#[test]
fn an_exchange_is_the_same_in_any_split() {
    let requests =
        "GET /1 HTTP/1.1|Host: a||||POST /2 HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|abc|0|T: x||";
    let responses = [
        "HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 4||body",
        "HTTP/1.1 201 Created|Transfer-Encoding: chunked||5|hello|0|T: x||",
    ];
    let run = |read_max, write_max| {
        let mut t = Script::with_endpoints(1, |_| {});
        (t.read_max, t.write_max) = (read_max, write_max);
        let client = t.client();
        t.says(client, requests);
        let server = t.connects("A");
        t.says(server, responses[0]);
        t.says(server, responses[1]);
        let told = [t.told(), t.told(), t.told()];
        (t.hears(client).replace("|5|hello|", "|1|h|1|e|1|l|1|l|1|o|"), told)
    };
    let whole = run(usize::MAX, usize::MAX);
    assert_eq!(whole.1, ["200 ok --", "201 ok --", "nothing"]);
    for write_max in [1, 7, usize::MAX] {
        assert_eq!(run(1, write_max), whole);
    }
    assert_eq!(run(usize::MAX, 1), whole);
}
