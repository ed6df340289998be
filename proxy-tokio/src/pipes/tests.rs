use super::{FREE_MAX, PIPES_MAX, Pipes};
use crate::net::Pipe;
use proxy_core::drive::{Read, Then, Wrote};
use proxy_core::{Config, ConnId, Core, Input, Instant, ListenerId, NetError};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

#[test]
fn what_was_filled_in_is_written_in_parts_and_the_pipe_used_again() {
    let (mut pipes, [to, _]) = (Pipes::<Tank>::new(PIPES_MAX), ids());
    assert_eq!(fill(&mut pipes, &mut Socket::holding(100), to, 60), Some(Read::Piped(60)));
    assert!(pipes.hold(to));
    let mut reader = Socket::with_room(25);
    assert_eq!(drain(&mut pipes, &mut reader, to), Wrote { octets: 25, then: Then::Blocked });
    assert!(pipes.hold(to));
    reader.room = 100;
    assert_eq!(drain(&mut pipes, &mut reader, to), Wrote { octets: 35, then: Then::Done });
    assert!(!pipes.hold(to));
    assert_eq!(pipes.free.len(), 1);
}

#[test]
fn an_empty_or_ended_connection_takes_no_pipe() {
    let (mut pipes, [to, _]) = (Pipes::<Tank>::new(PIPES_MAX), ids());
    assert_eq!(fill(&mut pipes, &mut Socket::holding(0), to, 60), Some(Read::Pending));
    let mut ended = Socket { ended: true, ..Socket::default() };
    assert_eq!(fill(&mut pipes, &mut ended, to, 60), Some(Read::Eof));
    let mut broken = Socket { broken: true, ..Socket::default() };
    assert_eq!(fill(&mut pipes, &mut broken, to, 60), Some(Read::Failed(NetError::Reset)));
    assert!(!pipes.hold(to));
    assert_eq!(pipes.free.len(), 1, "one pipe served for all");
}

#[test]
fn a_pipe_with_octets_of_a_dead_connection_is_never_used_again() {
    let (mut pipes, [to, other]) = (Pipes::<Tank>::new(PIPES_MAX), ids());
    fill(&mut pipes, &mut Socket::holding(100), to, 60);
    pipes.forget(to);
    fill(&mut pipes, &mut Socket::holding(5), other, 60);
    let mut reader = Socket::with_room(100);
    assert_eq!(drain(&mut pipes, &mut reader, other), Wrote { octets: 5, then: Then::Done });
}

#[test]
fn slow_readers_take_only_so_many_pipes_and_few_are_kept() {
    let (mut pipes, ids) = (Pipes::<Tank>::new(PIPES_MAX), ids::<{ PIPES_MAX + 1 }>());
    let (last, others) = ids.split_last().unwrap();
    for to in others {
        assert_eq!(fill(&mut pipes, &mut Socket::holding(1), *to, 1), Some(Read::Piped(1)));
    }
    assert_eq!(fill(&mut pipes, &mut Socket::holding(1), *last, 1), None);
    for to in others {
        drain(&mut pipes, &mut Socket::with_room(1), *to);
    }
    assert_eq!(pipes.free.len(), FREE_MAX);
}

fn fill(pipes: &mut Pipes<Tank>, socket: &mut Socket, to: ConnId, max: usize) -> Option<Read> {
    pipes.fill(socket, &mut Context::from_waker(Waker::noop()), to, max)
}

fn drain(pipes: &mut Pipes<Tank>, socket: &mut Socket, to: ConnId) -> Wrote {
    pipes.drain(socket, &mut Context::from_waker(Waker::noop()), to)
}

/// So many connections that live at the same time.
fn ids<const N: usize>() -> [ConnId; N] {
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut config = Config::simple(addr, &[addr]);
    config.limits.client_connections = None;
    let mut core = Core::new(config, 0).unwrap();
    [(); N].map(|()| {
        let conn = core.vacant();
        core.handle(Instant::ZERO, Input::Accepted { conn, listener: ListenerId(0), peer: addr });
        conn
    })
}

/// One end of a connection, as far as a pipe cares.
#[derive(Debug, Default)]
struct Socket {
    holds: usize,
    room: usize,
    ended: bool,
    broken: bool,
}

impl Socket {
    fn holding(holds: usize) -> Self {
        Self { holds, ..Self::default() }
    }

    fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }
}

/// A pipe that counts.
#[derive(Debug)]
struct Tank {
    octets: usize,
}

impl Pipe<Socket> for Tank {
    fn open() -> Option<Self> {
        Some(Self { octets: 0 })
    }

    fn poll_fill(&mut self, from: &mut Socket, _: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        assert_eq!(self.octets, 0, "a pipe is used again with octets in it");
        let n = from.holds.min(max);
        (from.holds, self.octets) = (from.holds - n, n);
        match n {
            0 if from.broken => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            0 if !from.ended => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }

    fn poll_drain(&mut self, to: &mut Socket, _: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        assert_eq!(self.octets, max, "not all that is in the pipe is offered");
        let n = to.room.min(max);
        (to.room, self.octets) = (to.room - n, max - n);
        if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
    }
}
