//! The answers that we write ourselves: which status, which words, what follows.

use crate::script::{End, Script, seconds};

/// What a client hears in answer to octets that no upstream will see.
fn reply_to(request: &str) -> (String, String, Option<End>) {
    let mut t = Script::with(|config| {
        config.routes[0].path = "/".into();
        config.routes[0].request_body_max = Some(10);
    });
    let client = t.client();
    t.says(client, request);
    assert_eq!(t.connecting(), "");
    (t.hears_reply(client), t.told(), t.end(client))
}

#[test]
fn a_bad_request_is_refused_with_the_rule_that_it_broke() {
    let long = "x".repeat(9_000);
    let longer = "x".repeat(17_000);
    for (request, status, told) in [
        ("GET /|", "400 Bad Request [http_request_error] Bad request: ", "400 bad_request PR"),
        (
            "GET / HTTP/1.1||",
            "400 Bad Request [http_request_error] Bad request: HTTP/1.1 requires",
            "400 bad_request PR",
        ),
        ("GET / HTTP/1.1|Host: a|Expect: wonders||", "417 Expectation Failed ", "417 bad_request PR"),
        ("GET / HTTP/2.0|Host: a||", "505 HTTP Version Not Supported ", "505 bad_request PR"),
        (
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||",
            "501 Not Implemented ",
            "501 bad_request PR",
        ),
        (&format!("GET /{long} HTTP/1.1|Host: a||"), "414 URI Too Long ", "414 request_too_large PR"),
        (
            &format!("GET / HTTP/1.1|Host: a|X: {longer}||"),
            "431 Request Header Fields Too Large ",
            "431 request_too_large PR",
        ),
        (
            &format!("GET / HTTP/1.1|Host: a|{}|", "X: y|".repeat(100)),
            "431 Request Header Fields Too Large ",
            "431 request_too_large PR",
        ),
    ] {
        let (reply, recorded, end) = reply_to(request);
        let start: String = request.chars().take(60).collect();
        assert!(reply.starts_with(status), "{start}: {reply}");
        assert!(reply.ends_with(" and closes"), "{start}: {reply}");
        assert_eq!(recorded, told, "{start}");
        assert_eq!(end, Some(End::Fin), "{start}: we read on, so that the reply survives");
    }
}

#[test]
fn an_announced_body_over_the_limit_is_a_413() {
    let (reply, told, end) = reply_to("POST / HTTP/1.1|Host: a|Content-Length: 11||hello");
    assert_eq!(
        reply,
        "413 Content Too Large [http_request_denied] The request body is larger than 10 octets and closes"
    );
    assert_eq!((told.as_str(), end), ("413 request_too_large PR", Some(End::Fin)));
}

#[test]
fn a_chunked_body_that_grows_over_the_limit_is_a_413() {
    let mut t = Script::with(|config| config.routes[0].request_body_max = Some(10));
    let client = t.client();
    t.says(client, "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||a|0123456789|");
    let server = t.connects("A");
    assert_eq!(t.hears(client), "");
    t.says(client, "1|x|0||");
    assert!(t.hears_reply(client).starts_with("413 Content Too Large"));
    assert_eq!(t.end(server), Some(End::Reset));
    assert_eq!(t.told(), "413 request_too_large PH");
}

#[test]
fn a_body_of_exactly_the_limit_goes_through() {
    let mut t = Script::with(|config| config.routes[0].request_body_max = Some(10));
    let client = t.client();
    t.says(client, "POST / HTTP/1.1|Host: a|Content-Length: 10||0123456789");
    let server = t.connects("A");
    assert!(t.hears(server).ends_with("||0123456789"));
}

#[test]
fn no_route_is_a_404_and_the_connection_goes_on() {
    let mut t = Script::with(|config| config.routes[0].path = "/app".into());
    let client = t.client();
    t.says(client, "GET /other HTTP/1.1|Host: a||");
    assert_eq!(
        t.hears_reply(client),
        "404 Not Found [destination_not_found] No route matches this host and path"
    );
    assert_eq!(t.told(), "404 no_route PR");
    t.says(client, "GET /app HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "A");
}

#[test]
fn no_route_for_a_request_with_a_body_closes_since_the_body_is_not_read() {
    let mut t = Script::with(|config| config.routes[0].path = "/app".into());
    let client = t.client();
    t.says(client, "POST /other HTTP/1.1|Host: a|Content-Length: 3||abc");
    assert!(t.hears_reply(client).ends_with(" and closes"));
    t.says(client, "GET /app HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "");
}

#[test]
fn a_reply_to_head_has_no_content() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, "HEAD / HTTP/1.1|Host: a||");
    t.refuses("A");
    let heard = t.hears(client);
    assert!(heard.starts_with("HTTP/1.1 502 Bad Gateway|") && heard.ends_with("||"), "{heard}");
    t.says(client, "GET / HTTP/1.1|Host: a||");
    assert_eq!(t.connecting(), "A");
}

