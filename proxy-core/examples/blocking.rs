//! The whole proxy on a plain loop over `std::net` sockets: no runtime, no threads.
//!
//! ```text
//! cargo run -p proxy-core --example blocking -- 127.0.0.1:8080 127.0.0.1:9001
//! ```
//! It shows what a driver has to do, not how to do it fast: it polls, and naps for a millisecond when idle.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is a driver, not the core")]
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use bytes::Bytes;
use proxy_core::{Action, Config, ConnId, Core, Input, Instant, Listen, ListenerId, NetError};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IoSlice, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

struct Driver {
    core: Core,
    epoch: std::time::Instant,
    sockets: BTreeMap<ConnId, TcpStream>,
    listener: TcpListener,
    accepting: bool,
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().unwrap_or("127.0.0.1:8080".into()).parse()?;
    let upstream: SocketAddr = args.next().unwrap_or("127.0.0.1:9001".into()).parse()?;
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    println!("http://{} -> {upstream}", listener.local_addr()?);
    let core = Core::new(Config::simple(listen, &[upstream]), 0)?;
    let epoch = std::time::Instant::now();
    Driver { core, epoch, sockets: BTreeMap::new(), listener, accepting: true }.run();
    Ok(())
}

impl Driver {
    fn run(&mut self) {
        loop {
            let mut is_busy = self.accept();
            for conn in self.sockets.keys().copied().collect::<Vec<_>>() {
                is_busy |= self.read(conn);
                is_busy |= self.write(conn);
            }
            if self.core.next_deadline().is_some_and(|deadline| deadline.at <= self.now()) {
                self.feed(Input::Tick);
            }
            if !is_busy {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO.after(self.epoch.elapsed())
    }

    /// One input, then every action: the contract.
    fn feed(&mut self, input: Input) {
        self.core.handle(self.now(), input);
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Connect { conn, peer } => self.connect(conn, peer),
                // The loop asks every socket anyway.
                Action::Update { .. } | Action::Drained => {}
                // `Close::Abort` asks for a reset; std has no SO_LINGER, so this driver can't tell them apart.
                Action::Close { conn, .. } => drop(self.sockets.remove(&conn)),
                Action::Listen(listen) => self.accepting = listen == Listen::Accept,
                Action::Acquire(permit) => self.core.handle(self.now(), Input::Granted { permit }),
                Action::Release(_) => {}
                Action::Record(outcome) => {
                    println!("{:?} {} {:?}", outcome.status, outcome.reason.as_str(), outcome.times());
                }
            }
        }
    }

    fn accept(&mut self) -> bool {
        if !self.accepting {
            return false;
        }
        let Ok((socket, peer)) = self.listener.accept() else { return false };
        let conn = self.core.vacant();
        if socket.set_nonblocking(true).is_ok() {
            self.sockets.insert(conn, socket);
            self.feed(Input::Accepted { conn, listener: ListenerId(0), peer });
        }
        true
    }

    fn connect(&mut self, conn: ConnId, peer: SocketAddr) {
        let connected = TcpStream::connect(peer).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => {
                self.sockets.insert(conn, socket);
                self.core.handle(self.now(), Input::Connected { conn });
            }
            Err(_) => self.core.handle(self.now(), Input::ConnectFailed { conn, error: NetError::Refused }),
        }
    }

    fn read(&mut self, conn: ConnId) -> bool {
        let interest = self.core.interest(conn).unwrap_or_default();
        let Some(socket) = self.sockets.get_mut(&conn).filter(|_| interest.read > 0) else { return false };
        let mut buffer = vec![0; interest.read];
        let result = socket.read(&mut buffer);
        buffer.truncate(*result.as_ref().unwrap_or(&0));
        let input = match result {
            Ok(0) => Input::Eof { conn },
            Ok(_) => Input::Data { conn, bytes: Bytes::from(buffer) },
            Err(error) => return self.fail(conn, &error),
        };
        self.feed(input);
        true
    }

    fn write(&mut self, conn: ConnId) -> bool {
        let interest = self.core.interest(conn).unwrap_or_default();
        let Some(socket) = self.sockets.get_mut(&conn) else { return false };
        if interest.shutdown {
            // Doing it again is harmless, and simpler than remembering.
            let _ = socket.shutdown(Shutdown::Write);
        }
        if !interest.write {
            return false;
        }
        let slices: Vec<_> = self.core.egress(conn).take(16).map(IoSlice::new).collect();
        let result: Result<usize> = socket.write_vectored(&slices);
        match result {
            Ok(n) => self.feed(Input::Wrote { conn, n: u32::try_from(n).unwrap_or(u32::MAX) }),
            Err(error) => return self.fail(conn, &error),
        }
        true
    }

    fn fail(&mut self, conn: ConnId, error: &std::io::Error) -> bool {
        if error.kind() == ErrorKind::WouldBlock {
            return false;
        }
        self.sockets.remove(&conn);
        self.feed(Input::Failed { conn, error: NetError::Reset });
        true
    }
}
