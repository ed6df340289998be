use super::{Net, TokioNet, listen, net_error};
use proxy_core::NetError;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

#[test]
fn errors_of_the_kernel_are_told_by_what_they_mean() {
    let cases = [
        (libc::ECONNREFUSED, NetError::Refused),
        (libc::EHOSTUNREACH, NetError::Unreachable),
        (libc::ENETUNREACH, NetError::Unreachable),
        (libc::ENETDOWN, NetError::Unreachable),
        (libc::ECONNRESET, NetError::Reset),
        (libc::ECONNABORTED, NetError::Reset),
        (libc::EPIPE, NetError::Reset),
        (libc::ENOTCONN, NetError::Reset),
        (libc::ETIMEDOUT, NetError::TimedOut),
        (libc::EADDRNOTAVAIL, NetError::Exhausted),
        (libc::EMFILE, NetError::Exhausted),
        (libc::ENFILE, NetError::Exhausted),
        (libc::ENOBUFS, NetError::Exhausted),
        (libc::ENOMEM, NetError::Exhausted),
        (libc::EINVAL, NetError::Other),
    ];
    for (errno, expected) in cases {
        let error = io::Error::from_raw_os_error(errno);
        assert_eq!(net_error(&error), expected, "{error}");
    }
}

#[test]
fn all_workers_share_the_port_that_the_first_was_given() {
    let listeners = listen(any_port(), 3).unwrap();
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    assert_eq!(ports.len(), 3);
    assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
}

#[test]
fn a_port_that_another_proxy_shares_among_its_workers_is_in_use() {
    for workers in [1, 2] {
        let others = listen(any_port(), workers).unwrap();
        let taken = others[0].local_addr().unwrap();
        for workers in [1, 2] {
            assert_eq!(listen(taken, workers).unwrap_err().kind(), ErrorKind::AddrInUse);
        }
    }
}

#[tokio::test]
async fn both_sides_send_small_writes_at_once() {
    let (client, server) = pair().await;
    assert!(client.nodelay().unwrap());
    assert!(server.nodelay().unwrap());
}

#[tokio::test]
async fn an_aborted_connection_ends_with_a_reset() {
    let (client, mut server) = pair().await;
    TokioNet.abort(client);
    assert_eq!(server.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_dropped_connection_ends_with_a_fin() {
    let (client, mut server) = pair().await;
    drop(client);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A connection that we opened, and its other end that we accepted.
async fn pair() -> (TcpStream, TcpStream) {
    let mut listener = TcpListener::from_std(listen(any_port(), 1).unwrap().remove(0)).unwrap();
    let client = TokioNet.connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, peer) = poll_fn(|cx| TokioNet.poll_accept(&mut listener, cx)).await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}
