//! Peers that stop reading: the other side has to wait, others don't, and the proxy's memory stays as it was.
#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use crate::harness::origin::Origin;
use crate::harness::weir::Weir;
use crate::harness::wire::{ask, connect, read_message, target};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Much more than all kernel buffers on the way together.
const LARGE: usize = 48 << 20;

/// How long a peer does not read.
const STALL: Duration = Duration::from_secs(3);

/// What the proxy may hold for one stalled client: what ARCHITECTURE.md promises, with the allocator's slack.
const PER_CLIENT_MAX: u64 = 256 << 10;

#[test]
fn a_reader_that_stalls_keeps_nobody_else_waiting_and_gets_every_octet_later() {
    let origin = large_or_small();
    // One worker: the stalled and the quick client share a thread.
    let weir = Weir::to(&[origin.addr], &["--workers", "1"]);
    let before = weir.rss();
    let mut stalled = connect(weir.addr);
    stalled.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();

    let stalled_at = Instant::now();
    let mut quick = connect(weir.addr);
    let mut slowest = Duration::ZERO;
    let mut answers = 0;
    while stalled_at.elapsed() < STALL {
        let asked = Instant::now();
        assert_eq!(ask(&mut quick, "/small").unwrap().1, b"small");
        slowest = slowest.max(asked.elapsed());
        answers += 1;
        thread::sleep(Duration::from_millis(5));
    }
    let grown = weir.peak_rss().saturating_sub(before);
    println!("meanwhile {answers} answers, the slowest in {slowest:?}; memory grew by {} KiB", grown >> 10);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(grown < 4 << 20, "{grown}");

    let (head, octets) = receive_large(&mut stalled);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(octets, LARGE);
}

#[test]
fn an_upstream_that_stalls_an_upload_holds_the_client_back_and_gets_every_octet_later() {
    let (resume, resumed) = mpsc::channel::<()>();
    let resumed = std::sync::Mutex::new(resumed);
    let origin = Origin::new(move |mut stream| {
        if resumed.lock().unwrap().recv_timeout(STALL * 10).is_ok() {
            let (_, octets) = receive_large(&mut stream);
            let content = octets.to_string();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len());
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    let weir = Weir::to(&[origin.addr], &["--workers", "1"]);
    let before = weir.rss();
    let mut client = connect(weir.addr);
    let mut writer = client.try_clone().unwrap();
    let (sent, was_sent) = mpsc::channel();
    let sender = thread::spawn(move || {
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {LARGE}\r\n\r\n");
        writer.write_all(head.as_bytes()).unwrap();
        send_large(&mut writer).unwrap();
        sent.send(()).unwrap();
    });
    let waited = was_sent.recv_timeout(STALL);
    assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout), "somebody swallowed the upload");
    let grown = weir.peak_rss().saturating_sub(before);
    println!("memory grew by {} KiB", grown >> 10);
    assert!(grown < 4 << 20, "{grown}");

    resume.send(()).unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with(&format!("\r\n\r\n{LARGE}")), "{reply}");
    sender.join().unwrap();
}

#[test]
fn fifty_clients_that_never_read_cost_a_bounded_amount_each() {
    const CLIENTS: u64 = 50;
    let origin = large_or_small();
    let weir = Weir::to(&[origin.addr], &["--workers", "1"]);
    // Whatever is allocated once is, before we count.
    assert_eq!(ask(&mut connect(weir.addr), "/small").unwrap().1, b"small");
    let before = weir.rss();
    let clients = (0..CLIENTS).map(|_| never_reading(&weir)).collect::<Vec<_>>();
    thread::sleep(STALL);
    let mut quick = connect(weir.addr);
    assert_eq!(ask(&mut quick, "/small").unwrap().1, b"small");
    let each = weir.rss().saturating_sub(before) / CLIENTS;
    println!("{each} octets for each of {CLIENTS} clients that never read");
    assert!(each < PER_CLIENT_MAX, "{each}");
    drop(clients);
}

#[test]
fn a_client_that_never_reads_is_cut_when_its_time_is_over() {
    let origin = large_or_small();
    let weir = Weir::to(&[origin.addr], &["--set", "timeouts.client.write=1s"]);
    let _client = never_reading(&weir);
    let line = weir.logged(|line| line["status"] == 200);
    assert_eq!((&line["reason"], &line["flags"]), (&"client_write_timeout".into(), &"cD".into()), "{line}");
}

fn never_reading(weir: &Weir) -> TcpStream {
    let mut client = connect(weir.addr);
    client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").expect("the proxy listens");
    client
}

/// `/large` is, anything else is small.
fn large_or_small() -> Origin {
    Origin::new(|mut stream| {
        while let Ok(Some((head, _))) = read_message(&mut stream) {
            let sent = if target(&head) == "/large" {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                stream.write_all(head.as_bytes()).and_then(|()| send_large(&mut stream))
            } else {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall")
            };
            // The proxy leaves when its client does.
            if sent.is_err() {
                return;
            }
        }
    })
}

/// What no octet lost, doubled or moved leaves as it was: a period that no buffer size divides.
fn pattern() -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    (0..65_521).map(|_| next()).collect()
}

fn send_large(stream: &mut TcpStream) -> io::Result<()> {
    let pattern = pattern();
    // The stall is the point: the write must not give up before it is over.
    stream.set_write_timeout(None)?;
    let mut left = LARGE;
    while left > 0 {
        let n = left.min(pattern.len());
        stream.write_all(&pattern[..n])?;
        left -= n;
    }
    Ok(())
}

/// Reads a head and the large body; how many octets of it were as they should be.
fn receive_large(stream: &mut TcpStream) -> (String, usize) {
    let pattern = pattern();
    let mut buffer = vec![0; 256 << 10];
    let mut head = Vec::new();
    let mut octets = 0;
    while octets < LARGE {
        let n = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("{error} after {octets} octets"),
        };
        let mut piece = &buffer[..n];
        if !head.ends_with(b"\r\n\r\n") {
            let start = head.len();
            head.extend_from_slice(piece);
            let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            head.truncate(end + 4);
            piece = &piece[end + 4 - start..];
        }
        while !piece.is_empty() {
            let at = octets % pattern.len();
            let n = piece.len().min(pattern.len() - at);
            assert!(piece[..n] == pattern[at..at + n], "not what was sent, after {octets} octets");
            octets += n;
            piece = &piece[n..];
        }
    }
    (String::from_utf8_lossy(&head).into_owned(), octets)
}
