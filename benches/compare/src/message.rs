//! Messages as a benchmark needs them: made once and sent over and over; read only as far as to know where one ends.

use anyhow::{Result, ensure};
use memchr::memmem;

/// A message that is sent over and over: its octets, and behind them `filler` times the letter x.
#[derive(Debug)]
pub(crate) struct Message {
    octets: Vec<u8>,
    filler: u64,
}

/// How the body of a message is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many octets, 0 for none.
    Length(u64),
    /// So many octets, in chunks of [`CHUNK`].
    Chunked(u64),
}

/// Octets in a chunk of ours. What a proxy makes of it is its own affair.
const CHUNK: u64 = 4_096;

/// Bodies up to here are kept whole: one write sends head and body.
const WHOLE_MAX: u64 = 64 * 1024;

static FILLER: [u8; 256 * 1024] = [b'x'; 256 * 1024];

impl Message {
    /// A request, `copies` times in a row.
    pub(crate) fn request(target: &str, body: Body, close: bool, copies: usize) -> Self {
        let method = if body == Body::Length(0) { "GET" } else { "POST" };
        let start = format!(
            "{method} {target} HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: weir-compare\r\nAccept: */*\r\n"
        );
        Self::new(&start, body, close).repeated(copies)
    }

    /// A response, with the fields that an origin server commonly sends.
    pub(crate) fn response(body: Body) -> Self {
        let start = "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n\
                     Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\nETag: \"5a7c2f01-400\"\r\nCache-Control: max-age=60\r\n";
        Self::new(start, body, false)
    }

    fn new(start: &str, body: Body, close: bool) -> Self {
        let mut octets = start.as_bytes().to_vec();
        if close {
            octets.extend_from_slice(b"Connection: close\r\n");
        }
        match body {
            Body::Length(0) if start.starts_with("GET") => octets.extend_from_slice(b"\r\n"),
            Body::Length(length) => {
                octets.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            }
            Body::Chunked(_) => octets.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n"),
        }
        let filler = match body {
            Body::Length(length) => length,
            Body::Chunked(length) => {
                write_chunks(&mut octets, length);
                0
            }
        };
        Self { octets, filler }.whole()
    }

    /// Keeps a short filler in memory.
    fn whole(mut self) -> Self {
        if self.filler <= WHOLE_MAX {
            self.octets.extend((0..self.filler).map(|_| b'x'));
            self.filler = 0;
        }
        self
    }

    fn repeated(mut self, copies: usize) -> Self {
        if copies > 1 {
            self.octets = self.octets.repeat(copies);
        }
        self
    }

    pub(crate) fn len(&self) -> u64 {
        self.octets.len() as u64 + self.filler
    }

    /// Some of the octets from `at` on; empty at the end.
    pub(crate) fn from(&self, at: u64) -> &[u8] {
        let start = self.octets.len() as u64;
        if at < start {
            // Less than the length of a vector: it fits.
            return &self.octets[usize::try_from(at).unwrap_or(0)..];
        }
        let left = (start + self.filler).saturating_sub(at);
        &FILLER[..usize::try_from(left).unwrap_or(usize::MAX).min(FILLER.len())]
    }
}

fn write_chunks(octets: &mut Vec<u8>, length: u64) {
    let mut left = length;
    while left > 0 {
        let size = left.min(CHUNK);
        octets.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        octets.extend((0..size).map(|_| b'x'));
        octets.extend_from_slice(b"\r\n");
        left -= size;
    }
    octets.extend_from_slice(b"0\r\n\r\n");
}

/// Finds where messages of a known kind end.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What the first octets must be.
    start: &'static [u8],
    body: Body,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What is there of a head.
    Head(Vec<u8>),
    Sized(u64),
    /// The last octets, in which the end may have begun; how many came.
    Chunked {
        tail: Vec<u8>,
        octets: u64,
    },
}

/// The end of a chunked body. It is found nowhere else, because the content is all x.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

impl Reader {
    pub(crate) fn of_requests(body: Body) -> Self {
        let start: &[u8] = if body == Body::Length(0) { b"GET " } else { b"POST " };
        Self { start, body, state: State::Head(Vec::new()) }
    }

