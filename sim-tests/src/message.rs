//! A second, strict reader of HTTP/1.1, written apart from the proxy's: what the proxy forwards must read the same here.

use bytes::Bytes;
use memchr::memmem::Finder;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

/// A head, of either kind: its text, and where in it the parts are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// As it came, the empty line included.
    pub(crate) raw: Bytes,
    /// The three parts of the first line.
    start: [Range<usize>; 3],
    /// Names and values.
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// The next part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Head(Head),
    Body(Bytes),
    /// With the lines of the trailer section, if there were any.
    End(String),
}

/// Which messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    /// Responses; `to_head`: the next one answers a HEAD.
    Response {
        to_head: bool,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(usize),
    ChunkLine,
    ChunkData(usize),
    ChunkEnd,
    Trailers,
    UntilClose,
    End,
}

/// Reads messages off one connection.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Bytes,
    state: State,
    trailers: String,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { buffer: Bytes::new(), state: State::Head, trailers: String::new() }
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        self.buffer = joined(std::mem::take(&mut self.buffer), data);
    }

    /// Takes the octets that were not understood: they are not HTTP.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        std::mem::take(&mut self.buffer)
    }

    /// Octets that were not understood yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether a close ends the message under way.
    pub(crate) fn ends_by_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The next part, if it is there.
    pub(crate) fn next(&mut self, kind: Kind) -> Result<Option<Part>, String> {
        loop {
            match self.state {
                State::Head => {
                    let Some(end) = HEAD_END.find(&self.buffer) else { return Ok(None) };
                    let head = Head::parse(self.take(end + 4), kind)?;
                    self.state = framing(&head, kind)?;
                    return Ok(Some(Part::Head(head)));
                }
                State::Length(0) | State::End => {
                    self.state = State::Head;
                    return Ok(Some(Part::End(std::mem::take(&mut self.trailers))));
                }
                State::Length(left) => return Ok(self.body(left, State::Length)),
                State::UntilClose => return Ok(self.body(usize::MAX, |_| State::UntilClose)),
                State::ChunkLine => {
                    let Some(line) = self.line() else { return Ok(None) };
                    self.state = match hexadecimal(&line).ok_or_else(|| format!("chunk line {line:?}"))? {
                        0 => State::Trailers,
                        len => State::ChunkData(len),
                    };
                }
                State::ChunkData(0) => self.state = State::ChunkEnd,
                State::ChunkData(left) => return Ok(self.body(left, State::ChunkData)),
                State::ChunkEnd => match self.line() {
                    Some(line) if line.is_empty() => self.state = State::ChunkLine,
                    Some(line) => return Err(format!("{line:?} behind a chunk")),
                    None => return Ok(None),
                },
                State::Trailers => match self.line() {
                    Some(line) if line.is_empty() => self.state = State::End,
                    Some(line) => {
                        self.trailers.push_str(&String::from_utf8_lossy(&line));
                        self.trailers.push_str("\r\n");
                    }
                    None => return Ok(None),
                },
            }
        }
    }
}

impl Reader {
    fn take(&mut self, n: usize) -> Bytes {
        self.buffer.split_to(n)
    }

    /// At most `left` octets of body, if there are any; `then` is the state with what is left after them.
    fn body(&mut self, left: usize, then: impl Fn(usize) -> State) -> Option<Part> {
        let n = self.buffer.len().min(left);
        if n == 0 {
            return None;
        }
        self.state = then(left - n);
        Some(Part::Body(self.take(n)))
    }

    fn line(&mut self) -> Option<Bytes> {
        let end = LINE_END.find(&self.buffer)?;
        let mut line = self.take(end + 2);
        line.truncate(end);
        Some(line)
    }
}

/// A number without signs, spaces or anything else around it.
fn hexadecimal(line: &[u8]) -> Option<usize> {
    if !(1..=8).contains(&line.len()) {
        return None;
    }
    line.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)? as usize))
}