#[test]
fn a_reply_carries_the_request_id_of_the_record() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    t.refuses("A");
    let (heard, outcome) = (t.hears_verbatim(client), t.outcome());
    assert!(heard.contains(&format!("|X-Request-Id: {:016x}|", outcome.id)), "{heard}");
}

#[test]
fn what_we_chose_not_to_try_may_be_tried_again_later() {
    let mut t = Script::with_endpoints(0, |_| {});
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    assert!(t.hears(client).contains("|Retry-After: 1|"));
}

#[test]
fn a_reply_to_a_client_that_wants_to_close_closes() {
    let mut t = Script::with_endpoints(1, |_| {});
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a|Connection: close||");
    t.refuses("A");
    assert!(t.hears_reply(client).ends_with(" and closes"));
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn nonsense_from_the_upstream_is_a_502() {
    for (response, error) in [
        ("hello there, this is not HTTP|", "http_protocol_error"),
        ("HTTP/1.1 200 OK|Content-Length: 1|Transfer-Encoding: chunked||", "http_protocol_error"),
        ("HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||", "http_protocol_error"),
        ("HTTP/1.1 099 What|Content-Length: 0||", "http_protocol_error"),
    ] {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, "GET / HTTP/1.1|Host: a||");
        let server = t.connects("A");
        t.says(server, response);
        let reply = t.hears_reply(client);
        assert!(reply.starts_with(&format!("502 Bad Gateway [{error}] ")), "{response}: {reply}");
        assert_eq!(t.told(), "502 upstream_bad_response SH", "{response}");
        assert_eq!(t.end(server), Some(End::Reset));
        assert_eq!(t.end(client), None, "{response}: the client is not to blame");
    }
}

#[test]
fn a_server_that_speaks_first_is_a_502() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    t.stalls_next_connection();
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert!(t.hears_reply(client).contains("it answered before it was asked"));
    assert_eq!((t.told().as_str(), t.end(server)), ("502 upstream_bad_response SH", Some(End::Reset)));
}

#[test]
fn a_response_head_over_the_limit_is_a_502() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.says(server, &format!("HTTP/1.1 200 OK|X: {}||", "x".repeat(17_000)));
    assert!(t.hears_reply(client).starts_with("502 Bad Gateway [http_response_header_section_size]"));
    assert_eq!(t.told(), "502 upstream_head_too_large SH");
}

#[test]
fn a_lingering_connection_is_closed_when_the_client_does_or_after_two_seconds() {
    for leaves in [true, false] {
        let mut t = Script::new();
        let client = t.client();
        t.says(client, "nonsense||");
        assert_eq!(t.end(client), Some(End::Fin));
        t.says(client, "more of it");
        if leaves {
            t.half_closes(client);
        } else {
            t.passes(seconds(2));
        }
        assert_eq!(t.end(client), Some(End::Closed));
        assert_eq!(t.told(), "400 bad_request PR");
        assert_eq!(t.told(), "nothing");
    }
}

#[test]
fn a_client_that_floods_a_lingering_connection_is_cut_off() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "nonsense||");
    t.sends(client, &vec![b'x'; 2_000_000]);
    assert_eq!(t.end(client), Some(End::Closed));
}

#[test]
fn connect_is_refused_in_words() {
    let (reply, told, _) = reply_to("CONNECT a:443 HTTP/1.1|Host: a:443||");
    assert!(reply.starts_with("501 Not Implemented [http_request_error] Bad request: "), "{reply}");
    assert_eq!(told, "501 bad_request PR");
}

#[test]
fn a_trace_or_options_whose_max_forwards_ends_here_is_answered_here() {
    for method in ["TRACE", "OPTIONS"] {
        let (reply, told, end) = reply_to(&format!("{method} / HTTP/1.1|Host: a|Max-Forwards: 0||"));
        assert_eq!(reply, "200 OK [proxy_internal_response] Max-Forwards ends at this proxy", "{method}");
        assert_eq!((told.as_str(), end), ("200 ok --", None), "{method}");
    }
}

#[test]
fn options_of_the_server_as_a_whole_goes_to_the_upstream_as_it_is() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "OPTIONS * HTTP/1.1|Host: a|Max-Forwards: 7||");
    let server = t.connects("A");
    let heard = t.hears_verbatim(server);
    assert!(heard.starts_with("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: 6|"), "{heard}");
    t.says(server, "HTTP/1.1 204 No Content|Allow: GET||");
    assert_eq!(t.hears(client), "HTTP/1.1 204 No Content|Allow: GET||");
}
