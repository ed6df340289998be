//! The driver with the real core on real sockets: what only the kernel can show.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use proxy_core::{Config, Outcome, Reason};
use proxy_tokio::{Recorder, Running, ServeOptions, serve};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn requests_on_one_connection_are_answered_in_order_over_one_upstream_connection() {
    let origin = Origin::start(|mut stream| while next_head(&mut stream) && stream.write_all(OK).is_ok() {});
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let mut client = proxy.client();
    for _ in 0..20 {
        client.write_all(GET).unwrap();
        assert!(response(&mut client).ends_with("ok"));
    }
    assert_eq!(origin.connections(), 1);
    drop(client);
    assert_eq!(proxy.end(), vec![Reason::Ok; 20]);
}

#[test]
fn a_long_body_comes_through_whole_to_a_client_that_reads_late() {
    const LENGTH: usize = 20 << 20;
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&pattern(LENGTH)).unwrap();
    });
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let mut client = proxy.client();
    client.write_all(GET).unwrap();
    thread::sleep(Duration::from_millis(200));
    let head = head(&mut client);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = vec![0; LENGTH];
    client.read_exact(&mut body).unwrap();
    assert!(body == pattern(LENGTH), "the body was changed");
}

#[test]
fn a_long_upload_comes_through_whole_to_an_origin_that_reads_late() {
    const LENGTH: usize = 20 << 20;
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        thread::sleep(Duration::from_millis(200));
        let mut body = vec![0; LENGTH];
        stream.read_exact(&mut body).unwrap();
        assert!(body == pattern(LENGTH), "the body was changed");
        stream.write_all(OK).unwrap();
    });
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let mut client = proxy.client();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    client.write_all(&pattern(LENGTH)).unwrap();
    assert!(response(&mut client).ends_with("ok"));
}

#[test]
fn an_origin_that_closes_after_each_response_costs_no_client_a_request() {
    // It promises to stay and leaves: the proxy pools the connection, and must notice before or after the next use.
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        stream.write_all(OK).unwrap();
    });
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let mut client = proxy.client();
    for _ in 0..200 {
        client.write_all(GET).unwrap();
        let response = response(&mut client);
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    }
}

#[test]
fn a_response_cut_short_reaches_the_client_as_all_that_came_and_a_fin() {
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    });
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let mut client = proxy.client();
    client.write_all(GET).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"\r\n\r\nhalf"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(proxy.end(), [Reason::UpstreamClosedEarly]);
}

#[test]
fn an_origin_that_is_not_there_is_a_502() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody, 1, |_| {});
    let mut client = proxy.client();
    client.write_all(GET).unwrap();
    assert!(response(&mut client).starts_with("HTTP/1.1 502"));
    assert_eq!(proxy.end(), [Reason::ConnectRefused]);
}

#[test]
fn an_answer_that_comes_with_a_reset_is_heard_every_time() {
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        // Closing with the body unread makes the kernel send RST behind the response.
        stream.write_all(DENIED).unwrap();
    });
    let proxy = Proxy::start(origin.addr, 1, |_| {});
    let sized = format!("Content-Length: {UPLOAD}\r\n\r\n");
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{UPLOAD:x}\r\n");
    for framing in [sized, chunked] {
        for _ in 0..20 {
            let mut client = proxy.client();
            let mut sender = client.try_clone().unwrap();
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}");
            let sends = thread::spawn(move || {
                // It fails when the proxy has heard enough.
                let _ = sender.write_all(head.as_bytes()).and_then(|()| sender.write_all(&[b'x'; UPLOAD]));
            });
            let response = response(&mut client);
            assert!(response.starts_with("HTTP/1.1 401 ") && response.ends_with("nope"), "{response}");
            drop(client);
            sends.join().unwrap();
        }
    }
}

const DENIED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope";
const UPLOAD: usize = 3 << 20;

