//! The whole proxy on a plain loop over `std::net` sockets: no runtime, no threads.
//!
//! ```text
//! cargo run -p proxy-core --example blocking -- 127.0.0.1:8080 127.0.0.1:9001
//! ```
//! It shows what a driver has to do, not how to do it fast: it asks every socket in every turn, and naps for a
//! millisecond when none had anything.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is a driver, not the core")]
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use bytes::Bytes;
use proxy_core::drive::{self, Driver, News, Place, Read, Then, Turn, Wrote};
use proxy_core::{
    Close, Config, ConnId, Core, Input, Instant, Listen, ListenerId, NetError, Outcome, Permit,
};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IoSlice, Read as _, Result, Write as _};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::task::Poll;
use std::time::Duration;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().unwrap_or("127.0.0.1:8080".into()).parse()?;
    let upstream: SocketAddr = args.next().unwrap_or("127.0.0.1:9001".into()).parse()?;
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    println!("http://{} -> {upstream}", listener.local_addr()?);
    let core = Core::new(Config::simple(listen, &[upstream]), 0)?;
    let (turn, sockets) = (Turn::default(), BTreeMap::new());
    run(Sockets { core, turn, sockets, listener, accepts: true, asks: true, is_busy: false })
}

/// For ever: nobody tells this proxy to drain.
fn run(mut sockets: Sockets) -> ! {
    let epoch = std::time::Instant::now();
    loop {
        (sockets.asks, sockets.is_busy) = (true, false);
        drive::turn(&mut sockets, Instant::ZERO.after(epoch.elapsed()));
        if !sockets.is_busy {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

struct Sockets {
    core: Core,
    turn: Turn,
    sockets: BTreeMap<ConnId, Result<TcpStream>>,
    listener: TcpListener,
    accepts: bool,
    /// No socket was asked for news in this turn.
    asks: bool,
    /// Something happened in this turn.
    is_busy: bool,
}

impl Driver for Sockets {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn handle(&mut self, now: Instant, input: Input) {
        self.is_busy = true;
        self.core.handle(now, input);
    }

    /// Everything may have news, once a turn.
    fn news(&mut self, into: &mut News) {
        if mem::take(&mut self.asks) {
            into.places.push(Place::Listener(ListenerId(0)));
            into.places.extend(self.sockets.keys().map(|conn| Place::of(*conn)));
        }
    }

    fn has_news(&mut self, _: ConnId) -> bool {
        true
    }

    fn look_again(&mut self, _: ConnId) {}

    fn ring(&mut self, _: ListenerId) {}

    fn listeners(&mut self) -> usize {
        1
    }

    fn accept(&mut self, conn: ConnId, _: ListenerId) -> Option<SocketAddr> {
        let (socket, peer) = if self.accepts { self.listener.accept().ok()? } else { return None };
        socket.set_nonblocking(true).ok()?;
        self.sockets.insert(conn, Ok(socket));
        Some(peer)
    }

    fn connect(&mut self, conn: ConnId, peer: SocketAddr) {
        let connected = TcpStream::connect(peer).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            Ok(socket)
        });
        self.sockets.insert(conn, connected);
    }

    fn finish_connecting(&mut self, conn: ConnId) -> Poll<std::result::Result<(), NetError>> {
        let Some(Err(error)) = self.sockets.get(&conn) else { return Poll::Ready(Ok(())) };
        let error = net_error(error);
        self.sockets.remove(&conn);
        Poll::Ready(Err(error))
    }

    fn read(&mut self, conn: ConnId, max: usize, _: Option<ConnId>) -> Read {
        let Some(Ok(socket)) = self.sockets.get_mut(&conn) else { return Read::Pending };
        let mut buffer = vec![0; max];
        match socket.read(&mut buffer) {
            Ok(0) => Read::Eof,
            Ok(n) => {
                buffer.truncate(n);
                Read::Data { bytes: Bytes::from(buffer), is_all: n < max }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Pending,
            Err(error) => Read::Failed(net_error(&error)),
        }
    }

    fn write(&mut self, conn: ConnId) -> Wrote {
        let mut octets = 0;
        let Some(Ok(socket)) = self.sockets.get_mut(&conn) else { return Wrote { octets, then: Then::Done } };
        let slices: Vec<_> = self.core.egress(conn).map(IoSlice::new).collect();
        let offered = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let then = match socket.write_vectored(&slices) {
            Ok(n) => {
                octets = n;
                if n < offered { Then::Blocked } else { Then::Done }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Then::Blocked,
            Err(error) => Then::Failed(net_error(&error)),
        };
        Wrote { octets, then }
    }

    fn shut(&mut self, conn: ConnId) -> Then {
        let Some(Ok(socket)) = self.sockets.get(&conn) else { return Then::Done };
        socket.shutdown(Shutdown::Write).map_or_else(|error| Then::Failed(net_error(&error)), |()| Then::Done)
    }

    /// `Close::Abort` asks for a reset; std has no SO_LINGER, so this driver can't tell them apart.
    fn close(&mut self, conn: ConnId, _: Close) {
        self.sockets.remove(&conn);
    }

    fn lost(&mut self, conn: ConnId) {
        self.sockets.remove(&conn);
    }

    fn listen(&mut self, listen: Listen) {
        self.accepts = listen == Listen::Accept;
    }

    /// Nobody else is here who could want one.
    fn acquire(&mut self, _: Permit) -> bool {
        true
    }

    fn release(&mut self, _: Permit) {}

    fn record(&mut self, outcome: Box<Outcome>) {
        println!("{:?} {} {:?}", outcome.status, outcome.reason.as_str(), outcome.times());
    }
}

fn net_error(error: &std::io::Error) -> NetError {
    match error.kind() {
        ErrorKind::ConnectionRefused => NetError::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => NetError::Reset,
        _ => NetError::Other,
    }
}
