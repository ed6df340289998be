//! A network with clients, servers and one proxy, by turmoil-net: every connection has buffers of so many octets at
//! both ends, and a write may be taken in part.

use crate::byte_net::{ByteNet, ByteStream, Pipes, Post};
use crate::seeds::Random;
use crate::story::{Check, Story, Tape};
use crate::wire::Wire;
use crate::world::{add_route, bare_config};
use proxy_core::{Cluster, Config, Core, Route};
use proxy_tokio::{Crew, PIPES_MAX, Setup, run_worker};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet, LocalSet, spawn_local};
use tokio::time::{Instant, sleep};
use turmoil_net::shim::tokio::net::TcpListener;
use turmoil_net::{HostId, Net};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What a server does with a connection.
type Serve = Rc<dyn Fn(Wire<ByteStream>) -> Pin<Box<dyn Future<Output = io::Result<()>>>>>;

/// A world in the making.
pub(crate) struct ByteWorld {
    pub(crate) pipes: Pipes,
    pub(crate) config: Config,
    hosts: Net,
    proxy: HostId,
    servers: HostId,
    clients: HostId,
    net: ByteNet,
    origins: Vec<(SocketAddr, Serve)>,
    tasks: Vec<Task>,
    checks: Vec<Check>,
    notes: Rc<RefCell<Vec<String>>>,
}

const PORT: u16 = 8080;

/// No world takes longer.
const LONGEST: Duration = Duration::from_secs(600);

impl ByteWorld {
    fn new(pipes: Pipes) -> Self {
        let mut hosts = Net::with_config(pipes.kernel());
        let [proxy, servers, clients] = ["proxy", "servers", "clients"].map(|name| hosts.add_host(name));
        Self {
            pipes,
            config: bare_config(PORT),
            hosts,
            proxy,
            servers,
            clients,
            net: ByteNet::default(),
            origins: Vec::new(),
            tasks: Vec::new(),
            checks: Vec::new(),
            notes: Rc::default(),
        }
    }

    /// Makes a world and lets it run to its end: what happened, and what the world's maker wants to check.
    pub(crate) fn play(pipes: Pipes, build: impl Fn(&mut Self)) -> (Story, Vec<Check>) {
        let mut world = Self::new(pipes);
        build(&mut world);
        world.run()
    }

    /// Adds a server that does this with each connection.
    pub(crate) fn serve<F, Fut>(&mut self, serve: F) -> SocketAddr
    where
        F: Fn(Wire<ByteStream>) -> Fut + 'static,
        Fut: Future<Output = io::Result<()>> + 'static,
    {
        let port = PORT + 1 + u16::try_from(self.origins.len()).expect("there are few");
        let addr = SocketAddr::new(self.hosts.lookup("servers"), port);
        self.origins.push((addr, Rc::new(move |wire| Box::pin(serve(wire)))));
        addr
    }

    /// Sends what is asked for at `path` to this server; `adapt` changes how.
    pub(crate) fn route(
        &mut self,
        path: &str,
        server: SocketAddr,
        adapt: impl FnOnce(&mut Route, &mut Cluster),
    ) {
        add_route(&mut self.config, path, std::iter::once(server), adapt);
    }

    /// Adds a client that does this, a little after the start. What comes of it is there when the world has ended.
    pub(crate) fn client<T, F>(
        &mut self,
        act: impl FnOnce(Wire<ByteStream>) -> F + 'static,
    ) -> Rc<RefCell<Option<T>>>
    where
        T: Debug + 'static,
        F: Future<Output = io::Result<T>> + 'static,
    {
        let slot = Rc::new(RefCell::new(None));
        let (result, notes, net) = (Rc::clone(&slot), Rc::clone(&self.notes), self.net.clone());
        let proxy = SocketAddr::new(self.hosts.lookup("proxy"), PORT);
        let number = self.tasks.len();
        let at = Random::new(self.pipes.weather.seed + number as u64).within(50, 250);
        self.tasks.push(Box::pin(async move {
            sleep(Duration::from_millis(at)).await;
            let done = match net.dial(proxy).await {
                Ok(stream) => act(Wire::new(stream)).await,
                Err(error) => Err(error),
            };
            let done = done.unwrap_or_else(|error| panic!("client {number}: {error}"));
            notes.borrow_mut().push(format!("client {number}: {done:?}"));
            *result.borrow_mut() = Some(done);
        }));
        slot
    }

