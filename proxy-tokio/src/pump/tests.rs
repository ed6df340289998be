use super::{READ_MAX, ReadBuffer, SLICES_MAX, shut_down, write};
use bytes::Bytes;
use proxy_core::NetError;
use proxy_core::drive::{Read, Then, Wrote};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[test]
fn no_more_is_read_than_allowed() {
    let mut t = Peer::sending(b"hello");
    let mut buffer = ReadBuffer::default();
    assert_eq!(read(&mut buffer, &mut t, 4), data(b"hell"));
    assert_eq!(read(&mut buffer, &mut t, 4), data(b"o"));
    assert_eq!(read(&mut buffer, &mut t, 4), Read::Pending);
}

#[test]
fn a_single_read_is_bounded_however_much_is_allowed() {
    let mut t = Peer::sending(&[b'x'; READ_MAX + 1]);
    let mut buffer = ReadBuffer::default();
    assert_eq!(read(&mut buffer, &mut t, usize::MAX), data(&[b'x'; READ_MAX]));
    assert_eq!(read(&mut buffer, &mut t, usize::MAX), data(b"x"));
}

#[test]
fn octets_handed_out_do_not_change_when_more_are_read() {
    let mut t = Peer::sending(b"first second");
    let mut buffer = ReadBuffer::default();
    let first = read(&mut buffer, &mut t, 5);
    assert_eq!(read(&mut buffer, &mut t, 7), data(b" second"));
    assert_eq!(first, data(b"first"));
}

#[test]
fn the_buffer_is_used_again_when_nobody_holds_a_part_of_it() {
    let mut t = Peer::sending(&[b'x'; 8 * READ_MAX]);
    let mut buffer = ReadBuffer::default();
    let place = |read: Read| match read {
        Read::Data { bytes, .. } => bytes.as_ptr().addr(),
        other => panic!("{other:?}"),
    };
    let first = place(read(&mut buffer, &mut t, READ_MAX));
    for _ in 0..7 {
        assert_eq!(place(read(&mut buffer, &mut t, READ_MAX)), first);
    }
}

#[test]
fn the_end_and_a_failure_are_told_apart() {
    let mut buffer = ReadBuffer::default();
    let mut ended = Peer { ended: Some(Ok(())), ..Peer::default() };
    assert_eq!(read(&mut buffer, &mut ended, 1), Read::Eof);
    let mut reset = Peer { ended: Some(Err(ErrorKind::ConnectionReset)), ..Peer::default() };
    assert_eq!(read(&mut buffer, &mut reset, 1), Read::Failed(NetError::Reset));
}

#[test]
fn everything_is_written_in_one_go_while_there_is_room() {
    let mut t = Peer::with_room(100);
    assert_eq!(write_all(&mut t, &[b"head", b"", b"body"]), Wrote { octets: 8, then: Then::Done });
    assert_eq!(t.received, b"headbody");
    assert_eq!(t.calls, 1);
}

#[test]
fn more_slices_than_fit_one_call_are_all_written() {
    let mut t = Peer::with_room(1_000);
    let slices = [b"ab".as_slice(); 2 * SLICES_MAX + 1];
    assert_eq!(write_all(&mut t, &slices), Wrote { octets: slices.len() * 2, then: Then::Done });
    assert_eq!(t.received, slices.concat());
    assert_eq!(t.calls, 3);
}

#[test]
fn a_stream_that_takes_one_slice_at_a_time_is_not_full_after_the_first() {
    let mut t = Peer { takes_one_slice: true, ..Peer::with_room(100) };
    assert_eq!(write_all(&mut t, &[b"ab", b"cd", b"ef"]), Wrote { octets: 6, then: Then::Done });
    assert_eq!(t.received, b"abcdef");
}

#[test]
fn a_full_kernel_blocks_after_what_it_took_and_takes_the_rest_later() {
    let mut t = Peer::with_room(5);
    let egress = [b"abc".as_slice(), b"defg"];
    assert_eq!(write_all(&mut t, &egress), Wrote { octets: 5, then: Then::Blocked });
    assert_eq!(write_all(&mut t, &[b"fg"]), Wrote { octets: 0, then: Then::Blocked });
    t.room = 5;
    assert_eq!(write_all(&mut t, &[b"fg"]), Wrote { octets: 2, then: Then::Done });
    assert_eq!(t.received, b"abcdefg");
}

#[test]
fn what_was_taken_before_a_failure_is_still_told() {
    let mut t = Peer { write_fails: true, takes_one_slice: true, ..Peer::with_room(2) };
    let wrote = write_all(&mut t, &[b"ab", b"cd"]);
    assert_eq!(wrote, Wrote { octets: 2, then: Then::Failed(NetError::Reset) });
}

#[test]
fn fin_is_sent() {
    let mut t = Peer::default();
    assert_eq!(shut_down(&mut t, &mut Context::from_waker(Waker::noop())), Then::Done);
    assert_eq!(t.shutdowns, 1);
}

fn read(buffer: &mut ReadBuffer, peer: &mut Peer, max: usize) -> Read {
    buffer.read(peer, &mut Context::from_waker(Waker::noop()), max)
}

fn data(octets: &[u8]) -> Read {
    Read::Data { bytes: Bytes::copy_from_slice(octets), is_all: false }
}

fn write_all(peer: &mut Peer, egress: &[&[u8]]) -> Wrote {
    write(peer, &mut Context::from_waker(Waker::noop()), || egress.iter().copied())
}

/// The other end and the kernel between us, both at our disposal.
#[derive(Debug, Default)]
struct Peer {
    sends: VecDeque<u8>,
    /// What reading comes to when all it sent is read; `None`: it may send more.
    ended: Option<Result<(), ErrorKind>>,
    room: usize,
    /// Takes no second slice, like a stream without vectored writes.
    takes_one_slice: bool,
    /// Fails where it would have been full.
    write_fails: bool,
    received: Vec<u8>,
    calls: usize,
    shutdowns: usize,
}

impl Peer {
    fn sending(octets: &[u8]) -> Self {
        Self { sends: octets.iter().copied().collect(), ..Self::default() }
    }

    fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = buf.remaining().min(self.sends.len());
        if n == 0 {
            return self.ended.map_or(Poll::Pending, |end| Poll::Ready(end.map_err(Into::into)));
        }
        buf.put_slice(&self.sends.drain(..n).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.calls += 1;
        if self.room == 0 {
            let full =
                if self.write_fails { Poll::Ready(Err(ErrorKind::BrokenPipe.into())) } else { Poll::Pending };
            return full;
        }
        let slices = if self.takes_one_slice { 1 } else { bufs.len() };
        let octets: Vec<u8> = bufs.iter().take(slices).flat_map(|buf| buf.iter().copied()).collect();
        let n = octets.len().min(self.room);
        self.room -= n;
        self.received.extend_from_slice(&octets[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdowns += 1;
        Poll::Ready(Ok(()))
    }
}