impl Head {
    fn parse(raw: Bytes, kind: Kind) -> Result<Self, String> {
        let bad = |what: &str| Err(format!("{what} in {raw:?}"));
        if std::str::from_utf8(&raw).is_err() {
            return bad("a head that is no text");
        }
        let mut lines = lines(&raw);
        let first = lines.next().unwrap_or_default();
        let mut spaces = memchr::memchr_iter(b' ', &raw[first.clone()]);
        let (Some(one), Some(two)) = (spaces.next(), spaces.next()) else {
            return bad("a first line without its parts");
        };
        let start = [0..one, one + 1..two, two + 1..first.end];
        let version = if kind == Kind::Request { &start[2] } else { &start[0] };
        if &raw[version.clone()] != b"HTTP/1.1" {
            return bad("another version");
        }
        let mut fields = Vec::with_capacity(8);
        for line in lines {
            let Some(colon) = memchr::memchr(b':', &raw[line.clone()]).map(|at| line.start + at) else {
                return bad("a line without colon");
            };
            let (name, value) = (line.start..colon, trimmed(&raw, colon + 1..line.end));
            let is_clean = !name.is_empty()
                && !raw[name.clone()].contains(&b' ')
                && memchr::memchr2(b'\r', b'\n', &raw[value.clone()]).is_none();
            if !is_clean {
                return bad("a bad line");
            }
            fields.push((name, value));
        }
        Ok(Self { start, fields, raw })
    }

    fn text(&self, range: &Range<usize>) -> &str {
        self.raw.get(range.clone()).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }

    /// One of the three parts of the first line.
    pub(crate) fn start(&self, part: usize) -> &str {
        self.start.get(part).map_or("", |range| self.text(range))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_it = |known: &Range<usize>| self.raw[known.clone()].eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(move |(known, _)| is_it(known)).map(|(_, value)| self.text(value))
    }

    /// The only value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn count(&self, name: &str) -> usize {
        self.values(name).count()
    }

    /// A response's status; 0 if it has none.
    pub(crate) fn status(&self) -> u16 {
        self.start(1).parse().unwrap_or(0)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.raw)
    }
}

/// Where the lines of a head are, without their ends and the empty last one.
fn lines(head: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = &head[from..];
        let end = memchr::memchr_iter(b'\r', rest).find(|at| rest.get(at + 1) == Some(&b'\n'))?;
        let line = from..from + end;
        from = line.end + 2;
        Some(line).filter(|line| !line.is_empty())
    })
}

fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_ascii_start().len();
    start..start + part.trim_ascii().len()
}

fn framing(head: &Head, kind: Kind) -> Result<State, String> {
    let (lengths, codings) = (head.count("content-length"), head.count("transfer-encoding"));
    if lengths + codings > 1 {
        return Err(format!("two framings in {head:?}"));
    }
    if kind == Kind::Request && head.count("host") != 1 {
        return Err(format!("not one Host in {head:?}"));
    }
    if let Kind::Response { to_head } = kind
        && (to_head || matches!(head.status(), 100..=199 | 204 | 304))
    {
        return Ok(State::End);
    }
    match (head.field("content-length"), head.field("transfer-encoding")) {
        (Some(length), _) => {
            length.parse().map(State::Length).map_err(|_| format!("Content-Length {length:?}"))
        }
        (None, Some("chunked")) => Ok(State::ChunkLine),
        (None, Some(coding)) => Err(format!("Transfer-Encoding {coding:?}")),
        (None, None) if kind == Kind::Request => Ok(State::End),
        (None, None) => Ok(State::UntilClose),
    }
}

/// Both, one behind the other, copied only if need be.
pub(crate) fn joined(first: Bytes, second: Bytes) -> Bytes {
    if first.is_empty() { second } else { [first, second].concat().into() }
}

static HEAD_END: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

static LINE_END: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\r\n"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_response_is_read_octet_by_octet() {
        let mut reader = Reader::new();
        let (mut body, mut ends) = (Vec::new(), 0);
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" {
            reader.push(Bytes::copy_from_slice(&[*byte]));
            while let Some(part) = reader.next(Kind::Response { to_head: false }).unwrap() {
                match part {
                    Part::Head(head) => assert_eq!(head.status(), 200),
                    Part::Body(piece) => body.extend(piece),
                    Part::End(_) => ends += 1,
                }
            }
        }
        assert_eq!((body.as_slice(), ends, reader.rest()), (b"abc".as_slice(), 1, b"".as_slice()));
    }
}