    /// Checks something when the world has ended.
    pub(crate) fn then(&mut self, check: impl FnOnce(&Story) + 'static) {
        self.checks.push(Box::new(check));
    }

    fn run(self) -> (Story, Vec<Check>) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime can be had");
        let (weather, config, notes) = (self.pipes.weather, self.config.clone(), Rc::clone(&self.notes));
        let crew = Crew::new(&self.config, 1);
        let tape = Tape::default();
        let content = Rc::new(Cell::new(true));
        let hosts = self.hosts.enter();
        let mut post = Post::new(self.net.clone(), weather);
        let ended = runtime.block_on(async {
            let (set, began) = (LocalSet::new(), Instant::now());
            let clients = set.run_until(async {
                for (addr, serve) in self.origins {
                    spawn(
                        self.servers,
                        listen(self.servers, addr, serve, self.net.clone(), Rc::clone(&content)),
                    );
                }
                let mut clients = JoinSet::new();
                for task in self.tasks {
                    clients.spawn_local(Scoped { host: self.clients, task });
                }
                clients
            });
            let mut clients = clients.await;
            let setup = Setup {
                pipes: PIPES_MAX,
                core: Core::new(config.clone(), tape.seed(weather.seed, 0))
                    .expect("it is a good configuration"),
                net: self.net.clone(),
                listeners: vec![bind(self.proxy).await],
                crew: crew.clone(),
                worker: 0,
                recorder: tape.recorder(),
                journal: Some(tape.journal()),
                epoch: began,
                unix_seconds: || 784_111_777,
            };
            let proxy = set.spawn_local(Scoped { host: self.proxy, task: Box::pin(run_worker(setup)) });
            while !proxy.is_finished() {
                set.run_until(sleep(weather.tick)).await;
                post.tick(&hosts);
                while let Some(ended) = clients.try_join_next() {
                    ended.expect("the client is content");
                }
                if clients.is_empty() {
                    crew.drain();
                }
                assert!(began.elapsed() < LONGEST, "it does not end");
            }
            began.elapsed()
        });
        drop(hosts);
        assert!(content.get(), "a server met what it did not expect");
        let notes = notes.take();
        (Story::new(weather, config, &[tape], notes, ended), self.checks)
    }
}

async fn bind(host: HostId) -> TcpListener {
    turmoil_net::set_current(host);
    TcpListener::bind(("0.0.0.0", PORT)).await.expect("the port is free")
}

async fn listen(host: HostId, addr: SocketAddr, serve: Serve, net: ByteNet, content: Rc<Cell<bool>>) {
    let listener = TcpListener::bind(("0.0.0.0", addr.port())).await.expect("the port is free");
    while let Ok((stream, _)) = listener.accept().await {
        let serving = spawn(host, serve(Wire::new(net.stream(stream))));
        let content = Rc::clone(&content);
        spawn_local(async move {
            let panicked = serving.await.is_err_and(|error| error.is_panic());
            content.set(content.get() && !panicked);
        });
    }
}

/// Starts a task of a host.
fn spawn<T: 'static>(host: HostId, task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    spawn_local(Scoped { host, task: Box::pin(task) })
}

/// Makes every socket that is touched by a task one of its host.
struct Scoped<T> {
    host: HostId,
    task: Pin<Box<dyn Future<Output = T>>>,
}

impl<T> Future for Scoped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        turmoil_net::set_current(self.host);
        self.task.as_mut().poll(cx)
    }
}
