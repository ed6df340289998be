//! Field lines that clients and origins may add to what they say, and what must become of each.

/// One line, or two that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: &'static str,
    pub(crate) fate: Fate,
}

/// What must become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on as it is.
    Kept,
    /// It goes no further.
    Dropped,
    /// It goes on if a trusted proxy sent it; else what the proxy itself knows stands in its place.
    Believed,
    /// The same, and the proxy adds the address of whom it had it from.
    Joined,
}

const fn kept(text: &'static str) -> Line {
    Line { text, fate: Fate::Kept }
}

const fn dropped(text: &'static str) -> Line {
    Line { text, fate: Fate::Dropped }
}

const fn believed(text: &'static str) -> Line {
    Line { text, fate: Fate::Believed }
}

/// Of requests: bit `n` of `Request::lines` adds the `n`th.
pub(crate) const OF_REQUESTS: [Line; 16] = [
    kept("Accept: */*"),
    kept("X-Twice: 1"),
    kept("x-tWICE: 2"),
    // RFC 9110 §7.6.1.
    dropped("Connection: X-Hop\r\nX-Hop: 1"),
    dropped("Keep-Alive: timeout=5"),
    dropped("Proxy-Connection: keep-alive"),
    dropped("Proxy-Authorization: Basic eDp5"),
    kept("Cookie: a=b"),
    kept("X-Empty:"),
    kept("Via: 1.0 before"),
    believed("X-Forwarded-Proto: https"),
    believed("X-Forwarded-Host: shop.example"),
    believed("X-Request-Id: from-before"),
    believed(
        "Forwarded: for=203.0.113.9\r\nX-Forwarded-Port: 81\r\nTrue-Client-IP: 203.0.113.9\r\nproxy: http://203.0.113.9",
    ),
    Line { text: "X-Forwarded-For: 203.0.113.9", fate: Fate::Joined },
    dropped(TE_TRAILERS),
];

/// The proxy asks for the same on its own behalf.
pub(crate) const TE_TRAILERS: &str = "TE: trailers";

/// Of responses: bit `n` of `Answer::lines` adds the `n`th.
pub(crate) const OF_RESPONSES: [Line; 16] = [
    kept("Server: sim"),
    kept("Set-Cookie: a=1"),
    kept("set-COOKIE: a=1"),
    dropped("Connection: X-Hop\r\nX-Hop: 1"),
    dropped("Keep-Alive: max=9"),
    dropped("Proxy-Connection: keep-alive"),
    dropped("Proxy-Authenticate: Basic\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
    kept("Via: 1.0 behind"),
    kept("X-Request-Id: from-behind"),
    dropped("Upgrade: h2"),
    kept("Cache-Control: no-store"),
    kept("X-Empty:"),
    kept("X-Forwarded-For: 203.0.113.9"),
    kept("Trailer: X-Check"),
    kept("Content-Type: text/plain"),
    kept("Vary: *"),
];

/// Of trailer sections: bit `n` of `trailers` adds the `n`th. What frames, routes or authenticates comes too late there.
pub(crate) const OF_TRAILERS: [Line; 8] = [
    kept("X-Check: 1"),
    kept("x-CHECK: 2"),
    dropped("Content-Length: 7"),
    dropped("Authorization: Basic eDp5"),
    kept("Server-Timing: a"),
    dropped("Set-Cookie: a=1"),
    dropped("Transfer-Encoding: chunked"),
    dropped("Host: other\r\nX-Forwarded-Port: 81\r\nX-Real-IP: 203.0.113.9"),
];

/// The lines of a table that the bits of `chosen` stand for.
pub(crate) fn chosen<const N: usize>(
    table: &'static [Line; N],
    chosen: u16,
) -> impl Iterator<Item = &'static Line> {
    table.iter().enumerate().filter(move |(at, _)| chosen & (1 << at) != 0).map(|(_, line)| line)
}
