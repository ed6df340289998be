//! What `weir check` says of files that are right.

use super::*;
use proxy_tokio::config_file::{Layer, load};

const MACHINE: Machine = Machine { cores: 2, descriptors_max: Some(4_096) };

fn loaded(text: &str) -> Loaded {
    load(&[Layer::file("weir.toml", text)], &|_, _| Ok(Vec::new())).unwrap()
}

fn warned(text: &str) -> Vec<String> {
    warnings(&loaded(text), 2, &MACHINE)
}

#[test]
fn the_report_shows_what_the_file_does_and_costs() {
    let text = r#"
listen = ":8080"
[upstream.app]
servers = ["10.0.0.1:9001", { addr = "10.0.0.2:9001", weight = 2, max_connections = 9 }]
[timeouts]
read = "40s"
[[route]]
host = "shop.example.com"
path = "/api"
to = "app"
[[route]]
to = ":9003"
stream = true
"#;
    assert_eq!(
        report(&loaded(text), &MACHINE),
        "\
listens    0.0.0.0:8080 (main)
routes     shop.example.com/api → app
           */ → route-2 (stream)
upstreams  app: 2 servers, in turn: 10.0.0.1:9001, 10.0.0.2:9001 (weight 2, at most 9 connections)
           route-2: 1 server: 127.0.0.1:9003
if down    app: at most 2 attempts; a server that does not answer costs 1.00s, all of them 2.00s
           route-2: at most 1 attempt; a server that does not answer costs 1.00s
workers    2
memory     at most 191.4 MiB: 1,000 client connections of 196.0 KiB, if all are as busy as can be
files      at most 2,282 open; 4,096 are allowed
warnings   timeouts.read = 40s, weir.toml:6: never ends anything, because the whole request ends first (timeouts.total = 30s, default)
"
    );
}

#[test]
fn two_lines_are_nothing_to_warn_of() {
    assert_eq!(warned("to = \":9001\""), Vec::<String>::new());
}

#[test]
fn what_is_allowed_but_hardly_meant_is_warned_of() {
    let cases = [
        (
            "to = \":1\"\ntimeouts.upstream.keepalive = \"90s\"",
            "timeouts.upstream.keepalive = 1m 30s, weir.toml:2: longer than the 60s of common servers, so that pooled connections die in our hands",
        ),
        (
            "to = \":1\"\ntimeouts.total = \"5s\"\ntimeouts.head = \"9s\"",
            "timeouts.head = 9s, weir.toml:3: never ends anything, because the whole request ends first (timeouts.total = 5s, weir.toml:2)",
        ),
        (
            "[[route]]\nto = \":1\"\nstream = true\ntimeouts.total = \"5s\"",
            "timeouts.total = 5s, weir.toml:4: never ends anything on */, because `stream = true` switches it off",
        ),
        (
            "to = [\":1\", \":2\", \":3\"]\ntimeouts.connect = \"2s\"\ntimeouts.total = \"5s\"",
            "*/: not every server can be tried: 3 × 2.00s to connect is more than the 5.00s for the whole request",
        ),
        (
            "to = \":1\"\ntimeouts = { read = \"off\", total = \"off\" }",
            "*/: timeouts.read, head and total are off: a server that falls silent is waited for forever",
        ),
        ("to = \":1\"\nupstream.old.servers = \":2\"", "no route leads to upstream `old`"),
        (
            "to = \":1\"\ntrusted_proxies = \"0.0.0.0/0\"",
            "trusted_proxies: 0.0.0.0/0 is everybody: any client can say that it is another",
        ),
        (
            "to = \":1\"\nlimits.client_connections = \"off\"",
            "limits.client_connections is off: clients alone decide how much memory is used",
        ),
        (
            "to = \":1\"\nlimits.client_connections = 10000",
            "20,282 file descriptors may be needed and only 4,096 are allowed: lower limits.client_connections or raise the hard limit (ulimit -Hn)",
        ),
    ];
    for (text, warning) in cases {
        assert_eq!(warned(text), [warning], "{text}");
    }
}

#[test]
fn a_warning_that_routes_share_is_told_once() {
    let text = "to = \":1\"\ntimeouts.read = \"31s\"\n[[route]]\npath = \"/a\"\nto = \":2\"\n";
    assert_eq!(warned(text).len(), 1);
}

#[test]
fn the_documented_file_of_all_keys_is_fine() {
    assert_eq!(warned(include_str!("../../../../docs/weir.toml")), Vec::<String>::new());
}