#[test]
fn a_limit_of_one_connection_holds_across_workers_and_starves_nobody() {
    // Counted in requests: when the origin learns of a connection's end is up to its own threads.
    let (at_work, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let origin = Origin::start(move |mut stream| {
        while next_head(&mut stream) {
            seen.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
            at_work.fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(OK).is_err() {
                break;
            }
        }
    });
    let proxy = Proxy::start(origin.addr, 3, |config| {
        config.clusters[0].endpoints[0].max_connections = Some(1);
        config.routes[0].timeouts.queue = Some(Duration::from_secs(10));
    });
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let mut client = proxy.client();
            thread::spawn(move || {
                for _ in 0..10 {
                    client.write_all(GET).unwrap();
                    let response = response(&mut client);
                    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(proxy.end().len(), 120);
}

#[test]
fn a_silent_origin_is_a_504_in_time() {
    let origin = Origin::start(|mut stream| while next_head(&mut stream) {});
    let proxy = Proxy::start(origin.addr, 1, |config| {
        config.routes[0].timeouts.read = Some(Duration::from_millis(200));
    });
    let mut client = proxy.client();
    let started = Instant::now();
    client.write_all(GET).unwrap();
    assert!(response(&mut client).starts_with("HTTP/1.1 504"));
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_drain_lets_the_request_at_work_finish_and_takes_no_more_clients() {
    let origin = Origin::start(|mut stream| {
        next_head(&mut stream);
        thread::sleep(Duration::from_millis(300));
        stream.write_all(OK).unwrap();
    });
    let proxy = Proxy::start(origin.addr, 2, |_| {});
    let mut client = proxy.client();
    client.write_all(GET).unwrap();
    thread::sleep(Duration::from_millis(100));
    proxy.running.drain();
    assert!(response(&mut client).ends_with("ok"));
    let addr = proxy.running.addrs()[0];
    assert_eq!(proxy.end(), [Reason::Ok]);
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_client_over_the_limit_waits_for_another_to_leave() {
    let origin = Origin::start(|mut stream| while next_head(&mut stream) && stream.write_all(OK).is_ok() {});
    let proxy = Proxy::start(origin.addr, 1, |config| config.limits.client_connections = Some(1));
    let mut first = proxy.client();
    first.write_all(GET).unwrap();
    assert!(response(&mut first).ends_with("ok"));
    let mut second = proxy.client();
    second.write_all(GET).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(matches!(second.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(response(&mut second).ends_with("ok"));
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

struct Proxy {
    running: Running,
    reasons: Arc<Mutex<Vec<Reason>>>,
}

impl Proxy {
    fn start(origin: SocketAddr, workers: usize, adapt: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::simple("127.0.0.1:0".parse().unwrap(), &[origin]);
        adapt(&mut config);
        let reasons = Arc::default();
        let recorder = |_| Reasons(Arc::clone(&reasons));
        let running = serve(config, ServeOptions { workers, ..ServeOptions::default() }, recorder).unwrap();
        Self { running, reasons }
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.running.addrs()[0]).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// Drains it; why each exchange ended.
    fn end(self) -> Vec<Reason> {
        self.running.drain();
        self.running.join().unwrap();
        self.reasons.lock().unwrap().clone()
    }
}

struct Reasons(Arc<Mutex<Vec<Reason>>>);

impl Recorder for Reasons {
    fn record(&mut self, outcome: &Outcome) {
        self.0.lock().unwrap().push(outcome.reason);
    }

    fn flush(&mut self) {}
}

/// A server of which the test says what it does with each connection.
struct Origin {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (serve, count) = (Arc::new(serve), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, stream) = (Arc::clone(&serve), stream.unwrap());
                stream.set_nodelay(true).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(stream));
            }
        });
        Self { addr, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn next_head(stream: &mut TcpStream) -> bool {
    matches!(read_head(stream), Ok(head) if !head.is_empty())
}

fn head(stream: &mut TcpStream) -> String {
    read_head(stream).unwrap()
}

/// A head and the body that its Content-Length announces.
fn response(stream: &mut TcpStream) -> String {
    let mut response = head(stream);
    let field = response
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; field.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    response.push_str(std::str::from_utf8(&body).unwrap());
    response
}

/// Octet by octet, so that nothing behind the head is taken.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut octet)? == 0 {
            break;
        }
        head.push(octet[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}
