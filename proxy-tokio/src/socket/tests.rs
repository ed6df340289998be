use super::{Door, Socket};
use crate::kernel::{TokioNet, listen};
use crate::net::{Net, Received, Stream};
use bytes::BytesMut;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn what_an_accepted_client_sent_is_read_before_anybody_watches_it() {
    let (_client, mut accepted) = accepted(b"hello").await;
    assert_eq!(read(&mut accepted, 100).await, (b"hello".to_vec(), true));
    assert!(!accepted.is_watched());
}

#[tokio::test]
async fn no_more_is_read_than_allowed() {
    for watched in [false, true] {
        let (_client, mut accepted) = accepted(b"hello").await;
        if watched {
            accepted.watch().unwrap();
        }
        assert_eq!(read(&mut accepted, 4).await, (b"hell".to_vec(), false));
        assert_eq!(read(&mut accepted, 4).await, (b"o".to_vec(), true));
    }
}

#[tokio::test]
async fn a_read_longer_than_the_first_one_may_be_goes_on() {
    let sent = [b'x'; 5_000];
    let (_client, mut accepted) = accepted(&sent).await;
    let mut octets = Vec::new();
    while octets.len() < sent.len() {
        octets.extend(read(&mut accepted, 64 * 1024).await.0);
    }
    assert_eq!(octets, sent);
}

#[tokio::test]
async fn what_came_before_it_was_watched_rings_then() {
    let (mut client, mut accepted) = accepted(b"first").await;
    read(&mut accepted, 100).await;
    client.write_all(b"second").await.unwrap();
    // What counts as empty stays so until somebody watches.
    assert!(poll_read(&mut accepted, &Count::waker().1, 100).is_pending());
    accepted.watch().unwrap();
    assert_eq!(read(&mut accepted, 100).await, (b"second".to_vec(), true));
}

#[tokio::test]
async fn after_a_short_read_the_waker_is_told_of_more_without_another_read() {
    let (mut client, mut accepted) = accepted(b"first").await;
    accepted.watch().unwrap();
    let (count, waker) = Count::waker();
    while poll_read(&mut accepted, &waker, 100).is_pending() {
        tokio::task::yield_now().await;
    }
    let before = count.0.load(Ordering::Relaxed);
    client.write_all(b"second").await.unwrap();
    let rang = async {
        while count.0.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), rang).await.unwrap();
    assert_eq!(read(&mut accepted, 100).await, (b"second".to_vec(), true));
}

#[tokio::test]
async fn the_end_is_read_as_no_octets() {
    for watched in [false, true] {
        let (client, mut accepted) = accepted(b"last").await;
        if watched {
            accepted.watch().unwrap();
        }
        drop(client);
        assert_eq!(read(&mut accepted, 100).await.0, b"last");
        accepted.watch().unwrap();
        assert_eq!(read(&mut accepted, 100).await, (Vec::new(), false));
    }
}

#[tokio::test]
async fn a_full_kernel_is_pending_and_rings_when_there_is_room() {
    for watched in [false, true] {
        let (mut client, mut accepted) = accepted(b"x").await;
        if watched {
            accepted.watch().unwrap();
        }
        let octets = [b'x'; 64 * 1024];
        let mut sent = 0;
        while let Poll::Ready(n) = poll_write(&mut accepted, &octets) {
            sent += n;
        }
        assert!(accepted.is_watched(), "or nobody would be told");
        let drained = async {
            let mut rest = sent;
            let mut buffer = vec![0; 64 * 1024];
            while rest > 0 {
                rest -= client.read(&mut buffer).await.unwrap();
            }
        };
        let mut room = pin!(poll_fn(|cx| accepted.poll_write(cx, b"more")));
        timeout(Duration::from_secs(10), async { tokio::join!(drained, &mut room) })
            .await
            .unwrap()
            .1
            .unwrap();
    }
}

#[tokio::test]
async fn slices_are_sent_in_order() {
    for watched in [false, true] {
        let (mut client, mut accepted) = accepted(b"x").await;
        if watched {
            accepted.watch().unwrap();
        }
        let slices = [IoSlice::new(b"head "), IoSlice::new(b"body")];
        assert_eq!(poll_fn(|cx| accepted.poll_write_vectored(cx, &slices)).await.unwrap(), 9);
        poll_fn(|cx| accepted.poll_shutdown(cx)).await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"head body");
    }
}

