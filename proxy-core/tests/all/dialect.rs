//! What is put right, what is added and what is believed, on whole exchanges. The rules themselves have their own tests.

use crate::script::{End, Script};
use proxy_core::{Config, ConnId, Input, Via};

const GET: &str = "GET / HTTP/1.1|Host: a||";

fn asked(t: &mut Script, request: &str) -> (ConnId, ConnId) {
    let client = t.client();
    t.says(client, request);
    let server = t.connects("A");
    (client, server)
}

fn strict(config: &mut Config) {
    config.clusters[0].dialect.strict = true;
}

#[test]
fn a_bad_chunk_that_comes_with_the_head_is_a_502() {
    for chunks in ["zz|", "5|hello|zz|", "5|hello|5|hellofive", "0|Broken|"] {
        let mut t = Script::new();
        let (client, server) = asked(&mut t, GET);
        t.says(server, &format!("HTTP/1.1 200 OK|Transfer-Encoding: chunked||{chunks}|"));
        let reply = t.hears_reply(client);
        assert!(reply.starts_with("502 Bad Gateway"), "{chunks}: {reply}");
        assert_eq!(t.told(), "502 upstream_bad_response SD", "{chunks}");
        assert!(!t.is_live(server));
    }
}

#[test]
fn a_bad_chunk_that_comes_later_ends_in_a_part() {
    let mut t = Script::new();
    let (client, server) = asked(&mut t, GET);
    t.says(server, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|");
    t.says(server, "zz|");
    assert!(t.hears(client).ends_with("||5|hello|"));
    assert_eq!(t.end(client), Some(End::Fin), "a missing last chunk shows that it is a part");
    assert_eq!(t.told(), "200 upstream_bad_response SD");
}

#[test]
fn a_response_in_bad_form_is_put_right_unless_its_server_is_to_be_strict() {
    let response = "HTTP/1.2 200 OK\nX-Long : a| b|Content-Length: 002, 2|Connection: keep-alive;||hi";
    let mut t = Script::new();
    let (client, server) = asked(&mut t, GET);
    t.says(server, response);
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|X-Long: a b|Content-Length: 2||hi");
    assert!(t.is_live(server), "its end was certain");

    let mut t = Script::with(strict);
    let (client, server) = asked(&mut t, GET);
    t.says(server, response);
    assert!(t.hears_reply(client).starts_with("502 Bad Gateway"));
}

#[test]
fn octets_behind_a_204_that_announced_them_reach_nobody() {
    for (announced, octets) in [("Transfer-Encoding: chunked", "0||"), ("Content-Length: 2", "hi")] {
        let mut t = Script::new();
        let (client, server) = asked(&mut t, GET);
        t.says(server, &format!("HTTP/1.1 204 No Content|{announced}||"));
        assert_eq!(t.hears(client), "HTTP/1.1 204 No Content||");
        assert!(!t.is_live(server), "{octets:?} would be the answer to the next request");
        t.says(client, GET);
        let next = t.connects("B");
        t.says(next, "HTTP/1.1 204 No Content||");
        assert_eq!(t.hears(client), "HTTP/1.1 204 No Content||");
    }
}

#[test]
fn a_101_with_a_length_or_a_coding_is_a_tunnel() {
    for announced in ["Content-Length: 0", "Transfer-Encoding: chunked"] {
        let mut t = Script::new();
        let request = "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: x||";
        let (client, server) = asked(&mut t, request);
        t.says(server, &format!("HTTP/1.1 101 Switching|Upgrade: x|Connection: upgrade|{announced}||"));
        assert_eq!(t.hears(client), "HTTP/1.1 101 Switching|Upgrade: x|Connection: upgrade||");
        t.says(client, "octets");
        assert!(t.hears(server).ends_with("||octets"));
    }
}

#[test]
fn an_upgrade_that_says_that_it_has_no_content_is_tunnelled() {
    let mut t = Script::new();
    let request =
        "POST /exec HTTP/1.1|Host: a|Content-Length: 0|Connection: Upgrade|Upgrade: SPDY/3.1||early";
    let (client, server) = asked(&mut t, request);
    assert_eq!(
        t.hears(server),
        "POST /exec HTTP/1.1|Host: a|Content-Length: 0|Upgrade: SPDY/3.1|Connection: upgrade||"
    );
    t.says(server, "HTTP/1.1 101 Switching|Upgrade: SPDY/3.1|Connection: upgrade||late");
    assert_eq!(t.hears(server), "early");
    assert!(t.hears(client).ends_with("||late"));
}

#[test]
fn the_content_of_an_upgrade_goes_before_the_octets_of_the_tunnel() {
    let head = "POST /start HTTP/1.1|Host: a|Content-Length: 5|Connection: Upgrade|Upgrade: tcp||";
    let switching = "HTTP/1.1 101 UPGRADED|Upgrade: tcp|Connection: upgrade||";
    for (before, behind) in
        [("hello", "octets"), ("hel", "looctets"), ("", "hellooctets"), ("hellooctets", "")]
    {
        let mut t = Script::new();
        let (client, server) = asked(&mut t, &format!("{head}{before}"));
        t.says(server, switching);
        assert_eq!(t.hears(client), switching, "{before:?}");
        t.says(client, behind);
        let heard = t.hears(server);
        assert!(
            heard.ends_with("|Content-Length: 5|Upgrade: tcp|Connection: upgrade||hellooctets"),
            "{heard}"
        );
        t.says(server, "late");
        assert_eq!(t.hears(client), "late");
        t.half_closes(client);
        assert_eq!(t.end(server), Some(End::Fin));
    }
}

#[test]
fn the_chunks_of_an_upgrade_end_before_the_octets_of_the_tunnel() {
    let mut t = Script::new();
    let head = "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Connection: Upgrade|Upgrade: x||";
    let (client, server) = asked(&mut t, &format!("{head}2|he|"));
    t.says(server, "HTTP/1.1 101 Switching|Upgrade: x|Connection: upgrade||");
    t.says(client, "1;a|y|0||octets|");
    assert!(t.hears(server).ends_with("||2|he|1|y|0||octets|"));
}

#[test]
fn a_client_that_leaves_in_the_content_of_an_upgrade_ends_the_tunnel() {
    let mut t = Script::new();
    let head = "POST / HTTP/1.1|Host: a|Content-Length: 5|Connection: Upgrade|Upgrade: x||";
    let (client, server) = asked(&mut t, &format!("{head}he"));
    t.says(server, "HTTP/1.1 101 Switching|Upgrade: x|Connection: upgrade||");
    t.half_closes(client);
    assert!(!t.is_live(client) && !t.is_live(server));
    assert_eq!(t.outcome().reason.as_str(), "client_aborted");
}

#[test]
fn a_host_with_the_dot_of_the_root_takes_the_route_of_its_name() {
    let mut t = Script::with(|config| config.routes[0].host = Some("shop.example".into()));
    let (_, server) = asked(&mut t, "GET / HTTP/1.1|Host: Shop.Example.:80||");
    assert_eq!(t.hears(server), "GET / HTTP/1.1|Host: Shop.Example.:80||");
}

#[test]
fn we_name_ourselves_where_we_may() {
    for (via, in_request, in_response) in
        [(Via::Both, true, true), (Via::Response, false, true), (Via::Off, false, false)]
    {
        let mut t = Script::with(|config| config.clusters[0].dialect.via = via);
        let (client, server) = asked(&mut t, GET);
        assert_eq!(t.hears_verbatim(server).contains("|Via: 1.1 weir|"), in_request, "{via:?}");
        t.says(server, "HTTP/1.1 103 Early|X: y||HTTP/1.1 200 OK|Content-Length: 0||");
        let heard = t.hears_verbatim(client);
        assert_eq!(heard.matches("|Via: 1.1 weir|").count(), if in_response { 2 } else { 0 }, "{via:?}");
    }
}

#[test]
fn a_request_that_comes_back_is_told_of_the_loop() {
    let mut t = Script::with(|config| config.instance = 0xab);
    let (_, server) = asked(&mut t, GET);
    let forwarded = t.hears_verbatim(server);
    assert!(forwarded.contains("|Via: 1.1 weir (000000ab)|"), "{forwarded}");
    let again = t.client();
    t.says(again, &forwarded);
    assert!(t.hears_reply(again).starts_with("508 Loop Detected"));
    assert_eq!(t.connecting(), "");
    let other = t.client();
    t.says(other, &forwarded.replace("000000ab", "000000ac"));
    assert_ne!(t.connecting(), "", "another instance is no loop");
}

#[test]
fn a_response_without_a_date_is_given_one_once_the_time_is_known() {
    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    let mut t = Script::with_endpoints(1, |_| {});
    let (client, server) = asked(&mut t, GET);
    t.says(server, "HTTP/1.1 204 No Content||");
    assert!(!t.hears(client).contains("Date"));
    t.input(Input::Clock { unix_seconds: 784_111_777 });
    for (before, after) in [
        ("HTTP/1.1 204 No Content||", format!("HTTP/1.1 204 No Content|{DATE}||")),
        ("HTTP/1.1 204 No Content|date: then||", "HTTP/1.1 204 No Content|date: then||".to_owned()),
    ] {
        t.says(client, GET);
        t.says(server, before);
        assert_eq!(t.hears(client), after);
    }
    let stranger = t.client();
    t.says(stranger, "GET / HTTP/1.1||");
    let reply = t.hears(stranger);
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains(&format!("|{DATE}|")), "{reply}");
}

