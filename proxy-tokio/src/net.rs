//! What a worker needs of a network. Knows nothing of the core but the names of its errors.

use bytes::{BufMut, BytesMut};
use proxy_core::NetError;
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

/// A network: the kernel's ([`TokioNet`](crate::TokioNet)) or a simulated one. Listeners are bound by whoever starts a worker.
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

/// A connection. Anything that is `AsyncRead` and `AsyncWrite` is one.
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

    /// Whether the reactor watches the connection. If not, nobody is woken until [`Stream::watch`] was called.
    fn is_watched(&self) -> bool {
        true
    }

    /// Has the reactor watch the connection.
    ///
    /// # Errors
    /// The reactor can't; the connection is closed.
    fn watch(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many octets; 0: the peer sent FIN.
    pub octets: usize,
    /// Another read would find nothing. The waker is woken when there is more.
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

/// A buffer that moves octets from one connection to another without copying them to user space.
pub trait Pipe<S>: Sized {
    /// Opens a pipe. `None`: the network has none, or none is left.
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