#[tokio::test]
async fn an_aborted_connection_ends_with_a_reset() {
    for watched in [false, true] {
        let (mut client, mut accepted) = accepted(b"x").await;
        if watched {
            accepted.watch().unwrap();
        }
        TokioNet.abort(accepted);
        assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_dropped_connection_ends_with_a_fin() {
    for watched in [false, true] {
        let (mut client, mut accepted) = accepted(b"x").await;
        read(&mut accepted, 100).await;
        if watched {
            accepted.watch().unwrap();
        }
        drop(accepted);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn both_sides_send_small_writes_at_once() {
    let (door, addr) = door();
    let mut opened = TokioNet.connect(addr).await.unwrap();
    assert_eq!(poll_fn(|cx| opened.poll_write(cx, b"x")).await.unwrap(), 1);
    let (mut accepted, peer) = poll_fn(|cx| door.poll_accept(cx)).await.unwrap();
    assert!(accepted.watched().unwrap().nodelay().unwrap());
    let opened = opened.watched().unwrap();
    assert!(opened.nodelay().unwrap());
    assert_eq!(opened.local_addr().unwrap(), peer);
}

#[tokio::test]
async fn a_client_that_has_not_said_anything_waits_outside() {
    let (door, addr) = door();
    let mut client = TcpStream::connect(addr).await.unwrap();
    assert!(poll_fn(|cx| Poll::Ready(door.poll_accept(cx))).await.is_pending());
    client.write_all(b"x").await.unwrap();
    timeout(Duration::from_secs(10), poll_fn(|cx| door.poll_accept(cx))).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_never_says_anything_is_let_in_after_a_while() {
    let (door, addr) = door();
    let _silent = TcpStream::connect(addr).await.unwrap();
    timeout(Duration::from_secs(10), poll_fn(|cx| door.poll_accept(cx))).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_is_let_in_to_be_seen_off() {
    let (door, addr) = door();
    drop(TcpStream::connect(addr).await.unwrap());
    let accepted = poll_fn(|cx| door.poll_accept(cx));
    let (mut accepted, _) = timeout(Duration::from_secs(10), accepted).await.unwrap().unwrap();
    assert_eq!(read(&mut accepted, 100).await, (Vec::new(), false));
}

fn door() -> (Door, SocketAddr) {
    let listener = listen("127.0.0.1:0".parse().unwrap(), 1, false).unwrap().remove(0);
    let addr = listener.local_addr().unwrap();
    (Door::new(listener).unwrap(), addr)
}

/// A client that has sent something, and what we accepted.
async fn accepted(sent: &[u8]) -> (TcpStream, Socket) {
    let (door, addr) = door();
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(sent).await.unwrap();
    let (accepted, peer) = poll_fn(|cx| door.poll_accept(cx)).await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert!(!accepted.is_watched());
    (client, accepted)
}

/// What one read brings, and whether that was all.
async fn read(socket: &mut Socket, max: usize) -> (Vec<u8>, bool) {
    let mut into = BytesMut::with_capacity(max);
    let read = poll_fn(|cx| socket.poll_read(cx, &mut into, max));
    let Received { octets, is_all } = timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    assert_eq!(into.len(), octets);
    (into.to_vec(), is_all)
}

fn poll_read(socket: &mut Socket, waker: &Waker, max: usize) -> Poll<Received> {
    let mut into = BytesMut::with_capacity(max);
    socket.poll_read(&mut Context::from_waker(waker), &mut into, max).map(Result::unwrap)
}

fn poll_write(socket: &mut Socket, octets: &[u8]) -> Poll<usize> {
    socket.poll_write(&mut Context::from_waker(Waker::noop()), octets).map(Result::unwrap)
}

/// How often a waker was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn waker() -> (Arc<Self>, Waker) {
        let count = Arc::<Self>::default();
        (Arc::clone(&count), count.into())
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
