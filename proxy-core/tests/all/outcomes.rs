//! What is recorded of an exchange: one record each, with the times of its phases.

use crate::script::{End, Script, millis, seconds};
use proxy_core::{AttemptResult, ClusterId, ListenerId, NetError, Reason, RouteId};

#[test]
fn a_record_tells_the_whole_story() {
    let mut t = Script::new();
    let client = t.client();
    t.passes(millis(500));
    t.says(client, "POST /x?y HTTP/1.1|Host: shop.example:80|Content-Le");
    t.passes(millis(10));
    t.says(client, "ngth: 4||ab");
    t.passes(millis(20));
    t.fails_to_connect("A", NetError::Unreachable);
    t.passes(millis(30));
    let server = t.connects("B");
    t.passes(millis(40));
    t.says(client, "cd");
    t.passes(millis(50));
    t.says(server, "HTTP/1.1 201 Created|Content-Length: 6||");
    t.passes(millis(60));
    t.stalls(client);
    t.says(server, "answer");
    t.passes(millis(70));
    assert_eq!(t.told(), "nothing", "it is over when its last octet left");
    t.resumes(client);

    let outcome = t.outcome();
    assert_eq!((outcome.status, outcome.reason, outcome.flags.letters()), (Some(201), Reason::Ok, *b"--"));
    assert_eq!(
        (outcome.listener.id, outcome.route(), outcome.cluster().map(|cluster| cluster.id)),
        (ListenerId(0), Some(RouteId(0)), Some(ClusterId(0)))
    );
    assert_eq!((outcome.received, outcome.sent), (4, 6));
    assert_eq!(outcome.ended.since(outcome.started), millis(280));
    let times = outcome.times();
    assert_eq!((times.head, times.queue, times.connect), (millis(10), millis(0), millis(50)));
    assert_eq!((times.send, times.first_byte, times.body), (millis(40), millis(50), millis(130)));
    let request = outcome.request.unwrap();
    assert_eq!((&request.method[..], &request.target[..]), (&b"POST"[..], &b"/x?y"[..]));
    assert_eq!((&request.host[..], request.http10), (&b"shop.example:80"[..], false));
    let attempts: Vec<_> = outcome
        .attempts
        .iter()
        .map(|attempt| (attempt.endpoint.id.0, attempt.took, attempt.result))
        .collect();
    assert_eq!(
        attempts,
        [
            (0, millis(20), AttemptResult::ConnectFailed(NetError::Unreachable)),
            (1, millis(180), AttemptResult::Ok),
        ]
    );
}

#[test]
fn a_request_that_could_not_be_read_is_recorded_without_one() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "nonsense||");
    let outcome = t.outcome();
    assert_eq!((outcome.route(), outcome.request, outcome.status), (None, None, Some(400)));
}

#[test]
fn a_reply_that_is_not_delivered_does_not_hide_why_it_was_made() {
    for resets in [false, true] {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, "GET / HTTP/1.1|Host: a||");
        t.connects("A");
        t.stalls(client);
        t.passes(seconds(15));
        if resets {
            t.resets(client);
        } else {
            t.passes(seconds(15));
        }
        assert_eq!(t.end(client), (!resets).then_some(End::Reset));
        assert_eq!([t.told(), t.told()], ["504 upstream_read_timeout sH", "nothing"]);
    }
}

#[test]
fn ids_differ() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 204 No Content||");
    t.says(client, "nonsense||");
    assert_ne!(t.outcome().id, t.outcome().id);
}
