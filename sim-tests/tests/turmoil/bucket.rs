//! A pipe for turmoil, which has none: octets wait in a buffer that the driver can't look into. So the driver's handling of
//! pipes is played in virtual time, too.

use proxy_tokio::Pipe;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets on their way from one connection to another.
#[derive(Debug)]
pub(crate) struct Bucket(Vec<u8>);

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> for Bucket {
    fn open() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn poll_fill(&mut self, from: &mut S, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        assert!(self.0.is_empty(), "octets would stand behind others");
        self.0.resize(max, 0);
        let mut buffer = ReadBuf::new(&mut self.0);
        let polled = Pin::new(from).poll_read(cx, &mut buffer);
        let n = buffer.filled().len();
        self.0.truncate(n);
        ready!(polled)?;
        Poll::Ready(Ok(n))
    }

    fn poll_drain(&mut self, to: &mut S, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        assert_eq!(self.0.len(), max, "not all that waits is offered");
        let n = ready!(Pin::new(to).poll_write(cx, &self.0))?;
        self.0.drain(..n);
        Poll::Ready(Ok(n))
    }
}
