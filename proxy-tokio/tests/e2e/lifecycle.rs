//! From SIGTERM to the exit code, and clients that leave.

use crate::harness::origin::{Dead, Origin};
use crate::harness::process::poll_until;
use crate::harness::weir::{Weir, weir};
use crate::harness::wire::{ask, connect, read_message, read_to_end};
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn on_a_signal_to_stop_the_request_in_flight_ends_well_and_new_connections_are_refused() {
    let origin = slow(Duration::from_secs(2));
    for signal in ["TERM", "INT", "QUIT"] {
        let mut weir = Weir::to(&[origin.addr], &[]);
        let mut client = in_flight(&weir, &origin);
        let idle = connect(weir.addr);
        weir.signal(signal);
        let refused = || TcpStream::connect(weir.addr).is_err().then_some(());
        poll_until(Duration::from_secs(1), refused).expect("new connections are still taken");

        let (head, body) = read_message(&mut client).unwrap().expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.to_lowercase().contains("\r\nconnection: close\r\n"),
            "no next request is wanted: {head}"
        );
        assert_eq!(body, b"slow");
        assert_eq!(weir.wait(Duration::from_secs(10)).code(), Some(0), "{:#?}", weir.stderr());
        drop(idle);
    }
}

#[test]
fn an_idle_proxy_ends_at_once_on_sigterm() {
    let origin = Origin::of_targets();
    let mut weir = Weir::to(&[origin.addr], &[]);
    let mut client = connect(weir.addr);
    ask(&mut client, "/").unwrap();
    let asked = Instant::now();
    weir.signal("TERM");
    assert_eq!(weir.wait(Duration::from_secs(10)).code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "kept connections were waited for");
    assert_eq!(read_to_end(&mut client).0, b"");
}

#[test]
fn a_drain_is_over_when_its_time_is() {
    let origin = Origin::hung();
    let mut weir = Weir::to(&[origin.addr], &["--set", "timeouts.drain=1s"]);
    let mut client = in_flight(&weir, &origin);
    let asked = Instant::now();
    weir.signal("TERM");
    weir.wait(Duration::from_secs(10));
    assert!(asked.elapsed() > Duration::from_millis(900), "{:?}", asked.elapsed());
    let reply = String::from_utf8(read_to_end(&mut client).0).unwrap();
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 503 "), "{reply}");
    assert_eq!(weir.logged(|line| line["reason"] == "draining")["flags"], "KH");
}

#[test]
fn a_second_signal_ends_it_now() {
    let origin = Origin::hung();
    let mut weir = Weir::to(&[origin.addr], &[]);
    let _client = in_flight(&weir, &origin);
    weir.signal("TERM");
    let refused = || TcpStream::connect(weir.addr).is_err().then_some(());
    poll_until(Duration::from_secs(5), refused).expect("the first signal was not understood");
    weir.signal("TERM");
    // The hung upstream alone would take 15 s.
    assert_eq!(weir.wait(Duration::from_secs(8)).code(), Some(1), "what was running was cut");
}

#[test]
fn signals_that_ask_for_what_it_cannot_do_are_answered_and_change_nothing() {
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &[]);
    for signal in ["HUP", "USR1", "USR2"] {
        weir.signal(signal);
    }
    let answered = || {
        (weir.stderr().iter().filter(|line| line.starts_with("weir: warning:")).count() == 3).then_some(())
    };
    poll_until(Duration::from_secs(10), answered).unwrap_or_else(|| panic!("{:#?}", weir.stderr()));
    assert!(ask(&mut connect(weir.addr), "/").is_ok());
}

#[test]
fn few_descriptors_mean_few_clients_at_a_time_and_no_errors() {
    const CLIENTS: usize = 100;
    let origin = Origin::of_targets();
    let to = origin.addr.to_string();
    let weir = Weir::start_after("ulimit -n 64", &["127.0.0.1", "0", "--to", &to, "--log", "json"]);
    assert!(weir.stderr().iter().any(|line| line.contains("64 file descriptors are allowed")));
    let addr = weir.addr;
    let clients = (0..CLIENTS).map(|_| {
        thread::spawn(move || {
            for _ in 0..10 {
                let (head, _) = ask(&mut connect(addr), "/").unwrap();
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            }
        })
    });
    clients.collect::<Vec<_>>().into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_log_that_cannot_be_written_is_told_and_nothing_else_suffers() {
    let origin = Origin::of_targets();
    let to = origin.addr.to_string();
    let weir = Weir::start_after("exec >/dev/full", &["127.0.0.1", "0", "--to", &to, "--log", "json"]);
    let mut client = connect(weir.addr);
    for _ in 0..3 {
        ask(&mut client, "/").unwrap();
    }
    let told = || weir.stderr().iter().any(|line| line.contains("lines dropped")).then_some(());
    poll_until(Duration::from_secs(10), told).unwrap_or_else(|| panic!("{:#?}", weir.stderr()));
    ask(&mut client, "/").unwrap();
}

#[test]
fn a_client_that_leaves_is_a_499_in_the_log() {
    let origin = Origin::hung();
    let weir = Weir::to(&[origin.addr], &[]);
    drop(in_flight(&weir, &origin));
    let line = weir.logged(|line| line["status"] == 499);
    assert_eq!((&line["reason"], &line["flags"]), (&"client_aborted".into(), &"CH".into()), "{line}");
}

#[test]
fn a_port_in_use_is_told_in_a_sentence() {
    let taken = Origin::of_targets();
    let dead = Dead::new();
    let output = weir(&["127.0.0.1", &taken.addr.port().to_string(), "--to", &dead.addr.to_string()]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains(&taken.addr.to_string()), "{}", output.stderr);
    assert!(output.stderr.contains("another process"), "{}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// A client whose request has reached the origin and waits for its answer.
fn in_flight(weir: &Weir, origin: &Origin) -> TcpStream {
    let before = origin.connections();
    let mut client = connect(weir.addr);
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").expect("the proxy listens");
    let there = || (origin.connections() > before).then_some(());
    poll_until(Duration::from_secs(10), there).expect("the request does not reach the origin");
    client
}

fn slow(pause: Duration) -> Origin {
    Origin::answering(move |_, _| {
        thread::sleep(pause);
        b"slow".to_vec()
    })
}
