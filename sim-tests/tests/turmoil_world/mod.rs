//! A simulated network for the real driver: hosts, latency and virtual time by turmoil.
//!
//! Turmoil knows no reset, so `abort` looks like FIN to a client; a cut body is seen by its missing octets.

use proxy_core::{Config, Core, Outcome};
use proxy_tokio::{Crew, Net, Recorder, Setup, run_worker};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

/// Everything that happened, in order. Two runs must tell the same.
pub(crate) type Trace = Rc<RefCell<Vec<String>>>;

/// The network of the host that it runs on.
pub(crate) struct TurmoilNet;

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>>>>;

/// Turmoil's listener can only be awaited; the future is kept between polls.
pub(crate) struct Listener {
    listener: Rc<TcpListener>,
    accepting: Option<Accepting>,
}

impl Net for TurmoilNet {
    type Stream = TcpStream;
    type Listener = Listener;

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let inner = Rc::clone(&listener.listener);
        let accepting =
            listener.accepting.get_or_insert_with(|| Box::pin(async move { inner.accept().await }));
        let result = accepting.as_mut().poll(cx);
        if result.is_ready() {
            listener.accepting = None;
        }
        result
    }

    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + 'static {
        TcpStream::connect(peer)
    }
}

struct Tracer(Trace);

impl Recorder for Tracer {
    fn record(&mut self, outcome: &Outcome) {
        let line = format!("{outcome:?}");
        self.0.borrow_mut().push(line);
    }

    fn flush(&mut self) {}
}

/// A network with a proxy in front of servers.
pub(crate) struct World {
    pub(crate) sim: Sim<'static>,
    pub(crate) trace: Trace,
    pub(crate) crew: Option<Arc<Crew>>,
}

impl World {
    /// A network in which every message takes a millisecond.
    pub(crate) fn new() -> Self {
        let latency = Duration::from_millis(1);
        let sim = Builder::new()
            .rng_seed(1)
            .simulation_duration(Duration::from_secs(120))
            .min_message_latency(latency)
            .max_message_latency(latency)
            .build();
        Self { sim, trace: Trace::default(), crew: None }
    }

    /// Adds a server that does `serve` with each connection whose request head has come.
    pub(crate) fn server<F, Fut>(&mut self, name: &'static str, serve: F)
    where
        F: Fn(TcpStream) -> Fut + Copy + 'static,
        Fut: Future<Output = io::Result<()>> + 'static,
    {
        self.sim.host(name, move || async move {
            let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                tokio::task::spawn_local(async move {
                    if read_head(&mut stream).await? { serve(stream).await } else { Ok(()) }
                });
            }
        });
    }

    /// Adds a server that listens on nothing.
    pub(crate) fn dead_server(&mut self, name: &'static str) {
        self.sim.host(name, std::future::pending);
    }

    /// Adds the proxy, which runs the real driver.
    pub(crate) fn proxy(&mut self, servers: &[&str]) {
        let endpoints = servers.iter().map(|name| SocketAddr::new(self.sim.lookup(*name), PORT));
        let bind = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), PORT);
        let config = Config::simple(bind, &endpoints.collect::<Vec<_>>());
        let crew = Crew::new(&config, 1);
        self.crew = Some(Arc::clone(&crew));
        let trace = Rc::clone(&self.trace);
        self.sim.host("proxy", move || {
            let (config, crew, trace) = (config.clone(), Arc::clone(&crew), Rc::clone(&trace));
            async move {
                let listener = Rc::new(TcpListener::bind(bind).await?);
                let inputs = Rc::clone(&trace);
                let core = Core::new(config, 0)?;
                run_worker(Setup {
                    core,
                    net: TurmoilNet,
                    listeners: vec![Listener { listener, accepting: None }],
                    crew,
                    worker: 0,
                    recorder: Tracer(Rc::clone(&trace)),
                    journal: Some(Box::new(move |now: proxy_core::Instant, input: &proxy_core::Input| {
                        inputs.borrow_mut().push(format!("{} {input:?}", now.as_nanos()));
                    })),
                    epoch: tokio::time::Instant::now(),
                })
                .await;
                trace.borrow_mut().push("the worker ended".to_owned());
                Ok(())
            }
        });
    }

    /// Adds a client that sends `request` and reads until the proxy closes or a whole answer is there.
    pub(crate) fn client(&mut self, name: &'static str, request: &'static str) -> Rc<RefCell<Answer>> {
        let answer = Rc::<RefCell<Answer>>::default();
        let slot = Rc::clone(&answer);
        self.sim.client(name, async move {
            *slot.borrow_mut() = ask(request).await?;
            Ok(())
        });
        answer
    }

    /// Runs until all clients are done.
    pub(crate) fn run(&mut self) {
        self.sim.run().expect("every client is served in time");
    }
}

/// What a client got, and after how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) took: Duration,
    /// All announced octets came.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }
}

async fn ask(request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("proxy", PORT)).await?;
    let began = tokio::time::Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_whole(&text) {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            break;
        }
        text.extend_from_slice(&buffer[..n]);
    }
    let whole = is_whole(&text);
    Ok(Answer { text: String::from_utf8_lossy(&text).into_owned(), took: began.elapsed(), whole })
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length == Some(body.len())
}

/// Reads up to the end of a request's head. False: the connection ended.
async fn read_head(stream: &mut TcpStream) -> io::Result<bool> {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(false);
        }
        head.extend_from_slice(&buffer[..n]);
    }
    Ok(true)
}

/// Where everybody listens.
pub(crate) const PORT: u16 = 8080;
