use super::{CLIENTS_MAX, Recorder, Setup, Worker};
use crate::crew::Crew;
use crate::net::Net;
use proxy_core::{Config, Core, Input, Outcome};
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
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
    worker: Worker<Network, Nowhere>,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl Test {
    fn new() -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let config = Config::simple(addr, &[addr]);
        let (network, seen) = (Network::default(), Rc::<RefCell<Vec<_>>>::default());
        let (journal, mut clients) = (Rc::clone(&seen), BTreeSet::new());
        let mut worker = Worker::new(Setup {
            crew: Crew::new(&config, 1),
            core: Core::new(config, 0).unwrap(),
            net: network.clone(),
            listeners: vec![()],
            worker: 0,
            recorder: Nowhere,
            journal: Some(Box::new(move |_, input: &Input| {
                journal.borrow_mut().push(match input {
                    Input::Accepted { conn, .. } => {
                        clients.insert(*conn);
                        Seen::Accepted
                    }
                    Input::Data { conn, .. } if clients.contains(conn) => Seen::Request,
                    Input::Data { .. } => Seen::Response,
                    _ => Seen::Other,
                });
            })),
            epoch: tokio::time::Instant::now(),
        });
        worker.start();
        Self { network, worker, seen }
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
        let turn = poll_fn(|cx| Poll::Ready(self.worker.turn(cx)));
        assert!(unconstrained(turn).await.is_pending());
        self.seen.take()
    }
}

/// A network in memory.
#[derive(Clone, Default)]
struct Network {
    door: Rc<RefCell<Door>>,
    /// The far ends of upstream connections.
    upstreams: Rc<RefCell<Vec<DuplexStream>>>,
}

#[derive(Default)]
struct Door {
    queue: VecDeque<DuplexStream>,
    waker: Option<Waker>,
}

impl Net for Network {
    type Stream = DuplexStream;
    type Listener = ();
    type Pipe = Infallible;

    fn poll_accept(
        &self,
        _listener: &mut (),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(DuplexStream, SocketAddr)>> {
        let mut door = self.door.borrow_mut();
        door.waker = Some(cx.waker().clone());
        match door.queue.pop_front() {
            Some(stream) => Poll::Ready(Ok((stream, SocketAddr::from(([127, 0, 0, 1], 2))))),
            None => Poll::Pending,
        }
    }

    fn connect(&self, _peer: SocketAddr) -> impl Future<Output = io::Result<DuplexStream>> + 'static {
        let (near, far) = duplex(1024);
        self.upstreams.borrow_mut().push(far);
        ready(Ok(near))
    }
}

struct Nowhere;

impl Recorder for Nowhere {
    fn record(&mut self, _outcome: &Outcome) {}
    fn flush(&mut self) {}
}
