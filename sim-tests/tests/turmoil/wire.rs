//! How peers speak HTTP over a connection: a small strict reader that owes nothing to the core's, and writers.

use std::fmt;
use std::io::{self, ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    inbox: Vec<u8>,
}

/// A client's writes of a long body.
const UPLOAD_PIECE: usize = 16 * 1024;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
    /// The answer to HEAD: it has no content, whatever its fields say.
    ResponseToHead,
}

/// A message, or as much of it as came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Up to and with the empty line; what came of it, if it is not whole.
    pub(crate) head: String,
    pub(crate) content: Vec<u8>,
    pub(crate) end: End,
    /// The statuses of 1xx responses before it.
    pub(crate) interim: Vec<u16>,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its framing.
    Whole,
    /// By FIN, too early.
    Short,
    /// By a reset.
    Reset,
}

impl Message {
    /// 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl fmt::Debug for Message {
    /// Of long contents only the start.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, content, end, interim } = self;
        let start = text(&content[..content.len().min(100)]);
        write!(f, "{head:?}, {} octets: {start:?}, {end:?}, after {interim:?}", content.len())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, inbox: Vec::new() }
    }

    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(octets.as_ref()).await
    }

    /// Sends a POST with content of this length, piece by piece, until all is sent or something is heard.
    pub(crate) async fn upload(&mut self, target: &str, length: usize) -> io::Result<()> {
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let send = async {
            writer.write_all(head.as_bytes()).await?;
            for at in (0..length).step_by(UPLOAD_PIECE) {
                writer.write_all(&[b'u'; UPLOAD_PIECE][..UPLOAD_PIECE.min(length - at)]).await?;
            }
            Ok(())
        };
        let mut heard = [0; 1_024];
        let n = tokio::select! {
            biased;
            n = reader.read(&mut heard) => n?,
            sent = send => return sent,
        };
        self.inbox.extend_from_slice(&heard[..n]);
        Ok(())
    }

    /// Sends FIN.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The next message. `None`: FIN came instead of one.
    pub(crate) async fn message(&mut self, kind: Kind) -> io::Result<Option<Message>> {
        let mut interim = Vec::new();
        loop {
            let Some(mut message) = self.one_message(kind).await? else { return Ok(None) };
            let is_interim = kind != Kind::Request && matches!(message.status(), 100 | 102..=199);
            if !is_interim {
                message.interim = interim;
                return Ok(Some(message));
            }
            interim.push(message.status());
        }
    }

    async fn one_message(&mut self, kind: Kind) -> io::Result<Option<Message>> {
        loop {
            if let Some((message, used)) = whole(&self.inbox, kind, false) {
                self.inbox.drain(..used);
                return Ok(Some(message));
            }
            let end = match self.more().await {
                Ok(0) => End::Short,
                Ok(_) => continue,
                Err(error) if is_reset(&error) => End::Reset,
                Err(error) => return Err(error),
            };
            let rest = std::mem::take(&mut self.inbox);
            return Ok(match whole(&rest, kind, end == End::Short) {
                Some((message, _)) => Some(message),
                None if rest.is_empty() && end == End::Short => None,
                None => Some(part(&rest, kind, end)),
            });
        }
    }

    /// Reads whatever comes next; 0 at FIN.
    pub(crate) async fn more(&mut self) -> io::Result<usize> {
        // All that a simulated kernel holds: turmoil-net tells of a window that was shut only when a single read empties
        // half of the buffer.
        self.inbox.reserve(64 * 1024);
        self.stream.read_buf(&mut self.inbox).await
    }

    /// Takes what was read and belongs to no message.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inbox)
    }

    /// Reads until the peer ends the connection; how it did.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            match self.more().await {
                Ok(0) => return End::Short,
                Ok(_) => {}
                Err(_) => return End::Reset,
            }
        }
    }

    /// Reads exactly so many octets that belong to no message.
    pub(crate) async fn exactly(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.inbox.len() < n {
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.inbox.drain(..n).collect())
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// A whole message at the front, and its length. `fin`: nothing follows.
fn whole(octets: &[u8], kind: Kind, fin: bool) -> Option<(Message, usize)> {
    let head_end = head_end(octets)?;
    let head = text(&octets[..head_end]);
    let (content, used) = match Framing::of(&head, kind) {
        Framing::None => (Vec::new(), 0),
        Framing::Length(length) => (octets[head_end..].get(..length)?.to_vec(), length),
        Framing::Chunked => match chunks(&octets[head_end..]) {
            (content, Some(used)) => (content, used),
            (_, None) => return None,
        },
        Framing::Close if fin => (octets[head_end..].to_vec(), octets.len() - head_end),
        Framing::Close => return None,
    };
    Some((Message { head, content, end: End::Whole, interim: Vec::new() }, head_end + used))
}

/// What there is of a message that will not be whole.
fn part(octets: &[u8], kind: Kind, end: End) -> Message {
    let head_end = head_end(octets).unwrap_or(octets.len());
    let head = text(&octets[..head_end]);
    let rest = &octets[head_end..];
    let content = if Framing::of(&head, kind) == Framing::Chunked { chunks(rest).0 } else { rest.to_vec() };
    Message { head, content, end, interim: Vec::new() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

impl Framing {
    fn of(head: &str, kind: Kind) -> Self {
        let status = head.split(' ').nth(1).unwrap_or_default();
        if kind == Kind::ResponseToHead
            || (kind == Kind::Response && (status.starts_with('1') || status == "204" || status == "304"))
        {
            return Self::None;
        }
        match (field(head, "transfer-encoding"), field(head, "content-length")) {
            (Some(coding), None) => {
                assert_eq!(coding, "chunked", "an unknown coding: {head}");
                Self::Chunked
            }
            (None, Some(length)) => Self::Length(length.parse().expect("a length is a number")),
            (None, None) if kind == Kind::Request => Self::None,
            (None, None) => Self::Close,
            (Some(_), Some(_)) => panic!("two framings: {head}"),
        }
    }
}

/// The content of a chunked body, and where it ends if it does. Panics on what no proxy may send.
fn chunks(mut octets: &[u8]) -> (Vec<u8>, Option<usize>) {
    let (mut content, total) = (Vec::new(), octets.len());
    loop {
        let Some(line) = line_end(octets) else { return (content, None) };
        let size = std::str::from_utf8(&octets[..line]).expect("a chunk line is text");
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("a bad chunk line: {size:?}"));
        octets = &octets[line + 2..];
        if size == 0 {
            // Trailers, then an empty line.
            let end = if octets.starts_with(b"\r\n") { Some(2) } else { head_end(octets) };
            return (content, end.map(|end| total - octets.len() + end));
        }
        content.extend_from_slice(&octets[..size.min(octets.len())]);
        let Some(after) = octets.get(size..size + 2) else { return (content, None) };
        assert_eq!(after, b"\r\n", "a chunk has no end");
        octets = &octets[size + 2..];
    }
}

fn line_end(octets: &[u8]) -> Option<usize> {
    octets.windows(2).position(|window| window == b"\r\n")
}

fn head_end(octets: &[u8]) -> Option<usize> {
    octets.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A request without content.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A request with content of a known length.
pub(crate) fn with_length(method: &str, target: &str, content: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

/// A request with chunked content.
pub(crate) fn with_chunks(method: &str, target: &str, chunks: &[&str]) -> String {
    let chunks = chunks.iter().chain(&[""]).map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    format!(
        "{method} {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunks.collect::<String>()
    )
}
