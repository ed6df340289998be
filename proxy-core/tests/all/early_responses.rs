//! A response may end before its request does.

use crate::script::{End, Script, seconds};
use proxy_core::ConnId;

fn uploading() -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 1000||half");
    let server = t.connects("A");
    (t, client, server)
}

#[test]
fn a_response_to_half_a_request_is_passed_on_and_both_connections_end() {
    let (mut t, client, server) = uploading();
    t.says(server, "HTTP/1.1 413 Content Too Large|Content-Length: 4||much");
    assert_eq!(t.hears(client), "HTTP/1.1 413 Content Too Large|Content-Length: 4||much");
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.end(client), Some(End::Fin), "we read on so that the response survives");
    assert_eq!(t.told(), "413 ok --");
    t.says(client, "the rest is ignored");
    t.half_closes(client);
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn the_rest_of_such_a_request_is_never_read_as_a_request() {
    let (mut t, client, server) = uploading();
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 0||");
    t.says(client, "GET /smuggled HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "");
    t.passes(seconds(2));
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn an_upload_goes_on_beside_a_response_that_has_begun() {
    let (mut t, client, server) = uploading();
    t.hears(server);
    t.says(server, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||3|one|");
    assert!(t.hears(client).ends_with("||3|one|"));
    t.sends(client, &[b'x'; 996]);
    assert_eq!(t.hears(server).len(), 996);
    t.says(server, "3|two|0||");
    assert_eq!(t.hears(client), "3|two|0||");
    assert_eq!((t.end(client), t.end(server)), (None, None), "both messages were whole");
    t.says(client, "GET / HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "B");
}

#[test]
fn a_response_after_which_the_server_closes_is_passed_on() {
    let (mut t, client, server) = uploading();
    t.says(server, "HTTP/1.1 401 Unauthorized|Connection: close|Content-Length: 2||no");
    t.sends(client, &[b'x'; 100]);
    assert!(t.hears(client).ends_with("||no"));
    assert_ne!(t.end(server), None);
}

#[test]
fn a_client_that_keeps_uploading_after_its_answer_is_cut_off_in_the_end() {
    let (mut t, client, server) = uploading();
    t.says(server, "HTTP/1.1 413 Content Too Large|Content-Length: 0||");
    for _ in 0..3 {
        if t.end(client) == Some(End::Closed) {
            return;
        }
        t.sends(client, &vec![b'x'; 500_000]);
    }
    assert_eq!(t.end(client), Some(End::Closed));
}
