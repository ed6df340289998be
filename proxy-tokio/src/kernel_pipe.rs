//! The kernel's pipes: octets go from socket to socket without being copied to us and back (`splice(2)`). A third of the
//! time that reading and writing them takes.

use crate::net::Pipe;
use crate::socket::Socket;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// A pipe of the kernel's.
#[derive(Debug)]
pub struct KernelPipe {
    output: OwnedFd,
    input: OwnedFd,
}

impl Pipe<Socket> for KernelPipe {
    fn open() -> Option<Self> {
        // Without descriptors to spare, octets are read.
        let (output, input) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        Some(Self { output, input })
    }

    fn poll_fill(&mut self, from: &mut Socket, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        let from = from.watched()?;
        loop {
            ready!(from.poll_read_ready(cx))?;
            match from.try_io(Interest::READABLE, || move_octets(&*from, &self.input, max)) {
                Err(error) if is_not_yet(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_drain(&mut self, to: &mut Socket, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        let to = to.watched()?;
        loop {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || move_octets(&self.output, &*to, max)) {
                Err(error) if is_not_yet(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

fn move_octets(from: impl AsFd, to: impl AsFd, max: usize) -> io::Result<usize> {
    Ok(splice(from, None, to, None, max, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?)
}

/// The first of them makes tokio forget that the socket was ready.
fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
