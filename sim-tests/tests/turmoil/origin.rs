//! Servers: where they listen, what they do with a connection, and what they saw.

use crate::TurmoilNet;
use crate::net::Stream;
use crate::weather::Weather;
use crate::wire::{End, Kind, Message, Wire};
use std::cell::{Ref, RefCell};
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::sleep;
use turmoil::net::TcpListener;

/// What a server does with a connection.
pub(crate) type Serve = Rc<dyn Fn(Conn) -> Serving>;
pub(crate) type Serving = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// Whom a server lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody.
    Open,
    /// So many; then it is as if nobody were there, and connecting is refused.
    ClosesAfter(usize),
    /// So many; then connecting is not answered.
    DeafAfter(usize),
    /// Everybody, but not before this time: until then connecting is not answered.
    OpensAt(Duration),
}

/// An address, and what was seen there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Rc<RefCell<Seen>>,
}

/// What reached a server.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Every request, whole or not, with the time at which its last octet was read.
    pub(crate) requests: Vec<(Duration, Message)>,
    /// Nothing happened that it had not been told to expect.
    pub(crate) is_content: bool,
}

impl Place {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        let seen = Seen { connections: 0, requests: Vec::new(), is_content: true };
        Self { addr, seen: Rc::new(RefCell::new(seen)) }
    }

    pub(crate) fn seen(&self) -> Ref<'_, Seen> {
        self.seen.borrow()
    }

    /// How many requests for `target` began to reach it.
    pub(crate) fn requests_for(&self, target: &str) -> usize {
        self.seen().requests.iter().filter(|(_, request)| request.target() == target).count()
    }
}

/// A server, until the world starts.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    pub(crate) door: Door,
    pub(crate) serve: Serve,
}

impl Origin {
    /// Listens, forever.
    pub(crate) async fn run(self, net: TurmoilNet) -> io::Result<()> {
        let listener = TcpListener::bind(("0.0.0.0", self.place.addr.port())).await?;
        if let Door::OpensAt(at) = self.door {
            // Turmoil's connections stand when they are accepted, not before.
            sleep(at.saturating_sub(now())).await;
        }
        for count in 0.. {
            match self.door {
                Door::ClosesAfter(limit) if count == limit => return Ok(()),
                Door::DeafAfter(limit) if count == limit => return pending().await,
                Door::Open | Door::ClosesAfter(_) | Door::DeafAfter(_) | Door::OpensAt(_) => {}
            }
            let (stream, _) = listener.accept().await?;
            self.place.seen.borrow_mut().connections += 1;
            let wire = Wire::new(net.stream(stream));
            let conn = Conn { wire, weather: net.weather, seen: Rc::clone(&self.place.seen) };
            let (serving, seen) = (spawn_local((self.serve)(conn)), Rc::clone(&self.place.seen));
            spawn_local(async move {
                let panicked = serving.await.is_err_and(|error| error.is_panic());
                seen.borrow_mut().is_content &= !panicked;
            });
        }
        Ok(())
    }
}

/// A server's end of a connection.
pub(crate) struct Conn {
    pub(crate) wire: Wire<Stream>,
    pub(crate) weather: Weather,
    seen: Rc<RefCell<Seen>>,
}

impl Conn {
    /// The next request. `None`: the proxy closed the connection.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Message>> {
        let request = self.wire.message(Kind::Request).await?;
        if let Some(request) = &request {
            self.saw(request);
        }
        Ok(request.filter(|request| !request.head.is_empty()))
    }

    fn saw(&self, request: &Message) {
        self.seen.borrow_mut().requests.push((now(), request.clone()));
    }

    pub(crate) async fn say(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(octets).await
    }

    /// Answers well, once.
    pub(crate) async fn answer(&mut self, content: &str) -> io::Result<()> {
        self.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())).await
    }

    /// Waits until everything that was sent has arrived.
    pub(crate) async fn arrived(&self) {
        sleep(self.weather.way()).await;
    }

    /// Reads nothing, says nothing, closes nothing.
    pub(crate) async fn hang(&self) -> io::Result<()> {
        pending().await
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        self.wire.stream.reset();
    }

    /// Waits for the proxy to end the connection; how it does.
    pub(crate) async fn ended(&mut self) -> End {
        self.wire.end().await
    }
}

/// Virtual time since the world began.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().expect("it runs in a simulation")
}

/// Sends more than all buffers on the way hold, to whoever asks.
pub(crate) async fn endless(mut conn: Conn) -> io::Result<()> {
    while conn.request().await?.is_some() {
        conn.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n")).await?;
        for _ in 0..PIECES {
            conn.say([b'x'; PIECE]).await?;
        }
    }
    Ok(())
}

const PIECE: usize = 32 * 1024;
const PIECES: usize = 60;
/// The length of what `endless` sends.
pub(crate) const ENDLESS: usize = PIECES * PIECE;

/// Answers every request with its target.
pub(crate) async fn healthy(mut conn: Conn) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        conn.answer(request.target()).await?;
    }
    Ok(())
}
