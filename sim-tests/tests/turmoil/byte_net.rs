//! turmoil-net's TCP as the driver wants it, and the post between its hosts: latency, order, and resets at will.

use crate::bucket::Bucket;
use crate::seeds::Random;
use crate::weather::Weather;
use bytes::Bytes;
use proxy_tokio::Net;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream};
use turmoil_net::{EnterGuard, KernelConfig, Packet, TcpFlags, TcpSegment, Transport};

/// What the connections of a world are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pipes {
    pub(crate) weather: Weather,
    /// Octets that a sender's kernel holds, and a receiver's.
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    /// Longest packet.
    mtu: u32,
}

impl Pipes {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let mut within = |least, most| usize::try_from(random.within(least, most)).expect("it is small");
        Self {
            weather: Weather::new(seed),
            send_buffer: within(1_000, 40_000),
            receive_buffer: within(4_000, 40_000),
            mtu: u32::try_from(within(600, 9_000)).expect("it is small"),
        }
    }

    /// Pipes that take so many octets at a time.
    pub(crate) fn taking(octets: u64) -> Self {
        let octets = usize::try_from(octets).expect("it is small");
        Self { send_buffer: octets, receive_buffer: 60_000, ..Self::new(0) }
    }

    /// Octets that are on their way at most, in one direction of one connection.
    pub(crate) const fn hold(&self) -> usize {
        self.send_buffer + self.receive_buffer
    }

    pub(crate) fn kernel(&self) -> KernelConfig {
        // A first flight may overrun a window: a SYN promises 64 KiB whatever the buffer. What was dropped is sent
        // again after so many ticks, two round trips here; and a kernel that tells a peer which only reads late from a
        // dead one never gives up.
        let ticks = self.weather.way().as_millis() * 4 / self.weather.tick.as_millis();
        KernelConfig::default()
            .mtu(self.mtu)
            .send_buf_cap(self.send_buffer)
            .recv_buf_cap(self.receive_buffer)
            .retx_threshold(u32::try_from(ticks).expect("it is small"))
            .retx_max(u32::MAX)
    }
}

/// A connection: our address, and the peer's.
type Pair = (SocketAddr, SocketAddr);

/// The network of the host that is polled just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByteNet {
    /// Connections that one end resets, for the post to see.
    resets: Rc<RefCell<Vec<Pair>>>,
}

/// An end of a connection.
#[derive(Debug)]
pub(crate) struct ByteStream {
    stream: TcpStream,
    net: ByteNet,
}

impl ByteNet {
    pub(crate) async fn dial(&self, peer: SocketAddr) -> io::Result<ByteStream> {
        Ok(self.stream(TcpStream::connect(peer).await?))
    }

    pub(crate) fn stream(&self, stream: TcpStream) -> ByteStream {
        ByteStream { stream, net: self.clone() }
    }
}

impl Net for ByteNet {
    type Stream = ByteStream;
    type Listener = TcpListener;
    type Pipe = Bucket;

    fn poll_accept(
        &self,
        listener: &mut TcpListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(ByteStream, SocketAddr)>> {
        listener.poll_accept(cx).map_ok(|(stream, peer)| (self.stream(stream), peer))
    }

    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<ByteStream>> + 'static {
        let net = self.clone();
        async move { net.dial(peer).await }
    }

    fn abort(&self, stream: ByteStream) {
        stream.reset();
    }
}

impl ByteStream {
    /// Ends the connection by a reset: what was not sent yet never will be.
    pub(crate) fn reset(self) {
        if let (Ok(local), Ok(peer)) = (self.stream.local_addr(), self.stream.peer_addr()) {
            self.net.resets.borrow_mut().push((local, peer));
        }
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ByteStream {
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

/// Carries packets between the hosts: none is lost, and those of one direction keep their order, for turmoil-net's
/// receivers drop what comes too early.
pub(crate) struct Post {
    net: ByteNet,
    weather: Weather,
    random: Random,
    now: Duration,
    /// By time of delivery and number.
    under_way: BTreeMap<(Duration, u64), Packet>,
    number: u64,
    /// When the last packet from one address to another is delivered.
    last: BTreeMap<Pair, Duration>,
    /// Connections that one end has reset: it sends nothing more.
    dead: BTreeSet<Pair>,
}

impl Post {
    pub(crate) fn new(net: ByteNet, weather: Weather) -> Self {
        Self {
            net,
            weather,
            random: Random::new(weather.seed),
            now: Duration::ZERO,
            under_way: BTreeMap::new(),
            number: 0,
            last: BTreeMap::new(),
            dead: BTreeSet::new(),
        }
    }

    /// A tick has passed.
    pub(crate) fn tick(&mut self, hosts: &EnterGuard) {
        self.now += self.weather.tick;
        let later = self.under_way.split_off(&(self.now + Duration::from_nanos(1), 0));
        for packet in std::mem::replace(&mut self.under_way, later).into_values() {
            hosts.deliver(packet);
        }
        self.collect_resets(hosts);
        let mut packets = Vec::new();
        hosts.egress_all(&mut packets);
        for packet in packets {
            let pair = pair_of(&packet);
            if pair.is_none_or(|pair| !self.dead.contains(&pair)) {
                self.send(packet);
            }
        }
    }

    fn collect_resets(&mut self, hosts: &EnterGuard) {
        for (local, peer) in self.net.resets.take() {
            self.dead.insert((local, peer));
            self.send(reset(local, peer));
            // The kernel of the one that resets must forget the connection, too, and not go on to send FIN.
            hosts.deliver(reset(peer, local));
        }
    }

    fn send(&mut self, packet: Packet) {
        let (least, most) = (self.weather.latency_min, self.weather.latency_max);
        let spread = u64::try_from((most - least).as_millis()).expect("it is small");
        let latency = least + Duration::from_millis(self.random.within(0, spread));
        let last = self.last.entry(pair_of(&packet).expect("all is TCP")).or_default();
        *last = (*last).max(self.now + latency);
        self.number += 1;
        self.under_way.insert((*last, self.number), packet);
    }
}

fn pair_of(packet: &Packet) -> Option<Pair> {
    match &packet.payload {
        Transport::Tcp(segment) => Some((
            SocketAddr::new(packet.src, segment.src_port),
            SocketAddr::new(packet.dst, segment.dst_port),
        )),
        Transport::Udp(_) => None,
    }
}

fn reset(from: SocketAddr, to: SocketAddr) -> Packet {
    let flags = TcpFlags { rst: true, ..TcpFlags::default() };
    let (src_port, dst_port) = (from.port(), to.port());
    let segment = TcpSegment { src_port, dst_port, seq: 0, ack: 0, flags, window: 0, payload: Bytes::new() };
    Packet { src: from.ip(), dst: to.ip(), ttl: 64, payload: Transport::Tcp(segment) }
}
