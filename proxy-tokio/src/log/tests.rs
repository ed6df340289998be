//! What each format says of the same exchanges.

use super::*;
use proxy_core::{
    Attempt, AttemptResult, Cause, Flags, ListenerId, Marks, NetError, Phase, Plan, Reason, RequestSummary,
    RouteId, Timer, Times,
};
use proxy_tokio::config_file::{Layer, Loaded, load};
use std::time::Duration;

const FILE: &str = r#"
to = "web"
[upstream.api]
servers = ["10.0.0.1:9001", "10.0.0.2:9001"]
[upstream.web]
servers = ["10.0.0.3:80"]
[timeouts]
read = "15s"
[[route]]
host = "shop.example.com"
path = "/api"
to = "api"
timeouts.total = "20s"
"#;

fn loaded() -> Loaded {
    load(&[Layer::file("weir.toml", FILE)], &|_, _| Ok(Vec::new())).unwrap()
}

fn site(color: bool) -> Site {
    Site::new(&loaded(), TimeZone::UTC, color)
}

fn plan() -> Plan {
    Plan::new(loaded().config).unwrap()
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(ms: u64) -> Instant {
    Instant::ZERO.after(millis(ms))
}

fn attempt(endpoint: usize, took: Duration, result: AttemptResult) -> Attempt {
    let endpoint = Arc::clone(plan().endpoints().nth(endpoint).unwrap().0);
    Attempt { endpoint, reused: false, started: at(0), took, result }
}

/// When phases end that take so long.
fn marks(started: Instant, times: Times) -> Marks {
    let head = started.after(times.head);
    let leased = head.after(times.queue);
    let connected = leased.after(times.connect);
    let sent = connected.after(times.send);
    let responded = sent.after(times.first_byte);
    Marks {
        head,
        leased: Some(leased),
        connected: Some(connected),
        sent: Some(sent),
        responded: Some(responded),
        answered: responded.after(times.body),
    }
}

const FINE: Times = Times {
    head: millis(1),
    queue: millis(0),
    connect: millis(2),
    send: millis(3),
    first_byte: Duration::from_micros(149_500),
    body: Duration::from_micros(51_500),
};

/// A request that went well.
fn fine() -> Outcome {
    let plan = plan();
    Outcome {
        started: at(1_000),
        ended: at(1_207),
        listener: Arc::clone(plan.listener(ListenerId(0)).unwrap()),
        peer: "192.0.2.7:4711".parse().unwrap(),
        request: Some(RequestSummary {
            method: b"GET".to_vec(),
            target: b"/api/cart?id=1".to_vec(),
            host: b"shop.example.com".to_vec(),
            http10: false,
        }),
        status: Some(200),
        reason: Reason::Ok,
        flags: Flags { cause: Cause::Nobody, phase: Phase::Done },
        rules: Arc::clone(plan.rules(Some(RouteId(0)))),
        attempts: vec![attempt(1, millis(205), AttemptResult::Ok)],
        received: 0,
        sent: 1234,
        marks: marks(at(1_000), FINE),
        streamed: false,
        id: 0xabc,
    }
}

/// The example of the documentation.
fn timed_out() -> Outcome {
    Outcome {
        ended: at(16_020),
        status: Some(504),
        reason: Reason::Timeout(Timer::UpstreamRead),
        flags: Flags { cause: Cause::ServerTimeout, phase: Phase::Head },
        attempts: vec![
            attempt(0, millis(0), AttemptResult::ConnectFailed(NetError::Refused)),
            attempt(1, millis(15_001), AttemptResult::Failed(Reason::Timeout(Timer::UpstreamRead))),
        ],
        sent: 0,
        marks: marks(
            at(1_000),
            Times { connect: millis(18), send: millis(1), first_byte: millis(15_000), ..FINE },
        ),
        ..fine()
    }
}

fn hostile() -> Outcome {
    let mut outcome = fine();
    outcome.request = Some(RequestSummary {
        method: b"GE\"T".to_vec(),
        target: b"/a\x1b[2J\r\n12:00:00.000 200 GET evil".to_vec(),
        host: b"x\xc2\x9b\"\\".to_vec(),
        http10: true,
    });
    outcome
}

/// Nothing could be read, nobody was tried, no status was possible.
fn nothing() -> Outcome {
    Outcome {
        request: None,
        status: None,
        reason: Reason::ClientAborted,
        flags: Flags { cause: Cause::Client, phase: Phase::Request },
        rules: Arc::clone(plan().rules(None)),
        attempts: Vec::new(),
        sent: 0,
        marks: Marks { head: at(1_000), answered: at(1_000), ..Marks::default() },
        ended: at(1_000),
        ..fine()
    }
}

/// The line that `format` makes of an outcome of a worker that started in 2026, at noon.
fn line_on(site: &Site, format: LogFormat, outcome: &Outcome) -> String {
    let mut clock = clock("2026-02-06T12:04:30Z".parse().unwrap(), format, site);
    let mut out = String::new();
    Line { outcome, site, stamp: clock.stamp(moment(format, outcome)) }.write(format, &mut out);
    out
}

fn line(format: LogFormat, outcome: &Outcome) -> String {
    line_on(&site(false), format, outcome)
}

#[test]
fn short_lines_say_what_happened_and_explain_what_failed() {
    assert_eq!(
        line(LogFormat::Short, &fine()),
        "12:04:31.207 200 GET shop.example.com/api/cart?id=1 → api/10.0.0.2:9001  207ms  -- ok\n"
    );
    assert_eq!(
        line(LogFormat::Short, &timed_out()),
        "\
12:04:46.020 504 GET shop.example.com/api/cart?id=1 → api/10.0.0.2:9001  15.0s  sH upstream_read_timeout
             sent request in 1ms, waited 15.0s for the first byte (timeouts.read = 15s, weir.toml:8)
             tried 2 servers: 10.0.0.1:9001 refused (0ms), 10.0.0.2:9001 silent (15.0s)
"
    );
    assert_eq!(
        line(LogFormat::Short, &nothing()),
        "\
12:04:31.000 --- (no request) from 192.0.2.7:4711  0ms  CR client_aborted
             the client left after 0ms; nothing took noticeable time
"
    );
    let streamed = Outcome { streamed: true, ..fine() };
    assert!(line(LogFormat::Short, &streamed).ends_with("-- ok stream\n"));
}

#[test]
fn a_line_per_kind_of_failure() {
    let with = |reason, phase| Outcome {
        reason,
        flags: Flags { cause: Cause::Server, phase },
        received: 5,
        sent: 2048,
        ..fine()
    };
    let timeout = |timer| with(Reason::Timeout(timer), Phase::Data);
    let cases = [
        (
            timeout(Timer::ClientHead),
            "the client sent part of a request head, and not the rest within 207ms (timeouts.client.head = 10s, default)",
        ),
        (
            timeout(Timer::ClientBody),
            "the client sent 5 bytes of its body and then too little (timeouts.client.body = 15s, default)",
        ),
        (
            timeout(Timer::ClientWrite),
            "the client stopped reading after 2.0 KiB (timeouts.client.write = 15s, default)",
        ),
        (
            timeout(Timer::Queue),
            "waited 0ms for a free connection to the upstream (timeouts.queue = 1s, default)",
        ),
        (
            timeout(Timer::Connect),
            "the upstream did not accept a connection within 2ms (timeouts.connect = 1s, default)",
        ),
        (
            timeout(Timer::UpstreamWrite),
            "the upstream stopped reading the request after 3ms (timeouts.write = 15s, default)",
        ),
        (
            timeout(Timer::UpstreamRead),
            "response began after 150ms, then fell silent after 2.0 KiB (timeouts.read = 15s, weir.toml:8)",
        ),
        (
            timeout(Timer::Total),
            "took 207ms: head 1ms, connect 2ms, send 3ms, first byte 150ms, body 52ms (timeouts.total = 20s, weir.toml:13)",
        ),
        (
            timeout(Timer::StreamIdle),
            "nothing moved in the stream any more; 2.0 KiB sent (timeouts.stream.idle = 5m, default)",
        ),
        (with(Reason::ConnectRefused, Phase::Connect), "nobody listens on 10.0.0.2:9001: connection refused"),
        (with(Reason::ConnectUnreachable, Phase::Connect), "10.0.0.2:9001 can't be reached: no route to it"),
        (
            with(Reason::UpstreamReset, Phase::Data),
            "10.0.0.2:9001 reset the connection, after 2.0 KiB of the response body",
        ),
        (
            Outcome { sent: 0, ..with(Reason::UpstreamClosedEarly, Phase::Head) },
            "10.0.0.2:9001 closed before the response was whole, before any of the response body was passed on",
        ),
        (with(Reason::NoRoute, Phase::Request), "no route matches this host and path"),
        (
            Outcome { status: Some(414), ..with(Reason::RequestTooLarge, Phase::Request) },
            "the request target is over limits.target_bytes (7.8 KiB)",
        ),
    ];
    for (outcome, expected) in cases {
        let text = line(LogFormat::Short, &outcome);
        assert_eq!(text.lines().nth(1).map(str::trim_start), Some(expected), "{:?}", outcome.reason);
    }
}

#[test]
fn a_stale_connection_is_nobodys_fault_and_not_told() {
    let attempts =
        vec![attempt(0, millis(1), AttemptResult::Stale), attempt(0, millis(2), AttemptResult::Ok)];
    assert_eq!(line(LogFormat::Short, &Outcome { attempts, ..fine() }).lines().count(), 1);
}

#[test]
fn json_has_every_field_under_a_stable_name() {
    assert_eq!(
        line(LogFormat::Json, &timed_out()),
        concat!(
            r#"{"time":"2026-02-06T12:04:46.020000Z","id":"0000000000000abc","listener":"main","#,
            r#""client":"192.0.2.7:4711","method":"GET","host":"shop.example.com","target":"/api/cart?id=1","#,
            r#""version":"HTTP/1.1","status":504,"reason":"upstream_read_timeout","flags":"sH","#,
            r#""route":"shop.example.com/api","upstream":"api","server":"10.0.0.2:9001","attempts":["#,
            r#"{"server":"10.0.0.1:9001","reused":false,"result":"connect_refused","ms":0.0},"#,
            r#"{"server":"10.0.0.2:9001","reused":false,"result":"upstream_read_timeout","ms":15001.0}],"#,
            r#""received":0,"sent":0,"streamed":false,"limit":"timeouts.read = 15s, weir.toml:8","#,
            r#""ms":{"head":1.0,"queue":0.0,"connect":18.0,"send":1.0,"first_byte":15000.0,"body":0.0,"#,
            r#""total":15020.0}}"#,
            "\n"
        )
    );
    let nothing: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, &nothing())).unwrap();
    for absent in ["method", "host", "target", "version", "status", "route", "upstream", "server", "limit"] {
        assert!(nothing[absent].is_null(), "{absent} stands there, as null");
    }
    let fine: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, &fine())).unwrap();
    assert_eq!(fine["ms"]["body"], 51.5);
}

