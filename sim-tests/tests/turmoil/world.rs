//! A network with clients, servers and one proxy, which runs the real driver.

use crate::TurmoilNet;
use crate::net::{Listener, Stream};
use crate::origin::{Conn, Door, Origin, Place, Serve, now};
use crate::story::{Check, Story, Tape};
use crate::weather::Weather;
use crate::wire::{Kind, Message, Wire};
use proxy_core::{Cluster, ClusterId, Config, Core, Endpoint, Route};
use proxy_tokio::{Crew, PIPES_MAX, Setup, run_worker};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep};
use turmoil::Sim;
use turmoil::net::TcpStream;

/// What a client does.
type Client = Pin<Box<dyn Future<Output = ()>>>;

/// What happens to the network itself.
type Event = Box<dyn FnOnce(&mut Sim<'_>)>;

/// A world in the making.
pub(crate) struct World {
    sim: Sim<'static>,
    pub(crate) weather: Weather,
    pub(crate) config: Config,
    pub(crate) crew_size: usize,
    origins: Vec<(&'static str, Origin)>,
    clients: Vec<Client>,
    events: Vec<(Duration, Event)>,
    checks: Vec<Check>,
    drains: Vec<Duration>,
    net: TurmoilNet,
    notes: Rc<RefCell<Vec<String>>>,
    next_port: u16,
}

/// The host of all servers that don't need one of their own.
const SERVERS: &str = "servers";
const CLIENTS: &str = "clients";
pub(crate) const PROXY: &str = "proxy";

/// Where worker 0 listens; the others have the ports behind it.
const PORT: u16 = 8080;

/// Writes that a narrow connection holds.
pub(crate) const NARROW: usize = 16;

/// Longer than any drain takes with the defaults.
const DRAIN_MAX: Duration = Duration::from_secs(40);

impl World {
    fn new(seed: u64) -> Self {
        let weather = Weather::new(seed);
        Self {
            sim: weather.builder().build(),
            weather,
            config: bare_config(PORT),
            crew_size: 1,
            origins: Vec::new(),
            clients: Vec::new(),
            events: Vec::new(),
            checks: Vec::new(),
            drains: Vec::new(),
            net: TurmoilNet::new(weather),
            notes: Rc::default(),
            next_port: 1_000,
        }
    }

    /// Makes a world and lets it run to its end: what happened, and what the world's maker wants to check.
    pub(crate) fn play(seed: u64, build: impl Fn(&mut Self)) -> (Story, Vec<Check>) {
        let mut world = Self::new(seed);
        build(&mut world);
        world.run()
    }

    /// Makes time coarse: for a world in which little happens for long. Before anything else is added.
    pub(crate) fn coarse(&mut self) {
        self.weather = self.weather.coarse();
        self.net = TurmoilNet::new(self.weather);
        self.sim = self.weather.builder().build();
    }

    /// Makes the connections hold little: few writes until the reader takes one. Before anything else is added.
    pub(crate) fn narrow(&mut self) {
        self.sim = self.weather.builder().tcp_capacity(NARROW).build();
    }

    /// Adds a server.
    pub(crate) fn serve<F, Fut>(&mut self, serve: F) -> Place
    where
        F: Fn(Conn) -> Fut + 'static,
        Fut: Future<Output = io::Result<()>> + 'static,
    {
        self.serve_on(SERVERS, Door::Open, serve)
    }

    /// Adds a server that does not let everybody in.
    pub(crate) fn serve_behind<F, Fut>(&mut self, door: Door, serve: F) -> Place
    where
        F: Fn(Conn) -> Fut + 'static,
        Fut: Future<Output = io::Result<()>> + 'static,
    {
        self.serve_on(SERVERS, door, serve)
    }

    /// Adds a server on a host of this name.
    pub(crate) fn serve_on<F, Fut>(&mut self, host: &'static str, door: Door, serve: F) -> Place
    where
        F: Fn(Conn) -> Fut + 'static,
        Fut: Future<Output = io::Result<()>> + 'static,
    {
        let place = self.place_on(host);
        let serve: Serve = Rc::new(move |conn| Box::pin(serve(conn)));
        self.origins.push((host, Origin { place: place.clone(), door, serve }));
        place
    }

    /// An address where nobody listens.
    pub(crate) fn nobody(&mut self) -> Place {
        self.place_on(SERVERS)
    }

    /// An address that does not answer.
    pub(crate) fn deaf(&mut self) -> Place {
        self.serve_behind(Door::DeafAfter(0), |_| async { Ok(()) })
    }

    fn place_on(&mut self, host: &'static str) -> Place {
        self.next_port += 1;
        Place::new(SocketAddr::new(self.sim.lookup(host), self.next_port))
    }

    /// Sends what is asked for at `path` to these places; `adapt` changes how.
    pub(crate) fn route(
        &mut self,
        path: &str,
        places: &[&Place],
        adapt: impl FnOnce(&mut Route, &mut Cluster),
    ) {
        add_route(&mut self.config, path, places.iter().map(|place| place.addr), adapt);
    }

    /// Adds a client that does this, from `at` on. What comes of it is there when the world has ended.
    pub(crate) fn client<T, F>(
        &mut self,
        at: Duration,
        act: impl FnOnce(Dial) -> F + 'static,
    ) -> Rc<RefCell<Option<T>>>
    where
        T: Debug + 'static,
        F: Future<Output = io::Result<T>> + 'static,
    {
        let slot = Rc::new(RefCell::new(None));
        let (result, notes) = (Rc::clone(&slot), Rc::clone(&self.notes));
        let number = self.clients.len();
        let dial = Dial { net: self.net.clone(), weather: self.weather };
        self.clients.push(Box::pin(async move {
            sleep(at).await;
            let done = act(dial).await.unwrap_or_else(|error| panic!("client {number}: {error}"));
            notes.borrow_mut().push(format!("client {number}: {done:?}"));
            *result.borrow_mut() = Some(done);
        }));
        slot
    }

    /// Adds a client that asks once, on a connection of its own.
    pub(crate) fn asks(&mut self, at: Duration, request: &str) -> Rc<RefCell<Option<Answer>>> {
        let request = request.to_owned();
        self.client(at, |dial| async move { ask(&mut dial.proxy().await?, &request).await })
    }

    /// Does something to the network at a certain time.
    pub(crate) fn at(&mut self, time: Duration, event: impl FnOnce(&mut Sim<'_>) + 'static) {
        self.events.push((time, Box::new(event)));
    }

    /// Drains the proxy at a certain time. It is drained when all clients are done, in any case.
    pub(crate) fn drain_at(&mut self, time: Duration) {
        self.drains.push(time);
    }

    /// Checks something when the world has ended.
    pub(crate) fn then(&mut self, check: impl FnOnce(&Story) + 'static) {
        self.checks.push(Box::new(check));
    }

    fn run(mut self) -> (Story, Vec<Check>) {
        self.start_origins();
        let crew = Crew::new(&self.config, self.crew_size);
        let tapes: Vec<_> = (0..self.crew_size).map(|_| Tape::default()).collect();
        let ended = self.start_proxy(&crew, &tapes);
        self.start_clients();
        let (mut events, mut drains) = (self.events, self.drains);
        events.sort_by_key(|(at, _)| *at);
        drains.sort();
        let mut events = events.into_iter().peekable();
        let mut drains = drains.into_iter().peekable();
        loop {
            let elapsed = self.sim.elapsed();
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= elapsed) {
                event(&mut self.sim);
            }
            while drains.next_if(|at| *at <= elapsed).is_some() {
                crew.drain();
            }
            if self.sim.step().expect("every client is served in time") {
                break;
            }
        }
        let all_served = self.sim.elapsed();
        crew.drain();
        while self.sim.is_host_running(PROXY) {
            assert!(self.sim.elapsed() < all_served + DRAIN_MAX, "the drain does not end");
            self.sim.step().expect("the drain goes well");
        }
        for (_, origin) in &self.origins {
            assert!(origin.place.seen().is_content, "a server met what it did not expect");
        }
        let (notes, ended) = (self.notes.take(), ended.get());
        (Story::new(self.weather, self.config, &tapes, notes, ended), self.checks)
    }

    fn start_origins(&mut self) {
        let mut hosts: Vec<&'static str> = self.origins.iter().map(|(host, _)| *host).collect();
        hosts.push(SERVERS);
        hosts.sort_unstable();
        hosts.dedup();
        for host in hosts {
            let of_host = self.origins.iter().filter(|(name, _)| *name == host);
            let origins: Vec<_> = of_host.map(|(_, origin)| origin.clone()).collect();
            let net = self.net.clone();
            self.sim.host(host, move || {
                let origins = origins.clone();
                let net = net.clone();
                async move {
                    for origin in origins {
                        spawn_local(origin.run(net.clone()));
                    }
                    std::future::pending().await
                }
            });
        }
    }

    /// Returns where it will say when it ended.
    fn start_proxy(&mut self, crew: &Arc<Crew>, tapes: &[Tape]) -> Rc<Cell<Duration>> {
        let ended = Rc::new(Cell::new(Duration::ZERO));
        let end = Rc::clone(&ended);
        let (config, crew, tapes) = (self.config.clone(), Arc::clone(crew), tapes.to_vec());
        let (net, seed) = (self.net.clone(), self.weather.seed);
        self.sim.host(PROXY, move || {
            let (config, crew, tapes) = (config.clone(), Arc::clone(&crew), tapes.clone());
            let (net, end) = (net.clone(), Rc::clone(&end));
            async move {
                let epoch = Instant::now();
                let mut workers = JoinSet::new();
                for (worker, tape) in tapes.into_iter().enumerate() {
                    let listener = Listener::bind(PORT + u16::try_from(worker)?).await?;
                    workers.spawn_local(run_worker(Setup {
                        pipes: PIPES_MAX,
                        core: Core::new(config.clone(), tape.seed(seed, worker))?,
                        net: net.clone(),
                        listeners: vec![listener],
                        crew: Arc::clone(&crew),
                        worker,
                        recorder: tape.recorder(),
                        journal: Some(tape.journal()),
                        epoch,
                        unix_seconds: || 784_111_777,
                    }));
                }
                while let Some(ended) = workers.join_next().await {
                    ended?;
                }
                end.set(now());
                Ok(())
            }
        });
        ended
    }

    fn start_clients(&mut self) {
        let clients = std::mem::take(&mut self.clients);
        self.sim.client(CLIENTS, async move {
            let mut all = JoinSet::new();
            for client in clients {
                all.spawn_local(client);
            }
            while let Some(ended) = all.join_next().await {
                ended?;
            }
            Ok(())
        });
    }
}

/// A configuration without a route.
pub(crate) fn bare_config(port: u16) -> Config {
    let mut config = Config::simple(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port), &[]);
    config.routes.clear();
    config.clusters.clear();
    config
}

/// Sends what is asked for at `path` to these addresses; `adapt` changes how.
pub(crate) fn add_route(
    config: &mut Config,
    path: &str,
    addrs: impl Iterator<Item = SocketAddr>,
    adapt: impl FnOnce(&mut Route, &mut Cluster),
) {
    let cluster_id = ClusterId(u32::try_from(config.clusters.len()).expect("there are few"));
    let mut cluster = Cluster {
        name: path.to_owned(),
        endpoints: addrs.map(|addr| Endpoint { addr, weight: 1, max_connections: None }).collect(),
        balance: Default::default(),
        max_queue: 1_024,
        dialect: Default::default(),
    };
    let mut route = Route {
        host: None,
        path: path.to_owned(),
        paths: Default::default(),
        cluster: cluster_id,
        timeouts: config.timeouts.clone(),
        stream: false,
        request_body_max: None,
    };
    adapt(&mut route, &mut cluster);
    config.routes.push(route);
    config.clusters.push(cluster);
}

/// How a client reaches the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    net: TurmoilNet,
    pub(crate) weather: Weather,
}

impl Dial {
    pub(crate) async fn proxy(&self) -> io::Result<Wire<Stream>> {
        self.worker(0).await
    }

    /// Connects to one of several workers.
    pub(crate) async fn worker(&self, worker: u16) -> io::Result<Wire<Stream>> {
        let stream = TcpStream::connect((PROXY, PORT + worker)).await?;
        Ok(Wire::new(self.net.stream(stream)))
    }
}

/// What a client was told, and how long it waited from the last octet that it sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) took: Duration,
}

/// Sends a request and waits for its answer.
pub(crate) async fn ask<S>(wire: &mut Wire<S>, request: &str) -> io::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Writing may fail on a connection that was cut; reading tells how.
    let _ = wire.send(request).await;
    let asked = Instant::now();
    let kind = if request.starts_with("HEAD ") { Kind::ResponseToHead } else { Kind::Response };
    let message = wire.message(kind).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Answer { message, took: asked.elapsed() })
}
