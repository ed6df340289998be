//! One connection, of a client or of the origin: writes a message over and over, reads until messages end.

use crate::message::{Message, Reader};
use anyhow::Result;
use memchr::memmem;
use mio::net::TcpStream;
use std::io::{ErrorKind, Read as _, Write as _};

#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    reader: Reader,
    /// Messages to write.
    pub(crate) unsent: usize,
    /// Octets of the first of them that are written.
    written: u64,
    said_close: bool,
}

/// What reading came to.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Messages that ended.
    pub(crate) messages: usize,
    /// The peer sent FIN.
    pub(crate) ended: bool,
    /// There may be more: others get a turn first.
    pub(crate) more: bool,
}

/// What writing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// All, or as much as the kernel would take: it tells when there is room.
    AsMuchAsGoes,
    /// There may be room for more: others get a turn first.
    Some,
}

/// Reads or writes until others get a turn.
const TURN: usize = 4;

impl Conn {
    pub(crate) fn new(stream: TcpStream, reader: Reader) -> Self {
        Self { stream, reader, unsent: 0, written: 0, said_close: false }
    }

    /// Writes what is unsent of so many times `message`.
    pub(crate) fn write(&mut self, message: &Message) -> Result<Wrote> {
        for _ in 0..TURN {
            if self.unsent == 0 {
                return Ok(Wrote::AsMuchAsGoes);
            }
            match self.stream.write(message.from(self.written)) {
                Ok(n) => self.written += n as u64,
                Err(error) if is_not_yet(error.kind()) => return Ok(Wrote::AsMuchAsGoes),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if self.written == message.len() {
                self.written = 0;
                self.unsent -= 1;
            }
        }
        Ok(if self.unsent == 0 { Wrote::AsMuchAsGoes } else { Wrote::Some })
    }

    /// Reads what is there. A read that does not fill the buffer was the last: the kernel tells when there is more. It
    /// does not tell of a FIN that was there already: where one is expected, reading goes on.
    pub(crate) fn read(&mut self, buffer: &mut [u8], fin_expected: bool) -> Result<Read> {
        let mut read = Read::default();
        for _ in 0..TURN {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(Read { ended: true, ..read }),
                Ok(n) => {
                    let octets = &buffer[..n];
                    read.messages += self.reader.feed(octets)?;
                    self.said_close |= n < 4_096 && memmem::find(octets, b"Connection: close\r\n").is_some();
                    if n < buffer.len() && !fin_expected {
                        return Ok(read);
                    }
                }
                Err(error) if is_not_yet(error.kind()) => return Ok(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Read { more: true, ..read })
    }

    /// Whether the last message asked for the connection to end.
    pub(crate) fn said_close(&self) -> bool {
        self.said_close
    }
}

fn is_not_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
