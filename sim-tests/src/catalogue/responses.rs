//! Responses as broken, hostile or merely unusual servers send them.

use super::Fill;

/// A response as it stands on the wire, and what must become of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawResponse {
    pub(crate) name: &'static str,
    pub(crate) wire: &'static str,
    pub(crate) fill: Fill,
    pub(crate) fate: Fate,
    /// The server closes behind it.
    pub(crate) closes: bool,
}

/// What must become of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 502: no head of it may go on.
    Bad,
    /// 502: its head is over a limit.
    TooLarge,
    /// Its head goes on, and then the client's connection is cut.
    Cut,
    /// It goes on.
    Passed(Passed),
}

/// How a response goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) status: u16,
    /// Those of the server's own lines that are kept, in their order; `~` is the response's filler.
    pub(crate) kept: &'static [&'static str],
    pub(crate) content: &'static str,
    /// The lines that follow the content, if it is chunked.
    pub(crate) trailers: &'static [&'static str],
    /// The statuses of the interim responses before it.
    pub(crate) interims: &'static [u16],
    /// What follows although nobody asked for it: the connection must not serve again.
    pub(crate) leftover: &'static str,
}

/// A 200 with these lines, and a body.
macro_rules! ok {
    ($($line:literal),*; $body:literal) => {
        concat!("HTTP/1.1 200 OK\r\nX-Id: $\r\n", $($line, "\r\n",)* "\r\n", $body)
    };
}

/// A 200 with a chunked body.
macro_rules! chunked {
    ($body:literal) => { ok!("Transfer-Encoding: chunked"; $body) };
}

const fn new(name: &'static str, wire: &'static str, fate: Fate) -> RawResponse {
    RawResponse { name, wire, fill: Fill::Nothing, fate, closes: false }
}

const fn bad(name: &'static str, wire: &'static str) -> RawResponse {
    new(name, wire, Fate::Bad)
}

const fn too_large(name: &'static str, fill: Fill, wire: &'static str) -> RawResponse {
    RawResponse { fill, ..new(name, wire, Fate::TooLarge) }
}

const fn cut(name: &'static str, wire: &'static str) -> RawResponse {
    new(name, wire, Fate::Cut)
}

/// Goes on as a 200 with these lines.
const fn passed(name: &'static str, wire: &'static str, kept: &'static [&'static str]) -> RawResponse {
    let passed = Passed { status: 200, kept, content: "", trailers: &[], interims: &[], leftover: "" };
    new(name, wire, Fate::Passed(passed))
}

impl RawResponse {
    const fn filled(self, fill: Fill) -> Self {
        Self { fill, ..self }
    }

    const fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    const fn status(mut self, status: u16) -> Self {
        if let Fate::Passed(passed) = &mut self.fate {
            passed.status = status;
        }
        self
    }

