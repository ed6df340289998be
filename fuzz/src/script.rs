//! A language for scripts of which every octet string is one, and which a person can read and write: one
//! letter for what happens, then its arguments. README.md has the table.
//!
//! Knows nothing of what a script does to a core: that is `world`.

/// A whole script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Which configuration: see `world`.
    pub setting: u8,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Who is meant: modulo how many there ever were, whether they still live or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The clients count from `0`.
    Client(usize),
    /// The upstream connections count from `a`.
    Server(usize),
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A client connects.
    Connect,
    /// Someone sends octets, which wait to be delivered.
    Say(Who, Vec<u8>),
    /// At most so many of them arrive; `None`: all, as far as they are read.
    Deliver(Who, Option<usize>),
    /// Someone sends FIN behind what was said.
    Finish(Who),
    /// Someone resets the connection.
    Reset(Who),
    /// Someone takes so many octets more of what is written; `None`: any number.
    Take(Who, Option<usize>),
    /// Someone takes nothing any more.
    Stall(Who),
    /// The connect at this place among those under way stands.
    Established(usize),
    /// It fails, in one of several ways.
    Unreachable(usize),
    /// So many milliseconds pass, with ticks when they are due.
    Pass(u64),
    /// So many milliseconds pass unnoticed.
    Oversleep(u64),
    /// A tick for no reason.
    Tick,
    /// Another worker takes a unit of this process-wide limit, if one is free.
    Compete(usize),
    /// It gives one back.
    Yield(usize),
    /// It waits for one.
    Want(usize),
    /// The process is told to stop.
    Drain,
    /// Late news of a connection that ended.
    Stale(usize),
}

/// Longest script in steps. More only repeats itself.
const STEPS_MAX: usize = 300;

impl Script {
    /// Reads any octets.
    pub fn parse(octets: &[u8]) -> Self {
        let mut rest = Rest(octets);
        let setting = rest.letter().unwrap_or(b'@') & 0x1f;
        let mut steps = Vec::new();
        while let (true, Some(letter)) = (steps.len() < STEPS_MAX, rest.letter()) {
            steps.extend(step(letter, &mut rest));
        }
        Self { setting, steps }
    }
}

fn step(letter: u8, rest: &mut Rest<'_>) -> Option<Step> {
    Some(match letter {
        b'c' => Step::Connect,
        b'q' => Step::Say(rest.who(), pick(&REQUESTS, rest.number())),
        b's' => Step::Say(rest.who(), pick(&RESPONSES, rest.number())),
        b'"' => Step::Say(rest.who(), rest.text()),
        b'b' => Step::Say(rest.who(), vec![b'x'; rest.number() * 512]),
        b'd' => Step::Deliver(rest.who(), rest.amount()),
        b'e' => Step::Finish(rest.who()),
        b'x' => Step::Reset(rest.who()),
        b'w' => Step::Take(rest.who(), rest.amount()),
        b'z' => Step::Stall(rest.who()),
        b'o' => Step::Established(rest.number()),
        b'f' => Step::Unreachable(rest.number()),
        b't' => Step::Pass(milliseconds(rest.number())),
        b'l' => Step::Oversleep(milliseconds(rest.number())),
        b'T' => Step::Tick,
        b'p' => Step::Compete(rest.number()),
        b'g' => Step::Yield(rest.number()),
        b'W' => Step::Want(rest.number()),
        b'D' => Step::Drain,
        b'!' => Step::Stale(rest.number()),
        b'#' => {
            rest.comment();
            return None;
        }
        _ => return None,
    })
}

/// 10 ms to 20 min, so that one digit reaches past each limit.
fn milliseconds(number: usize) -> u64 {
    [0, 10, 100, 500, 1_000, 2_000, 10_000, 15_000, 60_000, 300_000, 1_200_000][number.min(10)]
}

fn pick(table: &[&str], number: usize) -> Vec<u8> {
    wire(table[number % table.len()].as_bytes())
}

/// `|` stands for CRLF.
fn wire(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|octet| if *octet == b'|' { b"\r\n".to_vec() } else { vec![*octet] }).collect()
}

/// What is left to read of a script.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// The next octet that is not whitespace.
    fn letter(&mut self) -> Option<u8> {
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            if !first.is_ascii_whitespace() {
                return Some(*first);
            }
        }
    }

    /// A digit is worth what it says, any other octet its code.
    fn number(&mut self) -> usize {
        match self.letter() {
            None => 0,
            Some(digit @ b'0'..=b'9') => usize::from(digit - b'0'),
            Some(other) => usize::from(other),
        }
    }

    fn who(&mut self) -> Who {
        match self.letter().unwrap_or(b'0') {
            letter @ b'a'.. => Who::Server(usize::from(letter - b'a')),
            other => Who::Client(usize::from(other.saturating_sub(b'0'))),
        }
    }

    /// A number's square; 0 is no limit.
    fn amount(&mut self) -> Option<usize> {
        match self.number() {
            0 => None,
            number => Some(number * number),
        }
    }

    fn text(&mut self) -> Vec<u8> {
        let end = self.0.iter().position(|octet| *octet == b'"').unwrap_or(self.0.len());
        let text = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        wire(text)
    }

    fn comment(&mut self) {
        let end = self.0.iter().position(|octet| *octet == b'\n').unwrap_or(self.0.len());
        self.0 = &self.0[end..];
    }
}

const REQUESTS: [&str; 12] = [
    "GET /0 HTTP/1.1|Host: a||",
    "POST /1 HTTP/1.1|Host: a|Content-Length: 5||hello",
    "POST /2 HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|0||",
    "HEAD /3 HTTP/1.1|Host: a||",
    "GET /4 HTTP/1.0||",
    "GET /5 HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket||",
    "POST /6 HTTP/1.1|Host: a|Content-Length: 6000|Expect: 100-continue||",
    "GET /7 HTTP/1.1|Host: a|Connection: close||",
    "PUT /8 HTTP/1.1|Host: a|Content-Length: 3000||",
    "GET /9 HTTP/1.0|Connection: keep-alive||",
    "POST /10 HTTP/1.1|Host: a|Transfer-Encoding: chunked||1000|",
    "GET /11 HTTP/1.1|Host: a|Host: b||",
];

const RESPONSES: [&str; 14] = [
    "HTTP/1.1 200 OK|Content-Length: 5||hello",
    "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0||",
    "HTTP/1.1 200 OK||until the end",
    "HTTP/1.1 204 No Content||",
    "HTTP/1.1 100 Continue||",
    "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: websocket||",
    "HTTP/1.1 200 OK|Content-Length: 8000||",
    "HTTP/1.1 304 Not Modified|Content-Length: 5||",
    "HTTP/1.1 200 OK|Connection: close|Content-Length: 2||ok",
    "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2000|",
    "HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||",
    "HTTP/1.1 200 OK|Keep-Alive: timeout=1|Content-Length: 0||",
    "HTTP/1.1 200 OK|Content-Type: text/event-stream||data: 1||",
    "HTTP/1.1 103 Early Hints||",
];