#[test]
fn combined_lines_are_apaches() {
    let expected =
        "192.0.2.7 - - [06/Feb/2026:12:04:31 +0000] \"GET /api/cart?id=1 HTTP/1.1\" 200 1234 \"-\" \"-\"\n";
    assert_eq!(line(LogFormat::Combined, &fine()), expected);
    let expected = "192.0.2.7 - - [06/Feb/2026:12:04:31 +0000] \"-\" - - \"-\" \"-\"\n";
    assert_eq!(line(LogFormat::Combined, &nothing()), expected);
}

#[test]
fn haproxy_lines_have_its_fields_in_its_order() {
    assert_eq!(
        line(LogFormat::Haproxy, &timed_out()),
        "192.0.2.7:4711 [06/Feb/2026:12:04:31.000] main api/10.0.0.2:9001 1/0/18/15001/15020 504 0 - - sH-- \
         -/-/-/-/1 -/- \"GET /api/cart?id=1 HTTP/1.1\"\n"
    );
    assert_eq!(
        line(LogFormat::Haproxy, &nothing()),
        "192.0.2.7:4711 [06/Feb/2026:12:04:31.000] main <NONE>/<NOSRV> 0/0/0/0/0 -1 0 - - CR-- -/-/-/-/0 -/- \"-\"\n"
    );
}

