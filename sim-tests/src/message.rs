//! A second, strict reader of HTTP/1.1, written apart from the proxy's: what the proxy forwards must read the same here.

/// A head, of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The three parts of the first line.
    pub(crate) start: [String; 3],
    fields: Vec<(String, String)>,
}

/// The next part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Head(Head),
    Body(Vec<u8>),
    End,
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
    buffer: Vec<u8>,
    state: State,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { buffer: Vec::new(), state: State::Head }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
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
                    let Some(end) = find(&self.buffer, b"\r\n\r\n") else { return Ok(None) };
                    let head = Head::parse(&self.take(end + 4), kind)?;
                    self.state = framing(&head, kind)?;
                    return Ok(Some(Part::Head(head)));
                }
                State::Length(0) | State::End => {
                    self.state = State::Head;
                    return Ok(Some(Part::End));
                }
                State::Length(left) => return Ok(self.body(left, State::Length)),
                State::UntilClose => return Ok(self.body(usize::MAX, |_| State::UntilClose)),
                State::ChunkLine => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    let is_hex = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
                    let len = usize::from_str_radix(&line, 16).ok().filter(|_| is_hex);
                    self.state = match len.ok_or_else(|| format!("chunk line {line:?}"))? {
                        0 => State::Trailers,
                        len => State::ChunkData(len),
                    };
                }
                State::ChunkData(0) => self.state = State::ChunkEnd,
                State::ChunkData(left) => return Ok(self.body(left, State::ChunkData)),
                State::ChunkEnd => match self.line()? {
                    Some(line) if line.is_empty() => self.state = State::ChunkLine,
                    Some(line) => return Err(format!("{line:?} behind a chunk")),
                    None => return Ok(None),
                },
                State::Trailers => match self.line()? {
                    Some(line) if line.is_empty() => self.state = State::End,
                    Some(_) => {}
                    None => return Ok(None),
                },
            }
        }
    }
}

impl Reader {
    fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(n);
        std::mem::replace(&mut self.buffer, rest)
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

    fn line(&mut self) -> Result<Option<String>, String> {
        let Some(end) = find(&self.buffer, b"\r\n") else { return Ok(None) };
        let mut line = self.take(end + 2);
        line.truncate(end);
        String::from_utf8(line).map(Some).map_err(|_| "a line that is no text".to_owned())
    }
}

impl Head {
    fn parse(raw: &[u8], kind: Kind) -> Result<Self, String> {
        let text = std::str::from_utf8(raw).map_err(|_| "a head that is no text".to_owned())?;
        let bad = |what: &str| format!("{what} in {text:?}");
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let mut parts = lines.next().unwrap_or_default().splitn(3, ' ').map(str::to_owned);
        let start = [(); 3].map(|()| parts.next().unwrap_or_default());
        let version = if kind == Kind::Request { &start[2] } else { &start[0] };
        if version != "HTTP/1.1" {
            return Err(bad("another version"));
        }
        let fields = lines
            .map(|line| {
                let (name, value) = line.split_once(':').ok_or_else(|| bad("a line without colon"))?;
                let is_clean = !name.is_empty() && !name.contains(' ') && !value.contains(['\r', '\n']);
                let field = (name.to_ascii_lowercase(), value.trim().to_owned());
                is_clean.then_some(field).ok_or_else(|| bad("a bad line"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { start, fields })
    }

    /// The only value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(known, _)| known == name).count()
    }

    /// A response's status; 0 if it has none.
    pub(crate) fn status(&self) -> u16 {
        self.start[1].parse().unwrap_or(0)
    }
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

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_response_is_read_octet_by_octet() {
        let mut reader = Reader::new();
        let (mut body, mut ends) = (Vec::new(), 0);
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" {
            reader.push(&[*byte]);
            while let Some(part) = reader.next(Kind::Response { to_head: false }).unwrap() {
                match part {
                    Part::Head(head) => assert_eq!(head.status(), 200),
                    Part::Body(piece) => body.extend(piece),
                    Part::End => ends += 1,
                }
            }
        }
        assert_eq!((body.as_slice(), ends, reader.rest()), (b"abc".as_slice(), 1, b"".as_slice()));
    }
}