    const fn with(mut self, content: &'static str, trailers: &'static [&'static str]) -> Self {
        if let Fate::Passed(passed) = &mut self.fate {
            passed.content = content;
            passed.trailers = trailers;
        }
        self
    }

    const fn after(mut self, interims: &'static [u16]) -> Self {
        if let Fate::Passed(passed) = &mut self.fate {
            passed.interims = interims;
        }
        self
    }

    const fn and_then(mut self, leftover: &'static str) -> Self {
        if let Fate::Passed(passed) = &mut self.fate {
            passed.leftover = leftover;
        }
        self
    }
}

/// All of them. Append only: saved scripts name them by their place.
pub(crate) const ALL: &[RawResponse] = &[
    // The status line: RFC 9112 §4.
    bad("no HTTP", "This is no HTTP at all.\r\n\r\n"),
    bad("an HTTP/0.9 response", "<html>Hello</html>\r\n").closing(),
    bad("a blank line before the status line", "\r\nHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a status line in lower case", "http/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("another protocol's status line", "ICY 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a response of version 2.0", "HTTP/2.0 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a response without a status", "HTTP/1.1\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a status of two digits", "HTTP/1.1 20 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a status of four digits", "HTTP/1.1 2000 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a status that is a word", "HTTP/1.1 yes OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a status below 100", "HTTP/1.1 099 Low\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    passed("a status above 599", "HTTP/1.1 600 High\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).status(600),
    bad("two spaces before the status", "HTTP/1.1  200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a tab before the status", "HTTP/1.1\t200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a control character in the reason", "HTTP/1.1 200 O\x01K\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    passed("a bare LF behind the status line", "HTTP/1.1 200 OK\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]),
    // Field lines: RFC 9112 §5. What is certain in meaning goes on as it should have been; nothing else does.
    passed("a folded line in a response", ok!("X-Long: one", " two", "Content-Length: 0"; ""), &["X-Id: $", "X-Long: one two", "Content-Length: 0"]),
    passed("a space before a response's colon", ok!("Content-Length : 0"; ""), &["X-Id: $", "Content-Length: 0"]),
    bad("whitespace before a response's first field", "HTTP/1.1 200 OK\r\n X-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a bare CR in a response's value", ok!("X-Bare: one\rtwo", "Content-Length: 0"; "")),
    passed("a bare LF in a response's head", "HTTP/1.1 200 OK\r\nX-Id: $\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]),
    bad("a NUL in a response's value", ok!("X-Nul: a\0b", "Content-Length: 0"; "")),
    passed("a control character in a response's value", ok!("X-Bell: a\x07b", "Content-Length: 0"; ""), &["X-Id: $", "X-Bell: a b", "Content-Length: 0"]),
    bad("a response's field without a name", ok!(": a", "Content-Length: 0"; "")),
    bad("a response's line without a colon", ok!("X-Lost", "Content-Length: 0"; "")),
    bad("a space in a response's field name", ok!("X Space: a", "Content-Length: 0"; "")),
    // Where does the body end? RFC 9112 §6.3.
    bad("a response with a coding and a length", ok!("Transfer-Encoding: chunked", "Content-Length: 5"; "0\r\n\r\n")),
    bad("a response with a length and a coding", ok!("Content-Length: 5", "Transfer-Encoding: chunked"; "0\r\n\r\n")),
    bad("a response with two lengths", ok!("Content-Length: 3", "Content-Length: 5"; "abcde")),
    passed("a response with the same length twice", ok!("Content-Length: 3", "content-length: 3"; "abc"), &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    bad("a response with a list of lengths", ok!("Content-Length: 3, 5"; "abcde")),
    bad("a response with a signed length", ok!("Content-Length: +3"; "abc")),
    bad("a response with a negative length", ok!("Content-Length: -3"; "abc")),
    bad("a response with an empty length", ok!("Content-Length:"; "abc")),
    bad("a response with a hexadecimal length", ok!("Content-Length: 0x3"; "abc")),
    bad("a response with a length of 2^64", ok!("Content-Length: 18446744073709551616"; "abc")),
    bad("a response with an unknown coding", ok!("Transfer-Encoding: gzip"; "abc")),
    bad("a response with a coding below chunked", ok!("Transfer-Encoding: gzip, chunked"; "0\r\n\r\n")),
    bad("a response chunked twice", ok!("Transfer-Encoding: chunked, chunked"; "0\r\n\r\n")),
    bad("a response with two coding lines", ok!("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"; "0\r\n\r\n")),
    passed("a response with the identity coding", ok!("Transfer-Encoding: identity", "Content-Length: 3"; "abc"), &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    bad("a chunked response of HTTP/1.0", "HTTP/1.0 200 OK\r\nX-Id: $\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    passed("a chunked 204", "HTTP/1.1 204 No Content\r\nX-Id: $\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &["X-Id: $"]).status(204).and_then("0\r\n\r\n"),
    passed("a 204 with a length", "HTTP/1.1 204 No Content\r\nX-Id: $\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $"]).status(204).and_then("abc"),
    bad("an interim response with a length", "HTTP/1.1 103 Early\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a chunked interim response", "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    bad("a broken head behind an interim one", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: $\0\r\nContent-Length: 0\r\n\r\n"),
    bad("a response whose Connection names the length", ok!("Connection: Content-Length", "Content-Length: 3"; "abc")),
    bad("a response whose Connection is no list", ok!("Connection: a b", "Content-Length: 0"; "")),
    bad("protocols switched unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc"),
    // Sizes.
    too_large("a response's head over its limit", Fill::Head(1), ok!("X-Long: ~", "Content-Length: 0"; "")),
    too_large("a response's head far over its limit", Fill::Head(3_000), ok!("X-Long: ~", "Content-Length: 0"; "")),
    too_large("too many fields in a response", Fill::Fields(1), "HTTP/1.1 200 OK\r\nX-Id: $\r\n~\r\n"),
    too_large("an interim head over its limit", Fill::Head(1), "HTTP/1.1 103 Early\r\nLink: ~\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n"),
    // Chunks: RFC 9112 §7.1. The head may be out by then.
    cut("a response's chunk size that is no number", chunked!("g\r\nabc\r\n0\r\n\r\n")),
    cut("a response's empty chunk size", chunked!("\r\nabc\r\n0\r\n\r\n")),
    cut("a response's chunk size with a prefix", chunked!("0x3\r\nabc\r\n0\r\n\r\n")),
    cut("a response's signed chunk size", chunked!("+3\r\nabc\r\n0\r\n\r\n")),
    cut("a space before a response's chunk size", chunked!(" 3\r\nabc\r\n0\r\n\r\n")),
    passed("a space behind a response's chunk size", chunked!("3 \r\nabc\r\n0\r\n\r\n"), &["X-Id: $"]).with("abc", &[]),
    cut("a response's chunk size that overflows", chunked!("10000000000000003\r\nabc\r\n0\r\n\r\n")),
    cut("a response's chunk longer than it said", chunked!("3\r\nabcd\r\n0\r\n\r\n")),
    cut("a response's chunk shorter than it said", chunked!("3\r\nab\r\n0\r\n\r\n")),
    cut("a response's chunk without its CRLF", chunked!("3\r\nabc0\r\n\r\n")),
    cut("a response's chunk that ends in LF", chunked!("3\r\nabc\n0\r\n\r\n")),
    cut("a response's chunk that ends in CR", chunked!("3\r\nabc\r0\r\n\r\n")),
    cut("a response's chunk line that ends in LF", chunked!("3\nabc\r\n0\r\n\r\n")),
    cut("a response's chunk line that ends in CR", chunked!("3\rabc\r\n0\r\n\r\n")),
    cut("a control character in a response's extension", chunked!("3;a=\x01\r\nabc\r\n0\r\n\r\n")),
    cut("a response's extension without end", chunked!("3;~\r\nabc\r\n0\r\n\r\n")).filled(Fill::Octets(400)),
    cut("a response's last chunk that ends in LF", chunked!("3\r\nabc\r\n0\r\n\n")),
    cut("a response's trailer without a colon", chunked!("3\r\nabc\r\n0\r\nX-Lost\r\n\r\n")),
    cut("a response's folded trailer", chunked!("3\r\nabc\r\n0\r\nX-Check: 1\r\n 2\r\n\r\n")),
    cut("a control character in a response's trailer", chunked!("3\r\nabc\r\n0\r\nX-Check: \x01\r\n\r\n")),
    cut("a response's trailers without end", chunked!("3\r\nabc\r\n0\r\nX-Check: ~\r\n\r\n")).filled(Fill::Octets(9_000)),
    // What only looks strange.
    passed("a status line without a reason", "HTTP/1.1 200\r\nX-Id: $\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    passed("a status line with an empty reason", "HTTP/1.1 200 \r\nX-Id: $\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    passed("a reason above ASCII", "HTTP/1.1 404 Nicht gef\u{fc}llt\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).status(404),
    passed("a status that nobody knows", "HTTP/1.1 599 Odd\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).status(599),
    passed("a response of HTTP/1.0", "HTTP/1.0 200 OK\r\nX-Id: $\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $", "Content-Length: 3"]).with("abc", &[]).closing(),
    passed("a response of HTTP/1.0 that keeps the connection", "HTTP/1.0 200 OK\r\nX-Id: $\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    passed("a response of HTTP/1.0 that ends with the connection", "HTTP/1.0 200 OK\r\nX-Id: $\r\n\r\nabc", &["X-Id: $"]).with("abc", &[]).closing(),
    passed("a response that ends with the connection", ok!(; "abc"), &["X-Id: $"]).with("abc", &[]).closing(),
    passed("interim responses of all kinds", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-Hop: 1\r\nConnection: x-hop\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\nHTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).after(&[100, 102, 103, 199]),
    passed("chunks with extensions and trailers", ok!("Trailer: X-Check", "Transfer-Encoding: Chunked"; "3;a=\"b\"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Check: 1\r\nContent-Length: 5\r\nSet-Cookie: a\r\nx-check: 2\r\n\r\n"), &["X-Id: $", "Trailer: X-Check"]).with("abc0123456789", &["X-Check: 1", "x-check: 2"]),
    passed("a 204 that says that its length is 0", "HTTP/1.1 204 No Content\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $"]).status(204),
    passed("a 205", "HTTP/1.1 205 Reset Content\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).status(205),
    passed("a 304 with a length", "HTTP/1.1 304 Not Modified\r\nX-Id: $\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n", &["X-Id: $", "Content-Length: 500", "ETag: \"a\""]).status(304),
    passed("a chunked 304", "HTTP/1.1 304 Not Modified\r\nX-Id: $\r\nTransfer-Encoding: chunked\r\n\r\n", &["X-Id: $"]).status(304),
    passed("a 204 with octets behind it", "HTTP/1.1 204 No Content\r\nX-Id: $\r\n\r\nabc", &["X-Id: $"]).status(204).and_then("abc"),
    passed("a 304 with octets behind it", "HTTP/1.1 304 Not Modified\r\nX-Id: $\r\nContent-Length: 3\r\n\r\nabc", &["X-Id: $", "Content-Length: 3"]).status(304).and_then("abc"),
    passed("a response behind a response", ok!("Content-Length: 0"; "HTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n"), &["X-Id: $", "Content-Length: 0"]).and_then("HTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n"),
    passed("a blank line behind a response", ok!("Content-Length: 3"; "abc\r\n"), &["X-Id: $", "Content-Length: 3"]).with("abc", &[]).and_then("\r\n"),
    passed("octets behind the last chunk", chunked!("3\r\nabc\r\n0\r\n\r\nd"), &["X-Id: $"]).with("abc", &[]).and_then("d"),
    passed(
        "a response's fields in any order, case and number",
        ok!("set-COOKIE: a=1", "X-Empty:", "Set-Cookie: b=2", "Via: 1.1 a", "Date:now", "set-cookie: a=1", "Content-Length: 0", "X-Padded: \t a  b \t", "via: 1.0 b"; ""),
        &["X-Id: $", "set-COOKIE: a=1", "X-Empty:", "Set-Cookie: b=2", "Via: 1.1 a", "Date:now", "set-cookie: a=1", "Content-Length: 0", "X-Padded: \t a  b \t", "via: 1.0 b"],
    ),
    passed(
        "a response's fields that go no further",
        ok!("Connection: X-Hop, keep-alive", "x-hop: 1", "Keep-Alive: timeout=soon, max=5", "X-Kept: 1", "Proxy-Connection: keep-alive", "Proxy-Authenticate: Basic", "Upgrade: h2,h2c", "X-Hop: 2", "Content-Length: 0"; ""),
        &["X-Id: $", "X-Kept: 1", "Content-Length: 0"],
    ),
    passed("an upgrade that is required", "HTTP/1.1 426 Upgrade Required\r\nX-Id: $\r\nConnection: Upgrade\r\nUpgrade: TLS/1.3\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Upgrade: TLS/1.3", "Content-Length: 0"]).status(426),
    passed("a connection that is kept for no time at all", ok!("Keep-Alive: timeout=0", "Content-Length: 0"; ""), &["X-Id: $", "Content-Length: 0"]),
    passed("a response's head of just the limit", ok!("X-Long: ~", "Content-Length: 0"; ""), &["X-Id: $", "X-Long: ~", "Content-Length: 0"]).filled(Fill::Head(0)),
    passed("as many fields as may be in a response", "HTTP/1.1 204 No Content\r\nX-Id: $\r\n~\r\n", &["X-Id: $", "~"]).status(204).filled(Fill::Fields(0)),
    passed("an interim response that says that its length is 0", "HTTP/1.1 103 Early\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).after(&[103]),
    passed("a response of version 1.2", "HTTP/1.2 200 OK\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]),
    passed("a response's length with leading zeros", ok!("Content-Length: 0000003"; "abc"), &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    passed("a response's length in a list of equals", ok!("Content-Length: 3, 03"; "abc"), &["X-Id: $", "Content-Length: 3"]).with("abc", &[]),
    passed("a response whose connection is kept with a semicolon", ok!("Connection: keep-alive;", "Content-Length: 0"; ""), &["X-Id: $", "Content-Length: 0"]),
    passed("a status that only bots get", "HTTP/1.1 999 Request denied\r\nX-Id: $\r\nContent-Length: 0\r\n\r\n", &["X-Id: $", "Content-Length: 0"]).status(999),
    passed("whitespace before a response's extension", chunked!("3 ;a=b\r\nabc\r\n0\t\r\n\r\n"), &["X-Id: $"]).with("abc", &[]),
    passed("a response's extension that is none", chunked!("3;\r\nabc\r\n0; a b\r\n\r\n"), &["X-Id: $"]).with("abc", &[]),
    cut("a response's chunk size that fills its counter", chunked!("ffffffffffffffff\r\nabc\r\n0\r\n\r\n")),
    cut("a response's second chunk that is none", chunked!("3\r\nabc\r\nz\r\nabc\r\n0\r\n\r\n")),
    bad("a folded coding in a response that is none", ok!("Transfer-Encoding:", " gzip"; "abc")),
    bad("a response whose lengths differ by a fold", ok!("Content-Length: 3", " 3"; "abc")),
];
