//! The clients and the origin server: everything but the proxy, in one thread and one event loop, so that both cost
//! little and the same for every proxy. Exact in its counts; a fixed rate keeps to its schedule whatever happens, so
//! that a slow answer can't hide the wait of those behind it (coordinated omission).

mod conn;
mod pace;

pub(crate) use pace::Load;

use crate::message::{Body, Message, Reader};
use anyhow::{Context, Result, ensure};
use conn::{Conn, Read, Wrote};
use hdrhistogram::Histogram;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use pace::Pace;
use slab::Slab;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What clients send and what the origin makes of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) request: Message,
    pub(crate) request_body: Body,
    /// Requests in one `request`.
    pub(crate) pipelined: usize,
    pub(crate) response: Message,
    pub(crate) response_body: Body,
    /// Each request says `close`, and the next one comes on a new connection.
    pub(crate) reconnect: bool,
    /// Otherwise clients ask and never look at the answer.
    pub(crate) clients_read: bool,
    /// Otherwise the origin accepts connections and never looks at a request.
    pub(crate) origin_reads: bool,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Requests answered.
    pub(crate) requests: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// From when a request was due to the last octet of its answer, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

/// The clients, the origin, and the loop that plays both.
pub(crate) struct World {
    poll: Poll,
    plan: Plan,
    proxy: SocketAddr,
    listener: TcpListener,
    origins: Slab<Conn>,
    clients: Vec<Client>,
    /// Clients with nothing to do, who waited longest first.
    idle: VecDeque<usize>,
    busy: usize,
    /// Whom to look at again without being told.
    again: Vec<Token>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Client {
    conn: Option<Conn>,
    /// When its request was due.
    due: Instant,
    /// Answers that it waits for.
    awaited: usize,
}

const LISTENER: Token = Token(usize::MAX - 1);

/// What one read takes at most.
const BUFFER: usize = 256 * 1024;

/// Connections that may wait to be accepted by the origin.
const BACKLOG: i32 = 4_096;

/// How long the answers may take that are missing when a run is over.
const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// Binds the origin. Clients are to connect to `proxy`.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn new(plan: Plan, origin: std::net::TcpListener, proxy: SocketAddr) -> Result<Self> {
        origin.set_nonblocking(true)?;
        // Proxies open all their connections at once; the standard library's queue is short.
        rustix::net::listen(&origin, BACKLOG)?;
        let (poll, mut listener) = (Poll::new()?, TcpListener::from_std(origin));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            plan,
            proxy,
            listener,
            origins: Slab::new(),
            clients: Vec::new(),
            idle: VecDeque::new(),
            busy: 0,
            again: Vec::new(),
            buffer: vec![0; BUFFER],
        })
    }

    /// Lets `count` clients connect.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn connect(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let index = self.clients.len();
            let conn = if self.plan.reconnect { None } else { Some(self.connected(index)?) };
            self.clients.push(Client { conn, due: Instant::now(), awaited: 0 });
            self.idle.push_back(index);
        }
        Ok(())
    }

    fn connected(&self, index: usize) -> Result<Conn> {
        let stream = std::net::TcpStream::connect(self.proxy).context("a client can't connect")?;
        stream.set_nonblocking(true)?;
        self.client_conn(TcpStream::from_std(stream), index)
    }

    fn client_conn(&self, stream: TcpStream, index: usize) -> Result<Conn> {
        let reader = Reader::of_responses(self.plan.response_body);
        register(self.poll.registry(), stream, client_token(index), reader)
    }

    /// Plays until the load is over and every request is answered.
    ///
    /// # Errors
    /// Whatever goes otherwise than planned: an answer that is not the expected one, a connection that ends.
    pub(crate) fn run(&mut self, load: Load) -> Result<Stats> {
        let began = Instant::now();
        let mut pace = Pace::new(load, began);
        let mut stats = Stats {
            requests: 0,
            elapsed: Duration::ZERO,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3)?,
        };
        let mut events = Events::with_capacity(1_024);
        loop {
            self.start(&mut pace)?;
            let now = Instant::now();
            if pace.is_over(now) && (self.busy == 0 || !pace.waits_for_answers()) {
                break;
            }
            ensure!(now < pace.ends_by() + PATIENCE, "{} clients wait in vain", self.busy);
            let timeout = if self.again.is_empty() { pace.timeout(now) } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.on_event(event, &mut stats)?;
                self.start(&mut pace)?;
            }
            for token in std::mem::take(&mut self.again) {
                self.visit(token, &mut stats)?;
            }
        }
        stats.elapsed = began.elapsed();
        Ok(stats)
    }

    /// Starts every request that is due and has a client.
    fn start(&mut self, pace: &mut Pace) -> Result<()> {
        while let Some(index) = self.idle.front().copied() {
            let Some(due) = pace.next(self.busy, Instant::now) else { return Ok(()) };
            self.idle.pop_front();
            self.busy += 1;
            if self.plan.reconnect {
                let stream = TcpStream::connect(self.proxy).context("a client can't connect")?;
                self.clients[index].conn = Some(self.client_conn(stream, index)?);
            }
            let client = &mut self.clients[index];
            client.due = due;
            client.awaited = self.plan.pipelined;
            if let Some(conn) = &mut client.conn {
                conn.unsent += 1;
                // A connection that is only being made will say when it can be written to.
                if !self.plan.reconnect {
                    self.write_client(index)?;
                }
            }
        }
        Ok(())
    }

    fn on_event(&mut self, event: &Event, stats: &mut Stats) -> Result<()> {
        match event.token() {
            LISTENER => self.accept(),
            token => self.visit(token, stats),
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let entry = self.origins.vacant_entry();
                    let reader = Reader::of_requests(self.plan.request_body);
                    let token = origin_token(entry.key());
                    entry.insert(register(self.poll.registry(), stream, token, reader)?);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the origin can't accept"),
            }
        }
    }

    fn visit(&mut self, token: Token, stats: &mut Stats) -> Result<()> {
        match who(token) {
            Who::Client(index) => self.visit_client(index, stats),
            Who::Origin(key) => self.visit_origin(key),
        }
    }

    fn visit_client(&mut self, index: usize, stats: &mut Stats) -> Result<()> {
        self.write_client(index)?;
        if !self.plan.clients_read {
            return Ok(());
        }
        let client = &mut self.clients[index];
        let Some(conn) = &mut client.conn else { return Ok(()) };
        let read = conn.read(&mut self.buffer, self.plan.reconnect).context("a client can't read")?;
        let Read { messages, ended, more } = read;
        if more {
            self.again.push(client_token(index));
        }
        if messages > 0 {
            let now = Instant::now();
            ensure!(messages <= client.awaited, "more answers than requests");
            client.awaited -= messages;
            stats.requests += messages as u64;
            let nanoseconds = u64::try_from(now.duration_since(client.due).as_nanos()).unwrap_or(u64::MAX);
            stats.latency.saturating_record_n(nanoseconds, messages as u64);
        }
        let is_done = client.awaited == 0 && (messages > 0 || ended);
        if ended {
            ensure!(self.plan.reconnect && client.awaited == 0, "the proxy closed a client's connection");
            client.conn = None;
        }
        if is_done && (ended || !self.plan.reconnect) {
            self.busy -= 1;
            self.idle.push_back(index);
        }
        Ok(())
    }

    fn write_client(&mut self, index: usize) -> Result<()> {
        let Some(conn) = &mut self.clients[index].conn else { return Ok(()) };
        if conn.write(&self.plan.request).context("a client can't write")? == Wrote::Some {
            self.again.push(client_token(index));
        }
        Ok(())
    }

    /// The proxy may close connections to the origin as it likes.
    fn visit_origin(&mut self, key: usize) -> Result<()> {
        if !self.plan.origin_reads {
            return Ok(());
        }
        let Some(conn) = self.origins.get_mut(key) else { return Ok(()) };
        let Ok(Read { messages, ended, more }) = conn.read(&mut self.buffer, self.plan.reconnect) else {
            self.origins.remove(key);
            return Ok(());
        };
        conn.unsent += messages;
        let wrote = conn.write(&self.plan.response);
        // A relay passes the client's `close` on; others keep their connections to the origin.
        let closes = self.plan.reconnect && messages > 0 && conn.said_close();
        if ended || closes || wrote.is_err() {
            self.origins.remove(key);
        } else if more || matches!(wrote, Ok(Wrote::Some)) {
            self.again.push(origin_token(key));
        }
        Ok(())
    }
}

fn register(registry: &Registry, mut stream: TcpStream, token: Token, reader: Reader) -> Result<Conn> {
    stream.set_nodelay(true)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(Conn::new(stream, reader))
}

enum Who {
    Client(usize),
    Origin(usize),
}

const fn client_token(index: usize) -> Token {
    Token(index * 2)
}

const fn origin_token(key: usize) -> Token {
    Token(key * 2 + 1)
}

const fn who(token: Token) -> Who {
    if token.0.is_multiple_of(2) { Who::Client(token.0 / 2) } else { Who::Origin(token.0 / 2) }
}
