//! Origins: real servers as child processes, and small ones of our own for what no real server does on purpose.

use super::process::{Process, poll_until};
use super::programs::{command, python, script, scripts};
use super::wire::{read_message, target, with_patience};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A real server; killed when dropped.
pub(crate) struct Server {
    _process: Process,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Python's `http.server`, of the files in `folder`.
    pub(crate) fn files(folder: &Path) -> Self {
        let mut server = python(&["-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"]);
        Self::spawn(server.arg(folder), |line| {
            // Serving HTTP on 127.0.0.1 port 40001 (http://127.0.0.1:40001/) …
            line.strip_prefix("Serving HTTP on 127.0.0.1 port ")?.split(' ').next()?.parse().ok()
        })
    }

    /// `tests/origins/echo.py` on uvicorn.
    pub(crate) fn echo() -> Self {
        let mut uvicorn =
            python(&["-m", "uvicorn", "echo:app", "--host", "127.0.0.1", "--port", "0", "--app-dir"]);
        Self::spawn(uvicorn.arg(scripts()), |line| {
            line.split_once("running on http://127.0.0.1:")?.1.split(' ').next()?.parse().ok()
        })
    }

    /// `tests/origins/stream.py`.
    pub(crate) fn stream() -> Self {
        Self::spawn(&mut python(&[&script("stream.py"), "serve"]), says_port)
    }

    /// `tests/origins/websocket_echo.py`.
    pub(crate) fn websocket_echo() -> Self {
        Self::spawn(&mut python(&[&script("websocket_echo.py")]), says_port)
    }

    /// nginx, of the files in `folder`, where its configuration is put as well.
    pub(crate) fn nginx(folder: &Path) -> Self {
        let root = folder.to_str().expect("temporary paths are text");
        let port = fixed_port();
        let configuration = format!(
            "daemon off; worker_processes 1; user root; pid {root}/nginx.pid; error_log stderr notice;\n\
             events {{}}\n\
             http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).expect("the folder is ours");
        Self::spawn(command("nginx", &["-p", root, "-c"]).arg(file), |line| {
            line.contains("start worker process ").then_some(port)
        })
    }

    fn spawn(command: &mut Command, port: impl Fn(&str) -> Option<u16>) -> Self {
        let process = Process::spawn(command);
        // Each prints it on one or the other.
        let find = || {
            let lines = [process.stdout.all(), process.stderr.all()].concat();
            lines.iter().find_map(|line| port(line))
        };
        let port = poll_until(Duration::from_secs(30), find);
        let port = port.unwrap_or_else(|| panic!("{command:?} does not listen: {:#?}", process.stderr.all()));
        Self { _process: process, addr: on_loopback(port) }
    }
}

fn says_port(line: &str) -> Option<u16> {
    line.strip_prefix("listening on 127.0.0.1:")?.parse().ok()
}

/// A free port for a server that can't be asked which one it got. Below those that the kernel hands out, so that no
/// other test is given it meanwhile.
fn fixed_port() -> u16 {
    let first = 20_000 + u16::try_from(process::id() % 10_000).expect("it is below 10,000");
    let is_free = |port: &u16| TcpListener::bind(on_loopback(*port)).is_ok();
    (first..first + 1_000).find(is_free).expect("one of a thousand ports is free")
}

fn on_loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// An origin of ours: a thread per connection, as rude as the test wants.
pub(crate) struct Origin {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
}

/// What has reached it.
#[derive(Default)]
struct Seen {
    connections: AtomicU64,
    octets: AtomicU64,
    /// Set when the test is over.
    stopped: AtomicBool,
}

impl Origin {
    /// Does what `serve` does with each connection.
    pub(crate) fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::with_seen(move |stream, _| serve(stream))
    }

    fn with_seen(serve: impl Fn(TcpStream, &Seen) + Send + Sync + 'static) -> Self {
        let (socket, addr) = bound();
        Self::on(socket, addr, serve)
    }

    fn on(
        socket: Socket,
        addr: SocketAddr,
        serve: impl Fn(TcpStream, &Seen) + Send + Sync + 'static,
    ) -> Self {
        // More than any test connects at once: what an origin does with a full queue is not under test.
        socket.listen(4096).expect("it is bound");
        let listener = TcpListener::from(socket);
        let seen = Arc::new(Seen::default());
        let origin = Self { addr, seen: Arc::clone(&seen) };
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.stopped.load(Ordering::SeqCst) {
                    return;
                }
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&seen));
                thread::spawn(move || serve(with_patience(stream), &seen));
            }
        });
        origin
    }

    /// Answers each request with what `answer` makes of its target and body, and keeps the connection.
    pub(crate) fn answering(answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |stream| answer_all(stream, &answer))
    }

    /// Answers with the request's target, which tells answers apart.
    pub(crate) fn of_targets() -> Self {
        Self::answering(|target, _| target.as_bytes().to_vec())
    }

    /// Answers with a name, which tells origins apart.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::answering(move |_, _| name.as_bytes().to_vec())
    }

    /// Reads a request, writes exactly this and closes.
    pub(crate) fn saying(reply: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            if let Ok(Some(_)) = read_message(&mut stream) {
                // The proxy may have left.
                let _ = stream.write_all(reply);
            }
        })
    }

    /// Takes whatever comes and never says a thing.
    pub(crate) fn hung() -> Self {
        Self::with_seen(|mut stream, seen| {
            let mut buffer = [0; 16 * 1024];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                seen.octets.fetch_add(n as u64, Ordering::SeqCst);
            }
        })
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many octets a `hung` one was sent.
    pub(crate) fn octets(&self) -> u64 {
        self.seen.octets.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.addr));
    }
}

fn answer_all(mut stream: TcpStream, answer: impl Fn(&str, &[u8]) -> Vec<u8>) {
    while let Ok(Some((head, body))) = read_message(&mut stream) {
        let content = answer(target(&head), &body);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
        if stream.write_all(&[head.as_bytes(), &content].concat()).is_err() {
            return;
        }
    }
}

/// An address where nobody listens, but which nobody else can get: connecting is refused at once.
pub(crate) struct Dead {
    pub(crate) addr: SocketAddr,
    socket: Socket,
}

impl Dead {
    pub(crate) fn new() -> Self {
        let (socket, addr) = bound();
        Self { addr, socket }
    }

    /// From here on somebody listens, who answers with the request's target.
    pub(crate) fn come_alive(self) -> Origin {
        let serve = |stream: TcpStream, _: &Seen| answer_all(stream, |target, _| target.as_bytes().to_vec());
        Origin::on(self.socket, self.addr, serve)
    }
}

/// An address that does not answer: its queue of connections is full, so the kernel drops every further SYN.
pub(crate) struct BlackHole {
    pub(crate) addr: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let (listener, addr) = bound();
        listener.listen(0).expect("it is bound");
        let fill = || TcpStream::connect_timeout(&addr, Duration::from_millis(300)).ok();
        let queued = std::iter::from_fn(fill).take(16).collect::<Vec<_>>();
        assert!(queued.len() < 16, "the kernel takes any number of connections");
        Self { addr, _listener: listener, _queued: queued }
    }
}

fn bound() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be had");
    socket.bind(&on_loopback(0).into()).expect("loopback has free ports");
    let addr = socket.local_addr().ok().and_then(|addr| addr.as_socket()).expect("it is bound");
    (socket, addr)
}
