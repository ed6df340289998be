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
