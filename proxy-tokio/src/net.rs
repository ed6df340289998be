//! What the driver needs of a network, and the kernel's as the real one. Knows nothing of the core but the names of
//! its errors.

use crate::kernel_pipe::KernelPipe;
use crate::socket::{Door, Socket};
use bytes::{BufMut, BytesMut};
use proxy_core::{NetError, drive};
use socket2::{Domain, Protocol, Type};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

/// A network: the kernel's ([`TokioNet`]) or a simulated one. Listeners are bound by whoever starts a worker.
pub trait Net {
    /// A connection, of either side.
    type Stream: Stream;
    /// Where clients come in.
    type Listener;
    /// What moves octets from one connection to another unseen.
    type Pipe: Pipe<Self::Stream>;

    /// Takes the next client off a listener's queue.
    ///
    /// # Errors
    /// Whatever `accept(2)` reports; the listener stays usable.
    fn poll_accept(
        &self,
        listener: &mut Self::Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// Opens a connection.
    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + 'static;

    /// Ends a connection by a reset. A network that has none just drops it.
    fn abort(&self, stream: Self::Stream) {
        drop(stream);
    }
}

/// A connection. Whatever reads and writes asynchronously is one.
pub trait Stream {
    /// Appends at most `max` octets of what the peer sent to `into`, which has as much room.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        max: usize,
    ) -> Poll<io::Result<Received>>;

    /// The same, asking the kernel itself: a reactor may not have heard yet of what arrived. Nobody is woken.
    ///
    /// # Errors
    /// The connection is broken, or nothing is there (`WouldBlock`).
    fn read_now(&mut self, into: &mut BytesMut, max: usize) -> io::Result<usize> {
        match self.poll_read(&mut Context::from_waker(Waker::noop()), into, max) {
            Poll::Ready(received) => received.map(|received| received.octets),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Takes octets for the peer, and says how many.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;

    /// The same with octets in several places.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Sends FIN.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether wakers are told of news. If not, [`Stream::watch`] has to be called before anybody waits for any.
    fn is_watched(&self) -> bool {
        true
    }

    /// Sees to it that wakers are told of news.
    ///
    /// # Errors
    /// It can't be; the connection is closed.
    fn watch(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many octets; 0: the peer sent FIN.
    pub octets: usize,
    /// That was all. The waker is told of more, and another read would be in vain.
    pub is_all: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        max: usize,
    ) -> Poll<io::Result<Received>> {
        poll_read_buf(Pin::new(self), cx, &mut into.limit(max))
            .map_ok(|octets| Received { octets, is_all: false })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(self), cx, octets)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(Pin::new(self), cx, slices)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }
}

/// Room for octets between two connections, which nobody looks at. Holds at least one octet.
pub trait Pipe<S>: Sized {
    /// Makes one, if this network has any and can spare it.
    fn open() -> Option<Self>;

    /// Moves at most `max` octets from a connection into this pipe, which is empty. 0: the peer sent FIN.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_fill(&mut self, from: &mut S, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>>;

    /// Moves at most `max` octets from this pipe, which holds as many, to a connection.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_drain(&mut self, to: &mut S, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>>;
}

/// The pipe of networks that have none.
impl<S> Pipe<S> for Infallible {
    fn open() -> Option<Self> {
        None
    }

    fn poll_fill(&mut self, _: &mut S, _: &mut Context<'_>, _: usize) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_drain(&mut self, _: &mut S, _: &mut Context<'_>, _: usize) -> Poll<io::Result<usize>> {
        match *self {}
    }
}

/// The kernel's TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioNet;

impl Net for TokioNet {
    type Stream = Socket;
    type Listener = Door;
    type Pipe = KernelPipe;

    fn poll_accept(&self, door: &mut Door, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, SocketAddr)>> {
        // An IPv4 client of a dual-stack listener is an IPv4 client to routes, logs and trusted networks.
        door.poll_accept(cx)
            .map_ok(|(socket, peer)| (socket, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }

    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<Socket>> + 'static {
        Socket::connect(peer)
    }

    fn abort(&self, socket: Socket) {
        socket.abort();
    }
}

/// How many clients may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = drive::BACKLOG_MAX.cast_signed();

/// Binds one listener of each of `workers` workers to `addr`; if its port is 0, all get the port that the first got.
///
/// The first socket is bound before it allows sharing (SO_REUSEPORT), so that a port somebody else listens on is an
/// error even if they share it: two proxies by mistake on one port would split the traffic between them.
///
/// `v6_only`: an unspecified IPv6 address does not stand for every IPv4 address, too.
pub(crate) fn listen(
    addr: SocketAddr,
    workers: usize,
    v6_only: bool,
) -> io::Result<Vec<std::net::TcpListener>> {
    let stream_socket = |addr| {
        let socket = stream_socket(addr)?;
        if v6_only {
            socket.set_only_v6(true)?;
        }
        io::Result::Ok(socket)
    };
    let first = stream_socket(addr)?;
    first.bind(&addr.into())?;
    let bound = first.local_addr()?.as_socket().unwrap_or(addr);
    let mut sockets = vec![first];
    for _ in 1..workers {
        let socket = stream_socket(bound)?;
        sockets.last().map_or(Ok(()), |previous| previous.set_reuse_port(true))?;
        socket.set_reuse_port(true)?;
        socket.bind(&bound.into())?;
        sockets.push(socket);
    }
    sockets.iter().try_for_each(|socket| socket.listen(BACKLOG))?;
    Ok(sockets.into_iter().map(Into::into).collect())
}

fn stream_socket(addr: SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // On Linux accepted sockets inherit it: no system call per client.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    defer_accept(&socket);
    Ok(socket)
}

/// Has the kernel keep clients back that have not sent anything yet, for a second or so (tcp(7)): one that is accepted with
/// its request costs one look at its socket and not three, and those who only connect cost us nothing meanwhile.
#[expect(unsafe_code, reason = "no library has a name for this option yet (std: tcp_deferaccept, unstable)")]
#[expect(clippy::cast_possible_truncation, reason = "an int is 4 octets long")]
fn defer_accept(socket: &socket2::Socket) {
    const SECONDS: libc::c_int = 1;
    let len = size_of_val(&SECONDS) as libc::socklen_t;
    // SAFETY: the kernel reads an integer of that length, which outlives the call.
    let result = unsafe {
        let seconds = std::ptr::from_ref(&SECONDS).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds, len)
    };
    if result != 0 {
        // Some that only look like Linux have it not. All works the same without.
        tracing::debug!(error = %io::Error::last_os_error(), "TCP_DEFER_ACCEPT is not to be had");
    }
}

/// What an error of the operating system means for a connection.
pub fn net_error(error: &io::Error) -> NetError {
    match error.kind() {
        ErrorKind::ConnectionRefused => NetError::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            NetError::Unreachable
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => NetError::Reset,
        ErrorKind::TimedOut => NetError::TimedOut,
        // EADDRNOTAVAIL of a connect() means that every local port is taken.
        ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory => NetError::Exhausted,
        _ => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS) => NetError::Exhausted,
            _ => NetError::Other,
        },
    }
}

#[cfg(test)]
mod tests;
