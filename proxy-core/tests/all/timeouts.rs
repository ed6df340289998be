//! Every limit on waiting: when it fires, to the nanosecond, what then happens, and when it does not run.

use crate::script::{End, NANO, Script, seconds};

#[test]
fn a_silent_upstream_is_a_504() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    t.connects("A");
    t.passes(seconds(15) - NANO);
    assert_eq!(t.hears(client), "");
    t.passes(NANO);
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [connection_read_timeout] Upstream timed out: it did not answer (read) (127.0.0.1:9001)"
    );
    assert_eq!(t.told(), "504 upstream_read_timeout sH");
}

#[test]
fn a_request_that_takes_too_long_in_all_is_a_504() {
    let mut t = Script::with_timeouts(|timeouts| timeouts.read = None);
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    t.connects("A");
    t.passes(seconds(30) - NANO);
    assert_eq!(t.hears(client), "");
    t.passes(NANO);
    assert_eq!(
        t.hears_reply(client),
        "504 Gateway Timeout [http_response_timeout] The request took too long in all (total) (127.0.0.1:9001)"
    );
    assert_eq!(t.told(), "504 total_timeout sT");
}
