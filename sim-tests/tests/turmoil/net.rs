//! Turmoil's TCP as the driver wants it, with what turmoil lacks: a reset that the peer sees, and errors of connecting.

use crate::bucket::Bucket;
use crate::origin::now;
use crate::weather::Weather;
use proxy_tokio::Net;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use turmoil::net::{TcpListener, TcpStream};

/// Connections that one side aborted, by (its address, its peer's), and when: turmoil tells a peer of FIN only, and not
/// even of that when it reads nothing.
#[derive(Clone, Debug, Default)]
struct Aborted(Rc<RefCell<BTreeMap<(SocketAddr, SocketAddr), Duration>>>);

/// The network of the host that it runs on.
#[derive(Clone, Debug)]
pub(crate) struct TurmoilNet {
    aborted: Aborted,
    pub(crate) weather: Weather,
}

/// Nobody can reach this address: turmoil would say that it refuses.
pub(crate) const UNREACHABLE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 255, 255, 1));
/// Connecting to this address needs more local ports than there are.
pub(crate) const EXHAUSTING: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 255, 255, 2));

/// How long the network takes to say that an address can't be reached.
const ROUTER: Duration = Duration::from_millis(3);

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>>>>;

/// Turmoil's listener can only be awaited; the future is kept between polls.
pub(crate) struct Listener {
    listener: Rc<TcpListener>,
    accepting: Option<Accepting>,
}

impl Listener {
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let listener = Rc::new(TcpListener::bind(("0.0.0.0", port)).await?);
        Ok(Self { listener, accepting: None })
    }
}

impl TurmoilNet {
    pub(crate) fn new(weather: Weather) -> Self {
        Self { aborted: Aborted::default(), weather }
    }

    /// Takes in a connection of turmoil's.
    pub(crate) fn stream(&self, stream: TcpStream) -> Stream {
        Stream { stream, aborted: self.aborted.clone(), weather: self.weather, resetting: None }
    }
}

impl Net for TurmoilNet {
    type Stream = Stream;
    type Listener = Listener;
    type Pipe = Bucket;

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let inner = Rc::clone(&listener.listener);
        let accepting =
            listener.accepting.get_or_insert_with(|| Box::pin(async move { inner.accept().await }));
        let result = accepting.as_mut().poll(cx);
        if result.is_ready() {
            listener.accepting = None;
        }
        result.map_ok(|(stream, peer)| (self.stream(stream), peer))
    }

    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<Stream>> + 'static {
        let net = self.clone();
        async move {
            match peer.ip() {
                UNREACHABLE => {
                    sleep(ROUTER).await;
                    Err(ErrorKind::HostUnreachable.into())
                }
                EXHAUSTING => Err(ErrorKind::AddrNotAvailable.into()),
                _ => TcpStream::connect(peer).await.map(|stream| net.stream(stream)),
            }
        }
    }

    fn abort(&self, stream: Stream) {
        stream.reset();
    }
}

/// An end of a connection: an abort at the other end reads as a reset here, when all that was sent before has arrived.
#[derive(Debug)]
pub(crate) struct Stream {
    stream: TcpStream,
    aborted: Aborted,
    weather: Weather,
    /// Until a reset has arrived.
    resetting: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        if let (Ok(local), Ok(peer)) = (self.stream.local_addr(), self.stream.peer_addr()) {
            self.aborted.0.borrow_mut().insert((local, peer), now());
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("it is connected")
    }

    fn aborted_at(&self) -> Option<Duration> {
        let addrs = (self.stream.peer_addr().ok()?, self.stream.local_addr().ok()?);
        self.aborted.0.borrow().get(&addrs).copied()
    }

    /// Ready when a reset has arrived.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.aborted_at() else { return Poll::Pending };
        let way = self.weather.way();
        let resetting =
            self.resetting.get_or_insert_with(|| Box::pin(sleep((at + way).saturating_sub(now()))));
        resetting.as_mut().poll(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() == before && self.aborted_at().is_some() => {
                Poll::Ready(Err(ErrorKind::ConnectionReset.into()))
            }
            Poll::Pending => self.poll_reset(cx).map(|()| Err(ErrorKind::ConnectionReset.into())),
            ready => ready,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
