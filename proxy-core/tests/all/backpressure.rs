//! A slow reader holds its writer back, and nothing piles up in between.

use crate::script::{Script, seconds};
use proxy_core::ConnId;

const BUFFER: usize = 32 * 1024;
const MB: usize = 1_000_000;

fn octets(len: usize) -> Vec<u8> {
    (0..=255).cycle().take(len).collect()
}

/// A client that takes nothing, and a server that answers with so much.
fn stalled_download(len: usize) -> (Script, ConnId, ConnId) {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.stalls(client);
    t.says(server, &format!("HTTP/1.1 200 OK|Content-Length: {len}||"));
    t.sends(server, &octets(len));
    (t, client, server)
}

#[test]
fn a_stalled_client_stops_the_reading_of_its_response() {
    let (mut t, client, server) = stalled_download(MB);
    assert_eq!(t.interest(server).unwrap().read, 0);
    assert!(t.core.buffered() <= 2 * BUFFER, "{} octets pile up", t.core.buffered());
    assert!(t.unread(server) > MB - 2 * BUFFER);
    t.resumes(client);
    assert_eq!(t.unread(server), 0);
    assert!(t.hears_octets(client).ends_with(&octets(MB)));
    assert_eq!(t.told(), "200 ok --");
}

#[test]
fn a_client_that_takes_a_little_gets_all_in_the_end() {
    let (mut t, client, server) = stalled_download(MB);
    while t.unread(server) > 0 || t.interest(client).unwrap().write {
        t.takes(client, 50_001);
        assert!(t.core.buffered() <= 2 * BUFFER);
    }
    assert!(t.hears_octets(client).ends_with(&octets(MB)));
}

#[test]
fn a_stalled_upstream_stops_the_reading_of_its_request() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("POST / HTTP/1.1|Host: a|Content-Length: {MB}||"));
    let server = t.connects("A");
    t.stalls(server);
    t.sends(client, &octets(MB));
    assert_eq!(t.interest(client).unwrap().read, 0);
    assert!(t.core.buffered() <= 2 * BUFFER, "{} octets pile up", t.core.buffered());
    t.resumes(server);
    assert_eq!(t.unread(client), 0);
    assert!(t.hears_octets(server).ends_with(&octets(MB)));
    t.says(server, "HTTP/1.1 204 No Content||");
    assert_eq!(t.hears(client), "HTTP/1.1 204 No Content||");
}

#[test]
fn an_upload_waits_in_the_kernel_until_a_connection_stands() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, &format!("POST / HTTP/1.1|Host: a|Content-Length: {MB}||"));
    t.sends(client, &octets(MB));
    assert!(t.core.buffered() <= 2 * BUFFER, "{} octets pile up", t.core.buffered());
    let server = t.connects("A");
    assert!(t.hears_octets(server).ends_with(&octets(MB)));
}

#[test]
fn small_chunks_do_not_pile_up_either() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    t.stalls(client);
    t.says(server, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||");
    t.says(server, &"1|x|".repeat(50_000));
    assert!(t.core.buffered() <= 2 * BUFFER + 4_096, "{} octets pile up", t.core.buffered());
    t.resumes(client);
    t.says(server, "0||");
    let heard = t.hears(client);
    assert!(heard.ends_with("|0||"));
    assert_eq!(heard.matches('x').count(), 50_000);
}

#[test]
fn a_client_that_reads_no_answers_gets_no_more_of_them_made() {
    let mut t = Script::new();
    let client = t.client();
    t.stalls(client);
    t.says(client, &"GET / HTTP/1.1|Host: a||".repeat(10_000));
    let server = t.connects("A");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.connecting(), "");
    assert!(t.unread(client) > 0);
    assert!(t.core.buffered() <= 2 * BUFFER);
    t.resumes(client);
    assert_eq!(t.connecting(), "B");
}

#[test]
fn a_tunnel_holds_back_each_way() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: x||");
    let server = t.connects("A");
    t.hears(server);
    t.says(server, "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: x||");
    t.hears(client);
    for (from, to) in [(client, server), (server, client)] {
        t.stalls(to);
        t.sends(from, &octets(MB));
        assert_eq!(t.interest(from).unwrap().read, 0);
        assert!(t.core.buffered() <= 2 * BUFFER);
        t.passes(seconds(1));
        t.resumes(to);
        assert_eq!(t.hears_octets(to), octets(MB));
    }
}
