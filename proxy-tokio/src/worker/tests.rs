use super::{Recorder, Setup, Worker};
use crate::crew::Crew;
use crate::net::{Net, Received, Stream};
use crate::pipes::PIPES_MAX;
use bytes::BytesMut;
use proxy_core::drive::{CLIENTS_MAX, UNWATCHED_MAX};
use proxy_core::{Config, Core, Input, Outcome};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::coop::unconstrained;

const MANY: usize = CLIENTS_MAX as usize;

#[tokio::test]
async fn of_many_clients_only_some_are_let_in_before_the_sockets_are_looked_at_again() {
    let mut t = Test::new();
    let _clients = t.come(MANY + 1, REQUEST).await;
    assert_eq!(count(&t.turn().await, Seen::Accepted), MANY);
    assert_eq!(count(&t.turn().await, Seen::Accepted), 1);
}

#[tokio::test]
async fn of_many_requests_only_some_are_read_before_the_sockets_are_looked_at_again() {
    let mut t = Test::new();
    let _clients = t.requests_of_old_clients(MANY + 1).await;
    assert_eq!(count(&t.turn().await, Seen::Request), MANY);
    assert_eq!(count(&t.turn().await, Seen::Request), 1);
}

#[tokio::test]
async fn responses_go_before_requests_however_long_these_have_waited() {
    let mut t = Test::new();
    let _clients = t.requests_of_old_clients(2 * MANY).await;
    t.turn().await;
    t.upstreams_answer().await;
    let seen = t.turn().await;
    let (first, then) = seen.split_at(seen.iter().position(|seen| *seen == Seen::Request).unwrap());
    assert_eq!((count(first, Seen::Response), count(then, Seen::Response)), (MANY, 0));
    assert_eq!(count(then, Seen::Request), MANY);
}

#[tokio::test]
async fn later_requests_take_the_connections_of_those_that_were_answered() {
    let mut t = Test::new();
    let _clients = t.requests_of_old_clients(3 * MANY).await;
    for _ in 0..3 {
        t.turn().await;
        t.upstreams_answer().await;
    }
    assert_eq!(t.network.upstreams.borrow().len(), MANY);
}

#[tokio::test]
async fn several_requests_are_read_before_any_is_sent() {
    let mut t = Test::new();
    let mut clients = t.requests_of_old_clients(3).await;
    t.turn().await;
    t.upstreams_answer().await;
    let seen = t.turn().await;
    assert_eq!(seen, [[Seen::Response; 3], [Seen::Wrote; 3]].concat());
    write_all(&mut clients, REQUEST).await;
    assert_eq!(t.turn().await, [[Seen::Request; 3], [Seen::Wrote; 3]].concat());
}