#[test]
fn who_is_not_trusted_says_nothing_of_the_client() {
    let request = "POST / HTTP/1.1|Host: a|CF-Connecting-IP: 1.1.1.1|X-Real-IP: 1.1.1.1|X-Forwarded-Port: 1|\
                   True-Client-IP: 1.1.1.1|Proxy: x|Transfer-Encoding: chunked||\
                   0|cf-connecting-ip: 1.1.1.1|X-Client-IP: 1.1.1.1|X-Check: 1||";
    let mut t = Script::with(|config| config.client_fields = vec!["cf-connecting-ip".into()]);
    let (_, server) = asked(&mut t, request);
    let heard = t.hears_verbatim(server);
    let (peer, rest) = heard.split_once("|X-Real-IP: ").unwrap().1.split_once('|').unwrap();
    assert!(heard.contains(&format!("|X-Forwarded-For: {peer}|")), "{heard}");
    assert!(!heard.contains("1.1.1.1") && !heard.contains("Proxy") && !heard.contains("-Port"), "{heard}");
    assert!(rest.ends_with("||0|X-Check: 1||"), "{heard}");

    let mut t = Script::with(|config| {
        config.client_fields = vec!["cf-connecting-ip".into()];
        config.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap()];
    });
    let (_, server) = asked(&mut t, request);
    let heard = t.hears_verbatim(server);
    assert!(
        heard.starts_with("POST / HTTP/1.1|Host: a|CF-Connecting-IP: 1.1.1.1|X-Real-IP: 1.1.1.1|"),
        "{heard}"
    );
    assert!(heard.ends_with("||0|cf-connecting-ip: 1.1.1.1|X-Check: 1||"), "{heard}");
}
