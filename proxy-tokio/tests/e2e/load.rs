//! Many requests at once and many in a row, without one error.
#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use crate::harness::origin::Origin;
use crate::harness::process::run;
use crate::harness::programs::{LIMIT, command, long_or, requires};
use crate::harness::weir::Weir;
use crate::harness::wire::{ask, connect};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn wrk_with_128_connections_sees_no_error() {
    requires!(Wrk);
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &["--log", "off"]);
    let seconds = long_or("30s", "5s");
    let arguments = ["-t", "2", "-c", "128", "-d", seconds, "--latency", "--timeout", "20s"];
    let report = run(command("wrk", &arguments).arg(weir.url("/wrk")), LIMIT * 2);
    println!("{}", report.ok());
    // wrk only tells what there was.
    assert!(!report.text().contains("Socket errors"), "{}", report.text());
    assert!(!report.text().contains("Non-2xx"), "{}", report.text());
    assert!(report.text().contains("requests in"), "{}", report.text());
}

#[test]
fn ab_with_200_at_once_sees_no_error() {
    requires!(Ab);
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &["--log", "off"]);
    // Without -k a connection for each request, as ab is mostly run; with it HTTP/1.0 and Keep-Alive.
    for keep_alive in [&[][..], &["-k"]] {
        let report = run(
            command("ab", &["-q", "-n", "5000", "-c", "200"]).args(keep_alive).arg(weir.url("/ab")),
            LIMIT,
        );
        let rate = report.ok().lines().find(|line| line.starts_with("Requests per second"));
        println!("ab {keep_alive:?}: {}", rate.unwrap_or_default());
        let number = |name: &str| {
            let line = report.text().lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        assert_eq!(number("Complete requests:").as_deref(), Some("5000"), "{}", report.text());
        assert_eq!(number("Failed requests:").as_deref(), Some("0"), "{}", report.text());
        assert_eq!(number("Non-2xx responses:"), None, "{}", report.text());
    }
}

#[test]
fn five_hundred_requests_a_second_are_all_answered_with_what_they_asked_for() {
    const CLIENTS: u32 = 20;
    const EACH_PER_SECOND: u32 = 25;
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &["--log", "off"]);
    let seconds = long_or(30, 5);
    let addr = weir.addr;
    let start = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            let mut stream = connect(addr);
            for number in 0..seconds * EACH_PER_SECOND {
                let due = start + Duration::from_secs(1) * number / EACH_PER_SECOND;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                // Now and then a new connection, as browsers do.
                if number % 40 == 39 {
                    stream = connect(addr);
                }
                let asked = Instant::now();
                let target = format!("/client/{client}/request/{number}");
                let (head, body) = ask(&mut stream, &target).unwrap();
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
                assert_eq!(String::from_utf8_lossy(&body), target);
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        })
    });
    let clients = clients.collect::<Vec<_>>();
    let slowest = clients.into_iter().map(|client| client.join().unwrap()).max().unwrap();
    let took = start.elapsed();
    let answers = CLIENTS * EACH_PER_SECOND * seconds;
    println!("{answers} answers in {took:.1?}, the slowest in {slowest:?}");
    assert!(took < Duration::from_secs(u64::from(seconds) + 10), "the pace was not kept: {took:?}");
}
