//! The kernel's TCP sockets, with as few system calls as possible besides the four that move a request and its response.
//!
//! - An accepted socket is not registered with the reactor at once. Its request has often arrived already, and often it is
//!   answered and closed before we would have to wait for more: that saves two system calls and a wake-up.
//! - The reactor is asked only when there is nothing to read, or no room to write.
//! - A short read or write shows that there is no more for now, so no further call is made to find that out.

use crate::net::{Received, Stream};
use bytes::{BufMut, BytesMut};
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

/// A listening socket.
#[derive(Debug)]
pub struct Door(AsyncFd<std::net::TcpListener>);

impl Door {
    /// Takes over a socket that listens and does not block. Must be called within a tokio runtime with I/O.
    ///
    /// # Errors
    /// It can't be registered with the reactor.
    #[expect(deprecated, reason = "its heir is unsafe, and asks for what any listener of std's promises")]
    pub fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        AsyncFd::with_interest(listener, Interest::READABLE).map(Self)
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, SocketAddr)>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            if let Ok(result) = guard.try_io(|door| accept(door.get_ref())) {
                return Poll::Ready(result);
            }
        }
    }
}

fn accept(listener: &std::net::TcpListener) -> io::Result<(Socket, SocketAddr)> {
    let (stream, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.and_then(|peer| peer.try_into().ok()).ok_or(ErrorKind::ConnectionAborted)?;
    Ok((Socket(State::Fresh { stream: stream.into(), is_empty: false }), peer))
}

/// A connected socket.
#[derive(Debug)]
pub struct Socket(State);

#[derive(Debug)]
enum State {
    /// Accepted, and not registered with the reactor yet.
    Fresh {
        stream: std::net::TcpStream,
        /// All that had arrived was read.
        is_empty: bool,
    },
    /// Registered.
    Watched(TcpStream),
    /// It could not be registered, and was closed.
    Lost,
}

impl Socket {
    pub(crate) async fn connect(peer: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(peer).await?;
        stream.set_nodelay(true)?;
        Ok(Self(State::Watched(stream)))
    }

    /// Ends the connection by a reset.
    pub(crate) fn abort(self) {
        // Fails only for a socket that is already dead, and that is what we want of it.
        let _ = match &self.0 {
            State::Fresh { stream, .. } => SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)),
            State::Watched(stream) => stream.set_zero_linger(),
            State::Lost => Ok(()),
        };
    }

    /// The stream that the reactor watches, from now on if it has not until now.
    pub(crate) fn watched(&mut self) -> io::Result<&mut TcpStream> {
        if let State::Fresh { .. } = self.0
            && let State::Fresh { stream, .. } = std::mem::replace(&mut self.0, State::Lost)
        {
            self.0 = State::Watched(TcpStream::from_std(stream)?);
        }
        match &mut self.0 {
            State::Watched(stream) => Ok(stream),
            State::Fresh { .. } | State::Lost => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Stream for Socket {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        max: usize,
    ) -> Poll<io::Result<Received>> {
        match &mut self.0 {
            State::Fresh { is_empty: true, .. } => Poll::Pending,
            State::Fresh { stream, is_empty } => {
                let received = read_fresh(stream, into, max);
                *is_empty = received.as_ref().map_or(true, |received| received.is_all);
                match received {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
                    received => Poll::Ready(received),
                }
            }
            State::Watched(stream) => poll_read(stream, cx, into, max),
            State::Lost => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }

    fn read_now(&mut self, into: &mut BytesMut, max: usize) -> io::Result<usize> {
        let mut octets = [0; FRESH_READ];
        let octets = octets.get_mut(..max.min(FRESH_READ)).unwrap_or_default();
        let n = match &mut self.0 {
            State::Fresh { stream, .. } => stream.read(octets),
            State::Watched(stream) => (&*SockRef::from(&*stream)).read(octets),
            State::Lost => Err(ErrorKind::NotConnected.into()),
        }?;
        into.put_slice(octets.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if let State::Fresh { stream, .. } = &mut self.0 {
            match stream.write(octets) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
        poll_write(self.watched()?, cx, octets.len(), |stream| stream.try_write(octets))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let State::Fresh { stream, .. } = &mut self.0 {
            match stream.write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
        let octets = slices.iter().map(|slice| slice.len()).sum();
        poll_write(self.watched()?, cx, octets, |stream| stream.try_write_vectored(slices))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match &self.0 {
            State::Fresh { stream, .. } => stream.shutdown(Shutdown::Write),
            State::Watched(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            State::Lost => Err(ErrorKind::NotConnected.into()),
        })
    }

    fn is_watched(&self) -> bool {
        !matches!(self.0, State::Fresh { .. })
    }

    fn watch(&mut self) -> io::Result<()> {
        self.watched().map(|_| ())
    }
}

/// Reads a socket that the reactor does not know yet.
fn read_fresh(stream: &mut std::net::TcpStream, into: &mut BytesMut, max: usize) -> io::Result<Received> {
    let mut octets = [0; FRESH_READ];
    let most = max.min(FRESH_READ);
    let n = stream.read(octets.get_mut(..most).unwrap_or_default())?;
    into.put_slice(octets.get(..n).unwrap_or_default());
    Ok(Received { octets: n, is_all: 0 < n && n < most })
}

fn poll_read(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
    max: usize,
) -> Poll<io::Result<Received>> {
    let mut octets = 0;
    let result = stream.try_io(Interest::READABLE, || {
        octets = stream.try_read_buf(&mut (&mut *into).limit(max))?;
        // Told so, the reactor forgets that there was something to read.
        if 0 < octets && octets < max { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match result {
        Ok(()) => return Poll::Ready(Ok(Received { octets, is_all: false })),
        Err(error) if octets == 0 && error.kind() != ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
        Err(_) => {}
    }
    let is_all = stream.poll_read_ready(cx)?.is_pending();
    match (octets, is_all) {
        (1.., _) => Poll::Ready(Ok(Received { octets, is_all })),
        (0, true) => Poll::Pending,
        (0, false) => {
            // Something arrived just now.
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// Has `write` take some of `octets` octets.
fn poll_write(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    octets: usize,
    write: impl Fn(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    let mut taken = 0;
    let result = stream.try_io(Interest::WRITABLE, || {
        taken = write(stream)?;
        // Told so, the reactor forgets that there was room.
        if 0 < taken && taken < octets { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match result {
        Err(error) if taken == 0 && error.kind() != ErrorKind::WouldBlock => Poll::Ready(Err(error)),
        Err(_) if taken == 0 => {
            if stream.poll_write_ready(cx)?.is_ready() {
                // There is room since just now.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        }
        Ok(()) | Err(_) => Poll::Ready(Ok(taken)),
    }
}

/// Octets of a read past the reactor: most heads are shorter.
const FRESH_READ: usize = 2_048;

#[cfg(test)]
mod tests;
