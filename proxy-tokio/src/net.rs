//! What the driver needs of a network, and the kernel's as the real one. Knows nothing of the core but the names of
//! its errors.

use crate::kernel_pipe::KernelPipe;
use proxy_core::NetError;
use socket2::{Domain, Protocol, Socket, Type};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A network: the kernel's ([`TokioNet`]) or a simulated one. Listeners are bound by whoever starts a worker.
pub trait Net {
    /// A connection, of either side.
    type Stream: AsyncRead + AsyncWrite + Unpin;
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
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Pipe = KernelPipe;

    fn poll_accept(
        &self,
        listener: &mut TcpListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        // An IPv4 client of a dual-stack listener is an IPv4 client to routes, logs and trusted networks.
        listener
            .poll_accept(cx)
            .map_ok(|(stream, peer)| (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }

    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + 'static {
        connect(peer)
    }

    fn abort(&self, stream: TcpStream) {
        // Fails only for a socket that is already dead, and that is what we want of it.
        let _ = stream.set_zero_linger();
    }
}

async fn connect(peer: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(peer).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How many clients may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;

/// Binds one listener of each of `workers` workers to `addr`; if its port is 0, all get the port that the first got.
///
/// The first socket is bound before it allows sharing (SO_REUSEPORT), so that a port somebody else listens on is an
/// error even if they share it: two proxies by mistake on one port would split the traffic between them.
pub(crate) fn listen(addr: SocketAddr, workers: usize) -> io::Result<Vec<std::net::TcpListener>> {
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

fn stream_socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // On Linux accepted sockets inherit it: no system call per client.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
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
