//! Reads and writes one connection: in as many octets as the core allows, out whatever it offers. Does not know what they
//! mean.

use crate::net::{Received, Stream, net_error};
use bytes::BytesMut;
use proxy_core::NetError;
use proxy_core::drive::{Read, Then, Wrote};
use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

/// Where octets are read into, one buffer for all connections of a worker: an idle connection holds none.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer(BytesMut);

impl ReadBuffer {
    /// Reads at most `max` octets. What is read is handed out without copying; the rest of the buffer serves the
    /// next reads, and all of it again once nobody holds a part.
    pub(crate) fn read<S: Stream>(&mut self, stream: &mut S, cx: &mut Context<'_>, max: usize) -> Read {
        let max = max.min(READ_MAX);
        self.reserve(max);
        match stream.poll_read(cx, &mut self.0, max) {
            Poll::Ready(Ok(Received { octets: 0, .. })) => Read::Eof,
            Poll::Ready(Ok(Received { is_all, .. })) => Read::Data { bytes: self.0.split().freeze(), is_all },
            Poll::Ready(Err(error)) => Read::Failed(net_error(&error)),
            Poll::Pending => Read::Pending,
        }
    }

    /// The same from the kernel itself, whatever the reactor knows of the socket.
    pub(crate) fn read_now<S: Stream>(&mut self, stream: &mut S, max: usize) -> Read {
        let max = max.min(READ_MAX);
        self.reserve(max);
        match stream.read_now(&mut self.0, max) {
            Ok(0) => Read::Eof,
            Ok(_) => Read::Data { bytes: self.0.split().freeze(), is_all: false },
            Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Pending,
            Err(error) => Read::Failed(net_error(&error)),
        }
    }

    fn reserve(&mut self, octets: usize) {
        if self.0.capacity() < octets {
            self.0.reserve(octets);
        }
    }
}

/// Writes what `egress` lends until it is all taken or the kernel is full; `egress` starts anew at each call.
///
/// After a short write it tries once more: only a write that would block has the reactor tell us when there is room.
pub(crate) fn write<'a, S, I>(stream: &mut S, cx: &mut Context<'_>, egress: impl Fn() -> I) -> Wrote
where
    S: Stream,
    I: Iterator<Item = &'a [u8]>,
{
    let mut slices = egress();
    let (octets, then) = match (slices.next(), slices.next()) {
        (Some(only), None) => write_one(stream, cx, only),
        _ => write_several(stream, cx, egress),
    };
    Wrote { octets, then }
}

/// The common case: all that is to be written is one slice.
fn write_one<S: Stream>(stream: &mut S, cx: &mut Context<'_>, slice: &[u8]) -> (usize, Then) {
    let mut octets = 0;
    while let Some(rest @ [_, ..]) = slice.get(octets..) {
        match stream.poll_write(cx, rest) {
            Poll::Ready(Ok(0)) => return (octets, Then::Failed(NetError::Other)),
            Poll::Ready(Ok(n)) => octets += n,
            Poll::Ready(Err(error)) => return (octets, Then::Failed(net_error(&error))),
            Poll::Pending => return (octets, Then::Blocked),
        }
    }
    (octets, Then::Done)
}

fn write_several<'a, S, I>(stream: &mut S, cx: &mut Context<'_>, egress: impl Fn() -> I) -> (usize, Then)
where
    S: Stream,
    I: Iterator<Item = &'a [u8]>,
{
    let mut octets = 0;
    let then = loop {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let batch = gather(egress(), octets, &mut slices);
        if batch.octets == 0 {
            break Then::Done;
        }
        match write_slices(stream, cx, slices.get(..batch.slices).unwrap_or_default()) {
            Poll::Ready(Ok(0)) => break Then::Failed(NetError::Other),
            Poll::Ready(Ok(n)) => {
                octets += n;
                if n >= batch.octets && batch.is_last {
                    break Then::Done;
                }
            }
            Poll::Ready(Err(error)) => break Then::Failed(net_error(&error)),
            Poll::Pending => break Then::Blocked,
        }
    };
    (octets, then)
}

/// Sends FIN.
pub(crate) fn shut_down<S: Stream>(stream: &mut S, cx: &mut Context<'_>) -> Then {
    match stream.poll_shutdown(cx) {
        Poll::Ready(Ok(())) => Then::Done,
        Poll::Ready(Err(error)) => Then::Failed(net_error(&error)),
        Poll::Pending => Then::Blocked,
    }
}

fn write_slices<S: Stream>(
    stream: &mut S,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match slices {
        // A plain write that comes up short tells tokio that the kernel is full; a vectored one does not, and costs
        // a second system call to find out.
        [slice] => stream.poll_write(cx, slice),
        slices => stream.poll_write_vectored(cx, slices),
    }
}

struct Batch {
    slices: usize,
    octets: usize,
    is_last: bool,
}

/// Fills `into` from `egress`, leaving out the first `skip` octets.
fn gather<'a>(
    egress: impl Iterator<Item = &'a [u8]>,
    mut skip: usize,
    into: &mut [IoSlice<'a>; SLICES_MAX],
) -> Batch {
    let mut batch = Batch { slices: 0, octets: 0, is_last: true };
    for slice in egress {
        let Some(rest) = slice.get(skip..).filter(|rest| !rest.is_empty()) else {
            skip -= slice.len();
            continue;
        };
        skip = 0;
        let Some(place) = into.get_mut(batch.slices) else {
            batch.is_last = false;
            break;
        };
        *place = IoSlice::new(rest);
        batch.slices += 1;
        batch.octets += rest.len();
    }
    batch
}

/// Longest single read in octets, however much is allowed. The buffer is as long as the longest read that was allowed,
/// and no longer: a reader that stalls pins all of it.
const READ_MAX: usize = 256 * 1024;

/// Slices per vectored write. A response is seldom more than a head, two chunk lines and a few pieces.
const SLICES_MAX: usize = 16;

#[cfg(test)]
mod tests;
