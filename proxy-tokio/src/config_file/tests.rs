//! What may be written, what it means, and what is said of mistakes.

use super::*;
use proxy_core::{Balance, Cluster, ClusterId, Dialect, Endpoint, Paths, Route, RouteId, Timeouts, Via};
use std::time::Duration;

/// Knows one name, with two addresses.
fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match name {
        "twins" => {
            Ok(vec![([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], port).into(), ([10, 0, 0, 1], port).into()])
        }
        _ => Err(io::Error::other("no such name")),
    }
}

fn file(text: &str) -> Result<Loaded, Problems> {
    load(&[Layer::file("weir.toml", text)], &resolve)
}

fn good(text: &str) -> Loaded {
    match file(text) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

/// A good file with `text` in it.
fn with(text: &str) -> Config {
    good(&format!("to = \":1\"\n{text}\n")).config
}

/// What is wrong with `to = ":1"` and `text` in the lines after it.
fn problems(text: &str) -> Vec<String> {
    told(&format!("to = \":1\"\n{text}"))
}

/// Everything that is wrong, as `line:column message [label] (help)`.
fn told(text: &str) -> Vec<String> {
    match file(text) {
        Ok(_) => panic!("{text}\nis fine"),
        Err(problems) => problems.iter().map(|problem| tell(&problem)).collect(),
    }
}

fn tell(problem: &Problem<'_>) -> String {
    let at = problem.at.map(|(_, line, column)| format!("{line}:{column} ")).unwrap_or_default();
    let label = if problem.label.is_empty() { String::new() } else { format!(" [{}]", problem.label) };
    let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{at}{}{label}{help}", problem.message)
}

fn seconds(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

fn endpoint(addr: &str) -> Endpoint {
    Endpoint { addr: addr.parse().unwrap(), weight: 1, max_connections: None }
}

#[test]
fn two_lines_are_a_whole_file() {
    let loaded = good("listen = \"127.0.0.1:8080\"\nto     = \"127.0.0.1:9001\"\n");
    let addr = |text: &str| text.parse().unwrap();
    assert_eq!(loaded.config, Config::simple(addr("127.0.0.1:8080"), &[addr("127.0.0.1:9001")]));
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn the_documented_example_means_what_it_says() {
    let config = good(
        r#"
listen = ":8080"
to     = "app"
client_fields = "CF-Connecting-IP"

[upstream.app]
servers = ["10.0.0.1:9001", "10.0.0.2:9001", { addr = "10.0.0.3:9001", weight = 2 }]
balance = "round_robin"
max_connections = 100
max_queue = 7
strict = true
via = "response"

[timeouts]
connect = "2s"
write   = "16s"
read    = "17s"
total   = "40s"

[timeouts.client]
head      = "11s"
body      = "12s"
write     = "13s"
keepalive = "14s"

[limits]
client_connections = 2000
head_bytes         = "8KiB"
fields             = 90
request_body       = "off"
"#,
    )
    .config;
    let mut expected = Config::simple("0.0.0.0:8080".parse().unwrap(), &[]);
    let limited = |endpoint: Endpoint| Endpoint { max_connections: Some(100), ..endpoint };
    expected.clusters = vec![Cluster {
        name: "app".into(),
        endpoints: vec![
            limited(endpoint("10.0.0.1:9001")),
            limited(endpoint("10.0.0.2:9001")),
            limited(Endpoint { weight: 2, ..endpoint("10.0.0.3:9001") }),
        ],
        balance: Balance::RoundRobin,
        max_queue: 7,
        dialect: Dialect { strict: true, via: Via::Response },
    }];
    expected.client_fields = vec!["CF-Connecting-IP".into()];
    let timeouts = &mut expected.timeouts;
    (timeouts.connect, timeouts.write, timeouts.read, timeouts.total) =
        (seconds(2), seconds(16), seconds(17), seconds(40));
    let client = &mut timeouts.client;
    (client.head, client.body, client.write, client.keepalive) =
        (seconds(11), seconds(12), seconds(13), seconds(14));
    expected.routes[0].timeouts = timeouts.clone();
    expected.limits =
        Limits { client_connections: Some(2000), head_bytes: 8 * 1024, fields: 90, ..Limits::default() };
    assert_eq!(config, expected);
}

#[test]
fn every_timeout_has_a_key() {
    let set = |text: &str| with(text).timeouts;
    let default = Timeouts::default();
    let client = |change: fn(&mut proxy_core::ClientTimeouts)| {
        let mut client = default.client.clone();
        change(&mut client);
        Timeouts { client, ..default.clone() }
    };
    let d = || default.clone();
    let seven = seconds(7);
    let cases = [
        ("queue", Timeouts { queue: seven, ..d() }),
        ("connect", Timeouts { connect: seven, ..d() }),
        ("write", Timeouts { write: seven, ..d() }),
        ("read", Timeouts { read: seven, ..d() }),
        ("head", Timeouts { head: seven, ..d() }),
        ("total", Timeouts { total: seven, ..d() }),
        ("drain", Timeouts { drain: seven, ..d() }),
        ("stream.idle", Timeouts { stream_idle: seven, ..d() }),
        ("upstream.keepalive", Timeouts { upstream_keepalive: seven, ..d() }),
        ("client.head", client(|client| client.head = seconds(7))),
        ("client.body", client(|client| client.body = seconds(7))),
        ("client.write", client(|client| client.write = seconds(7))),
        ("client.keepalive", client(|client| client.keepalive = seconds(7))),
    ];
    for (key, expected) in cases {
        assert_eq!(set(&format!("timeouts.{key} = \"7s\"")), expected, "{key}");
        let (table, name) = key
            .rsplit_once('.')
            .map_or(("timeouts".into(), key), |(table, name)| (format!("timeouts.{table}"), name));
        assert_eq!(set(&format!("[{table}]\n{name} = \"7000ms\"")), expected, "{key} in a table");
    }
    assert_eq!(set("timeouts.client.body_rate = \"2KiB/s\"").client.body_rate_min, 2048);
    assert_eq!(set("timeouts.client.body_rate = \"off\"").client.body_rate_min, 0);
    for off in ["0", "\"off\"", "\"0\"", "\"0s\""] {
        assert_eq!(set(&format!("timeouts.read = {off}")).read, None, "{off}");
    }
}

#[test]
fn every_limit_has_a_key() {
    let default = Limits::default;
    let cases = [
        ("client_connections = 5", Limits { client_connections: Some(5), ..default() }),
        ("client_connections = \"off\"", Limits { client_connections: None, ..default() }),
        ("client_connections = 0", Limits { client_connections: None, ..default() }),
        ("head_bytes = \"32KiB\"", Limits { head_bytes: 32 * 1024, ..default() }),
        ("head_bytes = 4096", Limits { head_bytes: 4096, target_bytes: 4096, ..default() }),
        ("fields = 255", Limits { fields: 255, ..default() }),
        ("target_bytes = \"2KB\"", Limits { target_bytes: 2000, ..default() }),
        ("buffer_bytes = \"1 MiB\"", Limits { buffer_bytes: 1024 * 1024, ..default() }),
    ];
    for (text, expected) in cases {
        assert_eq!(with(&format!("[limits]\n{text}")).limits, expected, "{text}");
    }
    assert_eq!(with("limits.request_body = \"10MB\"").routes[0].request_body_max, Some(10_000_000));
    assert_eq!(with("limits.request_body = \"off\"").routes[0].request_body_max, None);
}

#[test]
fn the_other_keys_of_the_top_level() {
    let nets = with("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").trusted_proxies;
    assert_eq!(nets, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert!(!with("explain_addresses = false").explain_addresses);
    let settings = good("to = \":1\"\nworkers = 3\nlog = \"json\"").settings;
    assert_eq!(settings, Settings { workers: Some(3), log: LogFormat::Json, ..Settings::default() });
    for (name, format) in LogFormat::NAMES {
        assert_eq!(good(&format!("to = \":1\"\nlog = \"{name}\"")).settings.log, format);
    }
}

#[test]
fn listeners_are_many_and_named() {
    let listeners = |text: &str| -> Vec<_> {
        with(text).listeners.into_iter().map(|it| (it.name, it.bind.to_string())).collect()
    };
    let pair = |name: &str, bind: &str| (name.to_owned(), bind.to_owned());
    assert_eq!(
        listeners(""),
        [pair("main", "127.0.0.1:8080")],
        "only this machine, unless something else is said"
    );
    assert_eq!(
        listeners("listen = [\":80\", \"[::]:80\"]\n[listener.web]\nbind = \"127.0.0.1:81\""),
        [pair("main", "0.0.0.0:80"), pair("main-2", "[::]:80"), pair("web", "127.0.0.1:81")]
    );
    assert_eq!(listeners("listen = \"twins:80\""), [pair("main", "10.0.0.1:80")], "a name's first address");
}

#[test]
fn to_is_a_name_an_address_or_several() {
    let endpoints = |text: &str| good(text).config.clusters.remove(0).endpoints;
    assert_eq!(endpoints("to = \":9001\""), [endpoint("127.0.0.1:9001")]);
    assert_eq!(endpoints("to = [\":1\", \"[::1]:2\"]"), [endpoint("127.0.0.1:1"), endpoint("[::1]:2")]);
    assert_eq!(endpoints("to = \"twins:5\""), [endpoint("10.0.0.1:5"), endpoint("10.0.0.2:5")]);
    let table = "to = [{ addr = \":1\", weight = 3, max_connections = 4 }]";
    assert_eq!(
        endpoints(table),
        [Endpoint { weight: 3, max_connections: Some(4), ..endpoint("127.0.0.1:1") }]
    );
    let own = "to = \"a\"\n[upstream.a]\nmax_connections = 9\nservers = [{ addr = \":1\", max_connections = \"off\" }]";
    assert_eq!(endpoints(own), [endpoint("127.0.0.1:1")], "a server's own number wins");
}

#[test]
fn routes_have_hosts_paths_and_limits_of_their_own() {
    let loaded = good(
        r#"to = ":1"
timeouts.read = "4s"
limits.request_body = "1MB"
[upstream]
web.servers = [":3"]
[[route]]
host = "Shop.Example.com"
path = "/api/"
to   = ":2"
stream = true
timeouts = { total = "10s", client.body = "3s" }
limits = { request_body = "off" }
[[route]]
host = ["shop.example.com", "*.example.org", "[::1]", "127.0.0.1"]
to   = "web"
[[route]]
host = "*"
path = "/any"
to   = "web"
"#,
    );
    let clusters: Vec<_> = loaded.config.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(clusters, ["web", "route-1", "main"]);
    let global = Timeouts { read: seconds(4), ..Timeouts::default() };
    let route = |host: Option<&str>, path: &str, cluster| Route {
        host: host.map(String::from),
        path: path.into(),
        paths: Paths::Normal,
        cluster: ClusterId(cluster),
        timeouts: global.clone(),
        stream: false,
        request_body_max: Some(1_000_000),
    };
    let mut api = route(Some("shop.example.com"), "/api/", 1);
    api.timeouts.total = seconds(10);
    api.timeouts.client.body = seconds(3);
    let api = Route { stream: true, request_body_max: None, ..api };
    let expected = [
        api,
        route(Some("shop.example.com"), "/", 0),
        route(Some("*.example.org"), "/", 0),
        route(Some("[::1]"), "/", 0),
        route(Some("127.0.0.1"), "/", 0),
        route(None, "/any", 0),
        route(None, "/", 2),
    ];
    assert_eq!(loaded.config.routes, expected);
}

#[test]
fn every_limit_knows_where_it_was_said() {
    let text = "to = \":1\"\n[timeouts]\nread = \"4s\"\nhead = \"9s\"\n[[route]]\npath = \"/a\"\nto = \":2\"\ntimeouts.head = \"5s\"\n";
    let layers = [Layer::file("weir.toml", text), Layer::assignment("--set", "timeouts.total=off")];
    let loaded = load(&layers, &resolve).unwrap();
    let told = |route: Option<RouteId>, timer| {
        let config = &loaded.config;
        let timeouts = route.map_or(&config.timeouts, |route| &config.routes[route.index()].timeouts);
        loaded.origins.timeout(timeouts, route, timer).unwrap().to_string()
    };
    use proxy_core::Timer::{ClientHead, Connect, Total, UpstreamHead, UpstreamRead};
    assert_eq!(told(None, Connect), "timeouts.connect = 1s, default");
    assert_eq!(told(None, UpstreamRead), "timeouts.read = 4s, weir.toml:3");
    assert_eq!(told(Some(RouteId(0)), UpstreamRead), "timeouts.read = 4s, weir.toml:3");
    assert_eq!(told(Some(RouteId(0)), UpstreamHead), "timeouts.head = 5s, weir.toml:8");
    assert_eq!(told(Some(RouteId(1)), UpstreamHead), "timeouts.head = 9s, weir.toml:4");
    assert_eq!(told(Some(RouteId(0)), Total), "timeouts.total = off, --set");
    assert_eq!(told(Some(RouteId(0)), ClientHead), "timeouts.client.head = 10s, default");
    assert!(loaded.origins.timeout(&loaded.config.timeouts, None, proxy_core::Timer::Linger).is_none());
}

#[test]
fn later_layers_win() {
    let text = "listen = \":1\"\nto = \"10.0.0.1:1\"\nlog = \"json\"\n[timeouts]\nread = \"1s\"\nwrite = \"2s\"\n[listener.tls]\nbind = \":443\"";
    let layers = [
        Layer::file("weir.toml", text),
        Layer::assignment("--set", "timeouts.read=5s"),
        Layer::assignment("--set", "log=combined"),
        Layer::assignment("--set", "limits.client_connections=10"),
        Layer::assignment("--set", "explain_addresses = false"),
        Layer::values("--listen", "listen", vec!["127.0.0.1:7".into()]),
        Layer::values("--to", "to", vec!["10.0.0.2:1".into(), ":3".into()]),
    ];
    let Loaded { config, settings, .. } = load(&layers, &resolve).unwrap();
    assert_eq!((config.timeouts.read, config.timeouts.write), (seconds(5), seconds(2)));
    assert_eq!(settings.log, LogFormat::Combined);
    assert_eq!(config.limits.client_connections, Some(10));
    assert!(!config.explain_addresses);
    assert_eq!(config.clusters[0].endpoints, [endpoint("10.0.0.2:1"), endpoint("127.0.0.1:3")]);
    let binds: Vec<_> = config.listeners.iter().map(|listener| listener.bind.to_string()).collect();
    assert_eq!(binds, ["127.0.0.1:7"], "no port of the file comes up beside --listen");
}

#[test]
fn mistakes_in_flags_name_the_flag() {
    let load = |layer| {
        let problems =
            load(&[Layer::values("default", "to", vec![":1".into()]), layer], &resolve).unwrap_err();
        assert!(problems.only_in_flags());
        let problem = problems.iter().next().unwrap();
        format!("{}: {}", problem.at.unwrap().0, tell(&problem))
    };
    let set = |text: &str| load(Layer::assignment("--set", text));
    assert_eq!(
        set("timeouts.read=5"),
        "--set: 1:15 a duration needs a unit [which unit?] (write \"5s\" or \"5ms\")"
    );
    assert_eq!(set("timeouts.raed=5s"), "--set: 1:10 unknown key `timeouts.raed` [did you mean `read`?]");
    assert_eq!(set("nothing"), "--set: 1:1 \"nothing\" sets nothing [KEY=VALUE is needed]");
    assert_eq!(set("a b=c"), "--set: 1:3 not TOML: key with no value, expected `=`");
    let listen = load(Layer::values("--listen", "listen", vec![":80".into(), ":x".into()]));
    assert_eq!(listen, "--listen: 1:1 \":x\" is not an address [the port must be a number up to 65535]");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let cases: &[(&str, &str)] = &[
        // Keys.
        ("tmeouts.read = 1", "2:1 unknown key `tmeouts` [did you mean `timeouts`?]"),
        ("read = \"1s\"", "2:1 unknown key `read` [did you mean `timeouts.read`?]"),
        ("fields = 1", "2:1 unknown key `fields` [did you mean `limits.fields`?]"),
        ("timeouts.client.hed = 1", "2:17 unknown key `timeouts.client.hed` [did you mean `head`?]"),
        ("[timeouts.stream]\nidel = \"1s\"", "3:1 unknown key `timeouts.stream.idel` [did you mean `idle`?]"),
        ("[timeouts.stream]\nx = \"1s\"", "3:1 unknown key `timeouts.stream.x` [known here: idle]"),
        ("[limits]\nheadbytes = 1", "3:1 unknown key `limits.headbytes` [did you mean `head_bytes`?]"),
        (
            "[listener.a]\nbnd = \":1\"\nbind = \":1\"",
            "3:1 unknown key `listener.a.bnd` [did you mean `bind`?]",
        ),
        // Planned.
        ("retry = {}", "2:1 `retry` is not supported yet"),
        ("[admin]\nlisten = \":1\"", "2:2 `admin` is not supported yet"),
        ("timeouts.attempt = \"1s\"", "2:10 `timeouts.attempt` is not supported yet"),
        ("timeouts.client.tls = \"1s\"", "2:17 `timeouts.client.tls` is not supported yet"),
        ("listener.a = { bind = \":1\", tls = {} }", "2:29 `listener.a.tls` is not supported yet"),
        ("upstream.a = { servers = \":1\", health = {} }", "2:32 `upstream.a.health` is not supported yet"),
        (
            "upstream.a = { servers = \":1\", balance = \"p2c\" }",
            "2:42 balance = \"p2c\" is not supported yet [use \"round_robin\"]",
        ),
        (
            "upstream.a = { servers = \":1\", balance = \"x\" }",
            "2:42 unknown balance \"x\" [use \"round_robin\"]",
        ),
        // Values.
        ("timeouts.read = 15", "2:17 a duration needs a unit [which unit?] (write \"15s\" or \"15ms\")"),
        (
            "timeouts.read = \"15\"",
            "2:17 \"15\" is not a duration [time unit needed, for example 15sec or 15ms] (write it as \"15s\", \"500ms\" or \"5m\"; \"off\" switches it off)",
        ),
        (
            "timeouts.read = true",
            "2:17 a duration is needed here [this is true or false] (write it as \"15s\", \"500ms\" or \"5m\"; \"off\" switches it off)",
        ),
        (
            "timeouts.client.body_rate = \"500B\"",
            "2:29 \"500B\" is not a rate (write it as \"500B/s\" or \"10KiB/s\"; \"off\" switches it off)",
        ),
        ("timeouts = 3", "2:12 `timeouts` must be a table [this is a number]"),
        (
            "limits.head_bytes = \"70KiB\"",
            "2:21 the size 71680 is out of range [at least 256 B, at most 64.0 KiB]",
        ),
        (
            "limits.head_bytes = \"16 apples\"",
            "2:21 \"16 apples\" is not a size (write it as \"16KiB\", \"10MB\" or a number of bytes)",
        ),
        (
            "limits.buffer_bytes = -1",
            "2:23 -1 is not a size [it is negative] (write it as \"16KiB\", \"10MB\" or a number of bytes)",
        ),
        ("limits.fields = 256", "2:17 256 is out of range [between 1 and 255]"),
        ("limits.client_connections = -1", "2:29 -1 is out of range [at least 1] (\"off\" is no limit)"),
        ("limits.target_bytes = 1", "2:23 the size 1 is out of range [at least 16 B, at most 16.0 KiB]"),
        ("workers = 0", "2:11 0 is out of range [between 1 and 1024]"),
        ("workers = 1.5", "2:11 a whole number is needed here [this is a number with a fraction]"),
        ("log = \"jsn\"", "2:7 unknown log format \"jsn\" [short, json, combined, haproxy, off]"),
        ("explain_addresses = \"no\"", "2:21 true or false is needed here [this is a string]"),
        ("trusted_proxies = [\"ten\"]", "2:20 \"ten\" is not a network [write it as \"10.0.0.0/8\"]"),
        // Listeners.
        (
            "listen = \"127.0.0.1\"",
            "2:10 \"127.0.0.1\" is not an address [the port is missing] (write \"127.0.0.1:8080\")",
        ),
        ("listen = 8080", "2:10 a string is needed here [this is a number]"),
        ("listen = [\":1\", \":1\"]", "2:17 two listeners on 0.0.0.0:1 [again here]"),
        (
            "listen = [\"127.0.0.1:1\", \"0.0.0.0:1\"]",
            "2:26 0.0.0.0:1 and 127.0.0.1:1 are two listeners on one address [again here]",
        ),
        (
            "listen = [\"[::]:1\", \"127.0.0.1:1\"]",
            "2:21 127.0.0.1:1 and [::]:1 are two listeners on one address [again here]",
        ),
        ("[listener.web]", "2:11 listener `web` has no `bind` (add bind = \"127.0.0.1:8080\")"),
        (
            "[listener.\"w b\"]\nbind = \":1\"",
            "2:11 \"w b\" can't be the name of a listener [letters, digits, `-`, `_` and `.` only]",
        ),
        // Upstreams.
        ("[upstream.a]", "2:11 upstream `a` has no servers (add servers = [\"host:port\", …])"),
        ("[upstream.a]\nservers = []", "3:11 there is no server in it [at least one is needed]"),
        ("[upstream.a]\nservers = [\"b\"]", "3:12 \"b\" is not an address [host:port is needed here]"),
        ("[upstream.a]\nservers = [\"b:1\"]", "3:12 cannot find the address of `b` [no such name]"),
        ("[upstream.a]\nservers = [{ weight = 2 }]", "3:12 this server has no `addr`"),
        (
            "[upstream.a]\nservers = [{ addr = \":1\", weight = 0 }]",
            "3:36 0 is out of range [between 1 and 256]",
        ),
        (
            "[upstream.a]\nservers = [{ addr = \":1\", wieght = 1 }]",
            "3:27 unknown key `server.wieght` [did you mean `weight`?]",
        ),
        (
            "[upstream.a]\nservers = [\":1\", \"127.0.0.1:1\"]",
            "3:18 127.0.0.1:1 is in it twice [again here] (for a larger share write { addr = \"…\", weight = 2 })",
        ),
        (
            "[upstream.a]\nservers = \":1\"\nmax_connections = \"x\"",
            "4:19 a whole number is needed here [this is a string] (\"off\" is no limit)",
        ),
        // Routes.
        ("[[route]]\npath = \"/a\"", "2:1 this route leads nowhere [`to` is missing]"),
        ("[route]\nto = \":1\"", "2:1 [[route]], in double brackets, is needed here [this is a table]"),
        (
            "[[route]]\npath = \"/a\"\nto = \"ap\"\n[upstream.app]\nservers = [\":1\"]",
            "4:6 there is no upstream `ap` [did you mean `app`?]",
        ),
        (
            "[[route]]\npath = \"/a\"\nto = \"x\"",
            "4:6 there is no upstream `x` (define [upstream.x], or write an address as \"host:port\")",
        ),
        ("[[route]]\nto = \":1\"\npath = \"api\"", "4:8 \"api\" is not a path [it must start with `/`]"),
        (
            "[[route]]\nto = \":1\"\npath = \"/a?b\"",
            "4:8 \"/a?b\" is not a path [only the path is matched, without a query]",
        ),
        (
            "[[route]]\nto = \":1\"\npath = \"/a/*\"",
            "4:8 \"/a/*\" is not a path [a path takes all below it: no `*` is needed]",
        ),
        (
            "[[route]]\nto = \":1\"\npath = \"/ä\"",
            "4:8 \"/ä\" is not a path [write other characters percent-encoded, as they are sent]",
        ),
        (
            "[[route]]\nto = \":1\"\nhost = \"a:80\"",
            "4:8 \"a:80\" is not a host [leave out the port: a route takes any]",
        ),
        (
            "[[route]]\nto = \":1\"\nhost = \"a/b\"",
            "4:8 \"a/b\" is not a host [the path has its own key: `path`]",
        ),
        (
            "[[route]]\nto = \":1\"\nhost = \"http://a\"",
            "4:8 \"http://a\" is not a host [leave out the scheme]",
        ),
        (
            "[[route]]\nto = \":1\"\nhost = \"a.*.b\"",
            "4:8 \"a.*.b\" is not a host [a `*` stands only at the front: \"*.example.com\"]",
        ),
        ("[[route]]\nto = \":1\"\nhost = []", "4:8 this route has no host [leave `host` out for any]"),
        (
            "[[route]]\nto = \":1\"\npath = \"/a\"\ntimeouts.drain = \"1s\"",
            "5:10 `route.timeouts.drain` holds before a route is known: set it in [timeouts]",
        ),
        (
            "[[route]]\nto = \":1\"\npath = \"/a\"\nlimits.fields = 3",
            "5:8 `route.limits.fields` holds for the whole proxy: set it in [limits]",
        ),
        (
            "[[route]]\nhost = [\"a\", \"A\"]\nto = \":2\"",
            "3:14 two routes match the same: a/ [again here] (the most specific host, then the longest path wins; the order says nothing)",
        ),
        (
            "[[route]]\nto = \":2\"",
            "2:1 two routes match the same: any host / [again here] (the most specific host, then the longest path wins; the order says nothing)",
        ),
        // TOML.
        (
            "timeouts.read = 5s",
            "2:17 not TOML: string values must be quoted, expected literal string (values such as \"5s\", \"16KiB\", \"off\" and addresses need quotes)",
        ),
        ("to = \":2\"", "2:1 not TOML: duplicate key"),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(text), [*expected], "{text}");
    }
    assert_eq!(
        told("listen = \":80\""),
        ["there is nowhere to go: neither `to` nor a [[route]] is set (add to = \"127.0.0.1:9001\")"]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[upstream.web]\nservers = [\"10.0.0.1\", \"10.0.0.2:x\"]\n[timeouts]\nraed = \"5s\"\nread = 5s\n[[route]]\nto = \"wbe\"\n";
    let lines: Vec<_> = file(text).unwrap_err().iter().map(|problem| problem.at.unwrap().1).collect();
    assert_eq!(lines, [2, 2, 4, 5, 7]);
}

#[test]
fn what_follows_a_broken_header_is_not_blamed() {
    assert_eq!(problems("[timeouts\nread = \"1s\"\n"), ["2:10 not TOML: unclosed table, expected `]`"]);
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let text = "to = \"app\"\n\n[upstream.app]\nservers = [\"10.0.0.1:9001\"]\n\n[timeouts]\nraed = \"15s\"\nread = 15\n";
    let expected = "\
error: unknown key `timeouts.raed`
 --> weir.toml:7:1
  |
7 | raed = \"15s\"
  | ^^^^ did you mean `read`?

error: a duration needs a unit
 --> weir.toml:8:8
  |
8 | read = 15
  |        ^^ which unit?
  |
  = help: write \"15s\" or \"15ms\"

";
    assert_eq!(file(text).unwrap_err().to_string(), expected);
}

#[test]
fn two_places_that_contradict_each_other_are_shown_together() {
    let text = "to = \":1\"\n[[route]]\nto = \":2\"\n";
    let expected = "\
error: two routes match the same: any host /
 --> weir.toml:2:1
  |
1 | to = \":1\"
  | -- first here
2 | [[route]]
  | ^^^^^^^^^ again here
  |
  = help: the most specific host, then the longest path wins; the order says nothing

";
    assert_eq!(file(text).unwrap_err().to_string(), expected);
}

#[test]
fn a_file_that_would_exhaust_us_is_refused() {
    let deep = format!("{}a = 1", "a.".repeat(100_000));
    assert_eq!(told(&deep), ["1:1 a key or value has more than 64 dots"]);
    let nested = "a = ".to_owned() + &"[".repeat(10_000);
    assert!(!told(&nested).is_empty());
    let long = "#".repeat(1024 * 1024 + 1);
    assert_eq!(told(&long), ["1:1 the file is longer than 1 MiB"]);
}

#[test]
fn of_very_many_mistakes_the_first_are_told() {
    for line in ["x\n", "=\n", "[a\n", "to = 1\n"] {
        let problems = file(&line.repeat(20_000)).unwrap_err();
        assert_eq!(problems.len(), Problems::MAX, "{line}");
        assert!(problems.render(true).len() < 200_000);
    }
}

#[test]
fn no_cut_of_a_file_makes_the_reader_or_the_renderer_panic() {
    let text = "to = \"äpp\"\n[upstream.app]\nservers = [\"10.0.0.1:1\", { addr = \":2\" }]\n[[route]]\nhost = \"ö\"\ntimeouts = { total = \"1s\" }\r\n";
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        let (start, end) = text.split_at(at);
        for cut in [start, end] {
            if let Err(problems) = file(cut) {
                assert!(!problems.render(true).is_empty());
            }
        }
    }
}

#[test]
fn the_documented_file_is_fine_and_its_defaults_are_the_defaults() {
    let loaded = good(include_str!("../../../docs/weir.toml"));
    assert_eq!(loaded.config.timeouts, Timeouts::default());
    assert_eq!(loaded.config.limits, Limits::default());
    assert_eq!(loaded.config.routes.len(), 4);
}

#[test]
fn every_address_of_both_families_and_different_ports_are_different_listeners() {
    for listen in
        ["[\":1\", \"[::]:1\"]", "[\"[::]:1\", \":1\"]", "[\":1\", \":2\"]", "[\"127.0.0.1:1\", \"[::1]:1\"]"]
    {
        assert_eq!(
            file(&format!("listen = {listen}\nto = \":9001\"")).unwrap().config.listeners.len(),
            2,
            "{listen}"
        );
    }
}

#[test]
fn a_host_may_end_with_the_dot_of_the_root() {
    let config = with("[[route]]\nhost = \"Shop.example.com.\"\nto = \":2\"");
    assert_eq!(config.routes[0].host.as_deref(), Some("shop.example.com"));
    assert_eq!(config.route_for("shop.example.com", "/"), Ok(Some(RouteId(0))));
}

#[test]
fn what_is_said_of_the_client_and_of_ourselves_is_checked() {
    let bad = problems("client_fields = [\"X-Me\", \"Host\", \"a b\"]");
    assert_eq!(bad.len(), 2, "{bad:?}");
    let bad = told("to = \"a\"\n[upstream.a]\nservers = \":1\"\nvia = \"on\"");
    assert_eq!(bad, ["4:7 unknown via \"on\" [use \"both\", \"response\" or \"off\"]"]);
}

#[test]
fn a_route_matches_normal_paths_unless_it_says_otherwise() {
    let config = with("[[route]]\npath = \"/a/../b\"\npaths = \"raw\"\nto = \":2\"");
    assert_eq!(config.routes[0].paths, Paths::Raw);
    let bad = problems("[[route]]\npath = \"/../b\"\nto = \":2\"");
    assert!(bad[0].starts_with("3:8 \"/../b\" is not a path"), "{bad:?}");
    assert_eq!(bad.len(), 1, "{bad:?}");
}