#[tokio::test]
async fn what_one_connection_said_is_sent_before_more_of_it_is_read() {
    let mut t = Test::new();
    let _clients = t.requests_of_old_clients(1).await;
    t.turn().await;
    let mut upstreams = t.network.upstreams.take();
    write_all(&mut upstreams, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    drop(upstreams);
    assert_eq!(t.turn().await[..3], [Seen::Response, Seen::Wrote, Seen::Eof]);
}

#[tokio::test]
async fn clients_at_the_door_are_let_in_however_busy_those_inside_are() {
    let mut t = Test::new();
    let mut inside = t.come(MANY, REQUEST).await;
    t.turn().await;
    let _late = t.come(1, REQUEST).await;
    let mut accepted = 0;
    for _ in 0..2 {
        write_all(&mut inside, REQUEST).await;
        accepted += count(&t.turn().await, Seen::Accepted);
    }
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn an_accepted_client_that_is_served_and_gone_is_never_watched() {
    let mut t = Test::new();
    let _client = t.come(1, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    t.turn().await;
    t.upstreams_answer().await;
    t.turn().await;
    assert_eq!(t.recorded.get(), 1);
    assert_eq!(t.network.watched.get(), 0);
}

#[tokio::test]
async fn an_accepted_client_that_may_ask_again_is_watched_when_it_was_answered() {
    let mut t = Test::new();
    let mut clients = t.come(1, REQUEST).await;
    t.turn().await;
    assert_eq!(t.network.watched.get(), 0);
    t.upstreams_answer().await;
    t.turn().await;
    assert_eq!(t.network.watched.get(), 1);
    write_all(&mut clients, REQUEST).await;
    assert_eq!(count(&t.turn().await, Seen::Request), 1);
}

#[tokio::test]
async fn an_accepted_client_whose_request_is_not_whole_is_watched_at_once() {
    for part in ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf "] {
        let mut t = Test::new();
        let mut clients = t.come(1, part.as_bytes()).await;
        t.turn().await;
        assert_eq!(t.network.watched.get(), 1, "{part}");
        write_all(&mut clients, b"more").await;
        assert_eq!(count(&t.turn().await, Seen::Request), 1, "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_accepted_client_that_leaves_while_it_waits_is_noticed_a_little_later() {
    let mut t = Test::new();
    let clients = t.come(1, REQUEST).await;
    t.turn().await;
    drop(clients);
    assert_eq!(count(&t.turn().await, Seen::Eof), 0);
    tokio::time::sleep(UNWATCHED_MAX + Duration::from_millis(1)).await;
    assert!(t.is_woken(), "by the alarm: nothing else has news");
    assert_eq!(count(&t.turn().await, Seen::Eof), 1);
}

#[tokio::test]
async fn an_accepted_client_that_takes_nothing_of_its_response_is_heard() {
    let mut t = Test::new();
    let mut clients = t.come(1, REQUEST).await;
    t.turn().await;
    let mut upstreams = t.network.upstreams.take();
    write_all(&mut upstreams, b"HTTP/1.1 200 OK\r\nContent-Length: 1400\r\n\r\n").await;
    t.turn().await;
    write_all(&mut upstreams, &[b'x'; 1000]).await;
    t.turn().await;
    write_all(&mut clients, REQUEST).await;
    assert_eq!(count(&t.turn().await, Seen::Request), 1);
}

#[tokio::test]
async fn an_accepted_client_that_cannot_be_watched_is_given_up() {
    let mut t = Test::new();
    t.network.fails_to_watch.set(true);
    let _clients = t.come(1, b"GET / HT").await;
    assert_eq!(count(&t.turn().await, Seen::Failed), 1);
    assert_eq!(count(&t.turn().await, Seen::Failed), 0);
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// An input that the core was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Accepted,
    /// Octets of a client.
    Request,
    /// Octets of an upstream.
    Response,
    Wrote,
    Eof,
    Failed,
    Other,
}

fn count(seen: &[Seen], what: Seen) -> usize {
    seen.iter().filter(|seen| **seen == what).count()
}

async fn write_all(streams: &mut [DuplexStream], octets: &[u8]) {
    for stream in streams {
        stream.write_all(octets).await.unwrap();
    }
}

struct Test {
    network: Network,
    worker: Worker<Network, Count>,
    recorded: Rc<Cell<usize>>,
    seen: Rc<RefCell<Vec<Seen>>>,
    woken: Arc<AtomicBool>,
}

impl Test {
    fn new() -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let config = Config::simple(addr, &[addr]);
        let (network, seen) = (Network::default(), Rc::<RefCell<Vec<_>>>::default());
        let recorded = Rc::<Cell<_>>::default();
        let (journal, mut clients) = (Rc::clone(&seen), BTreeSet::new());
        let worker = Worker::new(Setup {
            pipes: PIPES_MAX,
            crew: Crew::new(&config, 1),
            core: Core::new(config, 0).unwrap(),
            net: network.clone(),
            listeners: vec![()],
            worker: 0,
            recorder: Count(Rc::clone(&recorded)),
            journal: Some(Box::new(move |_, input: &Input| {
                journal.borrow_mut().push(match input {
                    Input::Accepted { conn, .. } => {
                        clients.insert(*conn);
                        Seen::Accepted
                    }
                    Input::Data { conn, .. } if clients.contains(conn) => Seen::Request,
                    Input::Data { .. } => Seen::Response,
                    Input::Wrote { .. } => Seen::Wrote,
                    Input::Eof { .. } => Seen::Eof,
                    Input::Failed { .. } => Seen::Failed,
                    _ => Seen::Other,
                });
            })),
            epoch: tokio::time::Instant::now(),
            unix_seconds: || 784_111_777,
        });
        Self { network, worker, recorded, seen, woken: Arc::default() }
    }

    /// So many clients connect, and have sent something before anybody looks.
    async fn come(&self, count: usize, sent: &[u8]) -> Vec<DuplexStream> {
        let mut clients = Vec::new();
        for _ in 0..count {
            let (client, stream) = duplex(1024);
            clients.push(client);
            self.network.door.borrow_mut().queue.push_back(stream);
        }
        write_all(&mut clients, sent).await;
        if let Some(waker) = self.network.door.borrow_mut().waker.take() {
            waker.wake();
        }
        clients
    }

    /// So many clients that were let in before send a request each.
    async fn requests_of_old_clients(&mut self, count: usize) -> Vec<DuplexStream> {
        let mut clients = self.come(count, b"").await;
        for _ in 0..=count / MANY {
            self.turn().await;
        }
        write_all(&mut clients, REQUEST).await;
        clients
    }

    /// Every upstream answers.
    async fn upstreams_answer(&self) {
        let mut upstreams = self.network.upstreams.take();
        write_all(&mut upstreams, RESPONSE).await;
        self.network.upstreams.replace(upstreams);
    }

    /// One turn of the worker, and what it told the core.
    async fn turn(&mut self) -> Vec<Seen> {
        self.seen.borrow_mut().clear();
        self.woken.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(Alert(Arc::clone(&self.woken))));
        let turn = poll_fn(|_| Poll::Ready(self.worker.turn(&mut Context::from_waker(&waker))));
        assert!(unconstrained(turn).await.is_pending());
        self.seen.take()
    }

    /// Something calls for another turn.
    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }
}

struct Alert(Arc<AtomicBool>);

impl Wake for Alert {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A network in memory.
#[derive(Clone, Default)]
struct Network {
    door: Rc<RefCell<Door>>,
    /// The far ends of upstream connections.
    upstreams: Rc<RefCell<Vec<DuplexStream>>>,
    /// How many accepted connections are or were watched.
    watched: Rc<Cell<usize>>,
    fails_to_watch: Rc<Cell<bool>>,
}

#[derive(Default)]
struct Door {
    queue: VecDeque<DuplexStream>,
    waker: Option<Waker>,
}

impl Net for Network {
    type Stream = Wire;
    type Listener = ();
    type Pipe = Infallible;

    fn poll_accept(&self, _listener: &mut (), cx: &mut Context<'_>) -> Poll<io::Result<(Wire, SocketAddr)>> {
        let mut door = self.door.borrow_mut();
        door.waker = Some(cx.waker().clone());
        match door.queue.pop_front() {
            Some(stream) => {
                let wire = Wire { stream, unwatched: Some(self.clone()) };
                Poll::Ready(Ok((wire, SocketAddr::from(([127, 0, 0, 1], 2)))))
            }
            None => Poll::Pending,
        }
    }

    fn connect(&self, _peer: SocketAddr) -> impl Future<Output = io::Result<Wire>> + 'static {
        let (stream, far) = duplex(1024);
        self.upstreams.borrow_mut().push(far);
        ready(Ok(Wire { stream, unwatched: None }))
    }
}

/// A connection that rings for nobody until it is watched.
struct Wire {
    stream: DuplexStream,
    unwatched: Option<Network>,
}

impl Stream for Wire {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        max: usize,
    ) -> Poll<io::Result<Received>> {
        let waker = if self.unwatched.is_some() { Waker::noop() } else { cx.waker() };
        let mut cx = Context::from_waker(waker);
        let Received { octets, .. } = ready!(Stream::poll_read(&mut self.stream, &mut cx, into, max))?;
        let is_all = 0 < octets && octets < max && {
            let more = Stream::poll_read(&mut self.stream, &mut cx, &mut BytesMut::with_capacity(1), 1);
            assert!(
                !matches!(more, Poll::Ready(Ok(Received { octets: 1, .. }))),
                "a read takes all there is"
            );
            more.is_pending()
        };
        Poll::Ready(Ok(Received { octets, is_all }))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Stream::poll_write(&mut self.stream, cx, octets);
        self.is_written(written)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Stream::poll_write_vectored(&mut self.stream, cx, slices);
        self.is_written(written)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_shutdown(&mut self.stream, cx)
    }

    fn is_watched(&self) -> bool {
        self.unwatched.is_none()
    }

    fn watch(&mut self) -> io::Result<()> {
        let Some(network) = self.unwatched.take() else { return Ok(()) };
        network.watched.set(network.watched.get() + 1);
        if network.fails_to_watch.get() { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }
}

impl Wire {
    /// To learn when there is room, a connection has to be watched.
    fn is_written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.unwatched = None;
        }
        written
    }
}

/// How many exchanges were recorded.
struct Count(Rc<Cell<usize>>);

impl Recorder for Count {
    fn record(&mut self, _outcome: &Outcome) {
        self.0.set(self.0.get() + 1);
    }

    fn flush(&mut self) {}
}