    pub(crate) fn of_responses(body: Body) -> Self {
        Self { start: b"HTTP/1.1 200", body, state: State::Head(Vec::new()) }
    }

    /// Takes `input` in and says how many messages ended in it.
    ///
    /// # Errors
    /// A message that is not the expected one.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Result<usize> {
        let mut ended = 0;
        while !input.is_empty() {
            match &mut self.state {
                State::Head(partial) => {
                    let Some(len) = head_end(partial, input)? else { break };
                    ensure!(
                        starts_with(partial, input, self.start),
                        "unexpected: {}",
                        String::from_utf8_lossy(if partial.is_empty() { input } else { partial })
                    );
                    input = &input[len..];
                    self.state = match self.body {
                        Body::Length(length) => State::Sized(length),
                        Body::Chunked(_) => State::Chunked { tail: Vec::new(), octets: 0 },
                    };
                }
                State::Sized(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    *left -= taken as u64;
                    input = &input[taken..];
                }
                State::Chunked { tail, octets } => {
                    *octets += input.len() as u64;
                    keep_tail(tail, input);
                    input = &[];
                }
            }
            if self.is_at_end()? {
                self.state = State::Head(Vec::new());
                ended += 1;
            }
        }
        Ok(ended)
    }

    fn is_at_end(&self) -> Result<bool> {
        match (&self.state, self.body) {
            (State::Sized(left), _) => Ok(*left == 0),
            (State::Chunked { tail, octets }, Body::Chunked(length)) if tail == LAST_CHUNK => {
                ensure!(*octets > length, "a chunked body is short: {octets} octets with its chunk lines");
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// How many octets of `input` are the rest of the head that began in `partial`. If it does not end, keeps `input`.
fn head_end(partial: &mut Vec<u8>, input: &[u8]) -> Result<Option<usize>> {
    if partial.is_empty() {
        if let Some(at) = memmem::find(input, b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
    } else if let Some(at) = memmem::find(&[partial, input].concat(), b"\r\n\r\n") {
        return Ok(Some(at + 4 - partial.len()));
    }
    partial.extend_from_slice(input);
    ensure!(partial.len() < 64 * 1024, "a head without an end");
    Ok(None)
}

fn starts_with(partial: &[u8], input: &[u8], start: &[u8]) -> bool {
    partial.iter().chain(input).take(start.len()).eq(start)
}

fn keep_tail(tail: &mut Vec<u8>, input: &[u8]) {
    let new = &input[input.len().saturating_sub(LAST_CHUNK.len())..];
    tail.extend_from_slice(new);
    let surplus = tail.len().saturating_sub(LAST_CHUNK.len());
    tail.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets_of(message: &Message) -> Vec<u8> {
        let mut octets = Vec::new();
        while (octets.len() as u64) < message.len() {
            octets.extend_from_slice(message.from(octets.len() as u64));
        }
        octets
    }

    #[test]
    fn a_reader_counts_what_a_message_was_made_of_however_it_is_split() {
        for body in [Body::Length(0), Body::Length(5), Body::Length(100_000), Body::Chunked(10_000)] {
            let octets = octets_of(&Message::response(body));
            for step in [1, 7, octets.len()] {
                let mut reader = Reader::of_responses(body);
                let ended: Vec<usize> = octets.chunks(step).map(|part| reader.feed(part).unwrap()).collect();
                assert_eq!(ended.iter().sum::<usize>(), 1, "{body:?} in steps of {step}");
                assert_eq!(ended.last(), Some(&1), "{body:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn pipelined_requests_are_counted_one_by_one() {
        let message = Message::request("/", Body::Length(0), false, 8);
        let mut reader = Reader::of_requests(Body::Length(0));
        assert_eq!(reader.feed(&octets_of(&message)).unwrap(), 8);
    }

    #[test]
    fn another_status_is_an_error() {
        let mut reader = Reader::of_responses(Body::Length(2));
        assert!(reader.feed(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").is_err());
    }
}