#[test]
fn off_says_nothing() {
    assert_eq!(line(LogFormat::Off, &timed_out()), "");
}

#[test]
fn no_peer_can_forge_a_line_in_any_format() {
    for (name, format) in LogFormat::NAMES {
        let text = line(format, &hostile());
        let lines = if format == LogFormat::Off { 0 } else { 1 };
        assert_eq!(text.matches('\n').count(), lines, "{name}");
        let harmless = |c: char| c == '\n' || c == '→' || (' '..='~').contains(&c);
        assert!(text.chars().all(harmless), "{name}: {text}");
    }
    let text = line(LogFormat::Combined, &hostile());
    let quoted = r#""GE\x22T /a\x1b[2J\x0d\x0a12:00:00.000\x20200\x20GET\x20evil HTTP/1.0" 200"#;
    assert!(text.contains(quoted), "{text}");
    let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, &hostile())).unwrap();
    assert_eq!(json["host"], r"x\xc2\x9b\x22\x5c");
}

#[test]
fn colour_is_only_paint() {
    let painted = line_on(&site(true), LogFormat::Short, &timed_out());
    assert!(painted.starts_with("\x1b[2m12:04:46.020\x1b[0m \x1b[31m504\x1b[0m GET"), "{painted:?}");
    let mut bare = painted;
    for paint in ["\x1b[2m", "\x1b[31m", "\x1b[0m"] {
        bare = bare.replace(paint, "");
    }
    assert_eq!(bare, line(LogFormat::Short, &timed_out()));
}
