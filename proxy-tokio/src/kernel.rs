//! The kernel's network: how its sockets are made, and which options they have.

use crate::kernel_pipe::KernelPipe;
use crate::net::Net;
use crate::socket::{Door, Socket};
use proxy_core::drive;
use socket2::{Domain, Protocol, Type};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

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

#[cfg(test)]
mod tests;
