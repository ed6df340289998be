//! Requests as hostile, careless or merely unusual clients send them.

use super::Fill;

/// A request as it stands on the wire, and what must become of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRequest {
    pub(crate) name: &'static str,
    pub(crate) wire: &'static str,
    pub(crate) fill: Fill,
    pub(crate) fate: Fate,
    /// The client says 1.0.
    pub(crate) http10: bool,
}

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The proxy refuses the head with this status, and reads no further.
    Refused(u16),
    /// The head goes on, but the body breaks a rule: 400, unless the server was faster.
    BadBody,
    /// The proxy answers by itself, without any fault: 200.
    Answered,
    /// It goes on like this.
    Forwarded(Forwarded),
}

/// How a request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// The request line.
    pub(crate) line: &'static str,
    /// Those of the client's own lines that are kept, in their order; `~` is the request's filler.
    pub(crate) kept: &'static [&'static str],
    /// What the client called the server; empty if it did not.
    pub(crate) host: &'static str,
    pub(crate) content: &'static str,
    /// The lines that follow the content, if it is chunked.
    pub(crate) trailers: &'static [&'static str],
}

/// GET with these lines behind Host.
macro_rules! get {
    ($($line:literal),*) => { concat!("GET /$ HTTP/1.1\r\nHost: sim\r\n", $($line, "\r\n",)* "\r\n") };
}

/// POST with these lines behind Host, and a body.
macro_rules! post {
    ($($line:literal),+; $body:literal) => {
        concat!("POST /$ HTTP/1.1\r\nHost: sim\r\n", $($line, "\r\n",)* "\r\n", $body)
    };
}

/// POST with a chunked body.
macro_rules! chunked {
    ($body:literal) => { post!("Transfer-Encoding: chunked"; $body) };
}

/// How the head of a request goes on whose body is bad.
pub(crate) const BAD_BODY: Forwarded =
    Forwarded { line: "POST /$ HTTP/1.1", kept: &["Host: sim"], host: "sim", content: "", trailers: &[] };

/// Broken beyond use: 400.
const fn bad(name: &'static str, wire: &'static str) -> RawRequest {
    refused(name, 400, wire)
}

const fn refused(name: &'static str, status: u16, wire: &'static str) -> RawRequest {
    RawRequest { name, wire, fill: Fill::Nothing, fate: Fate::Refused(status), http10: false }
}

const fn bad_body(name: &'static str, wire: &'static str) -> RawRequest {
    RawRequest { name, wire, fill: Fill::Nothing, fate: Fate::BadBody, http10: false }
}

const fn answered(name: &'static str, wire: &'static str) -> RawRequest {
    RawRequest { name, wire, fill: Fill::Nothing, fate: Fate::Answered, http10: false }
}

/// Goes on as a GET of the same target; `like` says otherwise.
const fn goes_on(name: &'static str, wire: &'static str, kept: &'static [&'static str]) -> RawRequest {
    let forwarded = Forwarded { line: "GET /$ HTTP/1.1", kept, host: "sim", content: "", trailers: &[] };
    RawRequest { name, wire, fill: Fill::Nothing, fate: Fate::Forwarded(forwarded), http10: false }
}

impl RawRequest {
    const fn filled(self, fill: Fill) -> Self {
        Self { fill, ..self }
    }

    const fn http10_client(self) -> Self {
        Self { http10: true, ..self }
    }

    const fn like(mut self, line: &'static str) -> Self {
        if let Fate::Forwarded(forwarded) = &mut self.fate {
            forwarded.line = line;
        }
        self
    }

    const fn for_host(mut self, host: &'static str) -> Self {
        if let Fate::Forwarded(forwarded) = &mut self.fate {
            forwarded.host = host;
        }
        self
    }

    const fn with(mut self, content: &'static str, trailers: &'static [&'static str]) -> Self {
        if let Fate::Forwarded(forwarded) = &mut self.fate {
            forwarded.content = content;
            forwarded.trailers = trailers;
        }
        self
    }
}

/// All of them. Append only: saved scripts name them by their place.
pub(crate) const ALL: &[RawRequest] = &[
    // Where does the body end? RFC 9112 §6.3; §11.2 is why none of these may pass.
    bad(
        "a length and a coding",
        post!("Content-Length: 3", "Transfer-Encoding: chunked"; "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: sim\r\n\r\n"),
    ),
    bad(
        "a coding and a length",
        post!("Transfer-Encoding: chunked", "Content-Length: 3"; "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: sim\r\n\r\n"),
    ),
    bad("two lengths", post!("Content-Length: 0", "Content-Length: 37"; "GET /smuggled HTTP/1.1\r\nHost: sim\r\n\r\n")),
    bad("the same length twice", post!("Content-Length: 3", "Content-Length: 3"; "abc")),
    bad("a list of lengths", post!("Content-Length: 3, 3"; "abc")),
    bad("a signed length", post!("Content-Length: +3"; "abc")),
    bad("a negative length", post!("Content-Length: -3"; "abc")),
    bad("a length with a space in it", post!("Content-Length: 3 3"; "abc")),
    bad("a hexadecimal length", post!("Content-Length: 0x3"; "abc")),
    goes_on("an octal length", post!("Content-Length: 003"; "abc"), &["Host: sim", "Content-Length: 3"]).like("POST /$ HTTP/1.1").with("abc", &[]),
    bad("a length with a fraction", post!("Content-Length: 3.0"; "abc")),
    bad("an empty length", post!("Content-Length:"; "abc")),
    bad("a length that is a word", post!("Content-Length: three"; "abc")),
    bad("a length of 2^64", post!("Content-Length: 18446744073709551616"; "abc")),
    bad("a length of 2^63", post!("Content-Length: 9223372036854775808"; "abc")),
    bad("an underscored length", post!("Content_Length: 3"; "abc")),
    bad("the identity coding", post!("Transfer-Encoding: identity"; "abc")),
    bad("a coding that does not end in chunked", post!("Transfer-Encoding: gzip"; "abc")),
    bad("chunked before another coding", post!("Transfer-Encoding: chunked, gzip"; "0\r\n\r\n")),
    bad("chunked twice in a line", post!("Transfer-Encoding: chunked, chunked"; "0\r\n\r\n")),
    bad("chunked twice in two lines", post!("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"; "0\r\n\r\n")),
    bad("chunked and identity in two lines", post!("Transfer-Encoding: chunked", "Transfer-Encoding: identity"; "0\r\n\r\n")),
    bad("an empty coding", post!("Transfer-Encoding:"; "abc")),
    bad("a coding with an empty element", post!("Transfer-Encoding: chunked,"; "0\r\n\r\n")),
    bad("chunked with a parameter", post!("Transfer-Encoding: chunked;q=1"; "0\r\n\r\n")),
    bad("a quoted coding", post!("Transfer-Encoding: \"chunked\""; "0\r\n\r\n")),
    bad("almost chunked", post!("Transfer-Encoding: xchunked"; "0\r\n\r\n")),
    bad("chunked behind a control character", post!("Transfer-Encoding: \x0bchunked"; "0\r\n\r\n")),
    bad("chunked in HTTP/1.0", "POST /$ HTTP/1.0\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    bad("an underscored coding", post!("Transfer_Encoding: chunked"; "0\r\n\r\n")),
    // RFC 9112 §6.1: a coding that it does not understand deserves a 501.
    refused("a coding below chunked", 501, post!("Transfer-Encoding: gzip, chunked"; "0\r\n\r\n")),
    // Field lines. RFC 9112 §5.
    bad("a space before the colon", post!("Transfer-Encoding : chunked"; "0\r\n\r\n")),
    bad("a tab before the colon", post!("Content-Length\t: 3"; "abc")),
    bad("a folded line", get!("X-Long: one", " two")),
    bad("a folded coding", post!("Transfer-Encoding:", "\tchunked"; "0\r\n\r\n")),
    bad("whitespace before the first field", "GET /$ HTTP/1.1\r\n Host: sim\r\n\r\n"),
    bad("a bare CR in a value", get!("X-Bare: one\rtwo")),
    bad("a bare CR before a CRLF", get!("X-Bare: one\r")),
    bad("a bare LF behind a field", "GET /$ HTTP/1.1\r\nHost: sim\nX-Bare: one\r\n\r\n"),
    bad("a bare LF behind the request line", "GET /$ HTTP/1.1\nHost: sim\r\n\r\n"),
    bad("bare LFs everywhere", "GET /$ HTTP/1.1\nHost: sim\n\n"),
    bad("an empty line that is a bare LF", "GET /$ HTTP/1.1\r\nHost: sim\r\n\n"),
    bad("a NUL in a value", get!("X-Nul: a\0b")),
    bad("a control character in a value", get!("X-Bell: a\x07b")),
    bad("a DEL in a value", get!("X-Del: a\x7fb")),
    bad("a NUL in a name", get!("X-N\0ul: a")),
    bad("a space in a name", get!("X Space: a")),
    bad("a parenthesis in a name", get!("X(1): a")),
    bad("an octet above ASCII in a name", get!("X-\u{e9}: a")),
    bad("an empty name", get!(": a")),
    bad("a line without a colon", get!("X-Lost")),
    // The request line. RFC 9112 §3.
    bad("two spaces in the request line", "GET  /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("two spaces before the version", "GET /$  HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a space behind the version", "GET /$ HTTP/1.1 \r\nHost: sim\r\n\r\n"),
    bad("a tab in the request line", "GET\t/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a space before the method", " GET /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("no method", "/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a method that is no token", "GE(T /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a bare CR in the request line", "GET /$\rHTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("HTTP/0.9", "GET /$\r\n"),
    bad("no version", "GET /$\r\nHost: sim\r\n\r\n"),
    bad("a version in lower case", "GET /$ http/1.1\r\nHost: sim\r\n\r\n"),
    bad("a version that is no number", "GET /$ HTTP/one\r\nHost: sim\r\n\r\n"),
    refused("version 0.9", 505, "GET /$ HTTP/0.9\r\nHost: sim\r\n\r\n"),
    refused("version 2.0", 505, "GET /$ HTTP/2.0\r\nHost: sim\r\n\r\n"),
    refused("version 3", 505, "GET /$ HTTP/3\r\nHost: sim\r\n\r\n"),
    refused("HTTP/2's preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("a TLS handshake", "\x16\x03\x01\x00\x74\x01\x00\x00\x70\x03\x03\x5c\x11\x09"),
    bad("another protocol's greeting", "SSH-2.0-OpenSSH_9.6\r\n"),
    bad("the PROXY protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("binary octets", "\0\x01\x02\u{ff}\r\n\r\n"),
    refused("a method without end", 501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    // A gateway opens no tunnels to wherever a client likes: RFC 9110 §9.3.6.
    refused("CONNECT", 501, "CONNECT sim:443 HTTP/1.1\r\nHost: sim:443\r\n\r\n"),
    bad("the authority-form without CONNECT", "GET sim:80 HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("the asterisk-form without OPTIONS", "GET * HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a target without a slash", "GET $ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a fragment in the target", "GET /$#top HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("an octet above ASCII in the target", "GET /$\u{e9} HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a control character in the target", "GET /$\x01 HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a foreign scheme", "GET ftp://sim/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("credentials in the target", "GET http://me:secret@sim/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("an absolute target without a host", "GET http:///$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    // Whom is it for? RFC 9112 §3.2.
    bad("an absolute target that disagrees with Host", "GET http://other/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("an absolute target with another port", "GET http://sim:81/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("an absolute target without Host", "GET http://sim/$ HTTP/1.1\r\n\r\n"),
    bad("no Host", "GET /$ HTTP/1.1\r\nX-Other: sim\r\n\r\n"),
    bad("no field at all", "GET /$ HTTP/1.1\r\n\r\n"),
    bad("two Hosts", get!("Host: other")),
    bad("the same Host twice", get!("host: sim")),
    bad("two Hosts in HTTP/1.0", "GET /$ HTTP/1.0\r\nHost: sim\r\nHost: other\r\n\r\n"),
    bad("an empty Host", "GET /$ HTTP/1.1\r\nHost:\r\n\r\n"),
    bad("a Host with a space", "GET /$ HTTP/1.1\r\nHost: sim other\r\n\r\n"),
    bad("two Hosts in a line", "GET /$ HTTP/1.1\r\nHost: sim,other\r\n\r\n"),
    bad("a Host with a path", "GET /$ HTTP/1.1\r\nHost: sim/x\r\n\r\n"),
    bad("a Host with a scheme", "GET /$ HTTP/1.1\r\nHost: http://sim\r\n\r\n"),
    bad("a Host with credentials", "GET /$ HTTP/1.1\r\nHost: me@sim\r\n\r\n"),
    bad("a port that is no number", "GET /$ HTTP/1.1\r\nHost: sim:http\r\n\r\n"),
    bad("a port above 65535", "GET /$ HTTP/1.1\r\nHost: sim:65536\r\n\r\n"),
    bad("a port without a host", "GET /$ HTTP/1.1\r\nHost: :80\r\n\r\n"),
    bad("an unclosed address", "GET /$ HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    bad("an address that is none", "GET /$ HTTP/1.1\r\nHost: [::g]\r\n\r\n"),
    goes_on("an underscored field of ours", get!("X_Forwarded_For: 203.0.113.9"), &["Host: sim"]),
    // What Connection may not do: RFC 9110 §7.6.1.
    bad("Connection names the length", post!("Connection: content-length", "Content-Length: 3"; "abc")),
    bad("Connection names the coding", post!("Connection: Transfer-Encoding", "Transfer-Encoding: chunked"; "0\r\n\r\n")),
    bad("Connection names Host", get!("Connection: close, host")),
    bad("Connection is no list of tokens", get!("Connection: a b")),
    bad("Connection names ever so many", get!("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,ab,ac,ad,ae,af,ag,ah")),
    // Expectations and hops: RFC 9110 §10.1.1, §7.6.2.
    refused("an expectation that nobody knows", 417, post!("Expect: 200-ok", "Content-Length: 3"; "abc")),
    refused("two expectations", 417, post!("Expect: 100-continue, more", "Content-Length: 3"; "abc")),
    bad("hops that are no number", "OPTIONS /$ HTTP/1.1\r\nHost: sim\r\nMax-Forwards: few\r\n\r\n"),
    bad("hops twice", "TRACE /$ HTTP/1.1\r\nHost: sim\r\nMax-Forwards: 1\r\nMax-Forwards: 2\r\n\r\n"),
    answered("OPTIONS for us", "OPTIONS /$ HTTP/1.1\r\nHost: sim\r\nMax-Forwards: 0\r\n\r\n"),
    answered("TRACE for us", "TRACE /$ HTTP/1.1\r\nHost: sim\r\nMax-Forwards: 0\r\n\r\n"),
    // Sizes.
    refused("a head over its limit", 431, get!("X-Long: ~")).filled(Fill::Head(1)),
    refused("a head far over its limit", 431, get!("X-Long: ~")).filled(Fill::Head(9_000)),
    refused("a name without end", 431, get!("~: 1")).filled(Fill::Head(1)),
    refused("a target over its limit", 414, "GET /$?~ HTTP/1.1\r\nHost: sim\r\n\r\n").filled(Fill::Target(1)),
    refused("too many fields", 431, "GET /$ HTTP/1.1\r\nHost: sim\r\n~\r\n").filled(Fill::Fields(1)),
    bad("many blank lines before the head", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("a bare LF before the head", "\nGET /$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    // Chunks. RFC 9112 §7.1.
    bad_body("a chunk size that is no number", chunked!("g\r\nabc\r\n0\r\n\r\n")),
    bad_body("an empty chunk size", chunked!("\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk size with a prefix", chunked!("0x3\r\nabc\r\n0\r\n\r\n")),
    bad_body("a signed chunk size", chunked!("+3\r\nabc\r\n0\r\n\r\n")),
    bad_body("a negative chunk size", chunked!("-3\r\nabc\r\n0\r\n\r\n")),
    bad_body("a space before a chunk size", chunked!(" 3\r\nabc\r\n0\r\n\r\n")),
    goes_on("a space behind a chunk size", chunked!("3 \r\nabc\r\n0\r\n\r\n"), &["Host: sim"]).like("POST /$ HTTP/1.1").with("abc", &[]),
    bad_body("a space in a chunk size", chunked!("1 0\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk size with an underscore", chunked!("1_0\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk size that overflows", chunked!("10000000000000003\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk size of zeros without end", chunked!("00000000000000000000000000000000003\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk longer than it said", chunked!("3\r\nabcd\r\n0\r\n\r\n")),
    bad_body("a chunk shorter than it said", chunked!("3\r\nab\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: sim\r\n\r\n")),
    bad_body("a chunk without its CRLF", chunked!("3\r\nabc0\r\n\r\n")),
    bad_body("a chunk that ends in LF", chunked!("3\r\nabc\n0\r\n\r\n")),
    bad_body("a chunk that ends in CR", chunked!("3\r\nabc\r0\r\n\r\n")),
    bad_body("a chunk line that ends in LF", chunked!("3\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk line that ends in CR", chunked!("3\rabc\r\n0\r\n\r\n")),
    bad_body("an extension that ends in LF", chunked!("3;a\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: sim\r\n\r\n")),
    bad_body("a control character in an extension", chunked!("3;a=\x01\r\nabc\r\n0\r\n\r\n")),
    bad_body("an extension without a size", chunked!(";a=b\r\nabc\r\n0\r\n\r\n")),
    bad_body("an extension without end", chunked!("3;~\r\nabc\r\n0\r\n\r\n")).filled(Fill::Octets(1_000)),
    bad_body("a last chunk that ends in LF", chunked!("3\r\nabc\r\n0\r\n\n")),
    bad_body("a trailer without a colon", chunked!("3\r\nabc\r\n0\r\nX-Lost\r\n\r\n")),
    bad_body("a folded trailer", chunked!("3\r\nabc\r\n0\r\nX-Check: 1\r\n 2\r\n\r\n")),
    bad_body("a trailer with a space before its colon", chunked!("3\r\nabc\r\n0\r\nX-Check : 1\r\n\r\n")),
    bad_body("a control character in a trailer", chunked!("3\r\nabc\r\n0\r\nX-Check: \x01\r\n\r\n")),
    bad_body("a trailer that ends in LF", chunked!("3\r\nabc\r\n0\r\nX-Check: 1\n\r\n")),
    bad_body("trailers without end", chunked!("3\r\nabc\r\n0\r\nX-Check: ~\r\n\r\n")).filled(Fill::Octets(9_000)),
    // What only looks strange.
    goes_on("a blank line before the head", "\r\nGET /$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]),
    goes_on("OPTIONS of the whole server", "OPTIONS * HTTP/1.1\r\nHost: sim\r\nX-Asked: $\r\n\r\n", &["Host: sim", "X-Asked: $"]).like("OPTIONS * HTTP/1.1"),
    goes_on("the absolute-form", "GET http://sim/$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]),
    goes_on("the absolute-form with the scheme's port", "GET HTTP://sim:80/$?q HTTP/1.1\r\nAccept: */*\r\nHost: sim\r\n\r\n", &["Accept: */*", "Host: sim:80"]).like("GET /$?q HTTP/1.1").for_host("sim:80"),
    goes_on("the absolute-form without a path", "GET http://sim?q=/$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("GET /?q=/$ HTTP/1.1"),
    goes_on("the absolute-form of the whole server", "OPTIONS http://sim HTTP/1.1\r\nHost: sim\r\nX-Asked: $\r\n\r\n", &["Host: sim", "X-Asked: $"]).like("OPTIONS * HTTP/1.1"),
    goes_on("a Host in capitals with a port", "GET /$ HTTP/1.1\r\nhOST: SIM:8080\r\n\r\n", &["hOST: SIM:8080"]).for_host("SIM:8080"),
    goes_on("a Host that is an address", "GET /$ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", &["Host: [::1]:80"]).for_host("[::1]:80"),
    goes_on("a Host with an empty port", "GET /$ HTTP/1.1\r\nHost: sim:\r\n\r\n", &["Host: sim:"]).for_host("sim:"),
    bad("a target that wants to climb", "GET /../%2e%2e//$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    goes_on("a target as browsers send it", "GET /$?q={a|b}&c=%zz HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("GET /$?q={a|b}&c=%zz HTTP/1.1"),
    goes_on("a method that nobody knows", "BREW /$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("BREW /$ HTTP/1.1"),
    goes_on("a method in lower case", "get /$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("get /$ HTTP/1.1"),
    goes_on("DELETE", "DELETE /$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("DELETE /$ HTTP/1.1"),
    goes_on("PATCH without content", "PATCH /$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("PATCH /$ HTTP/1.1"),
    goes_on("TRACE with hops left", "TRACE /$ HTTP/1.1\r\nHost: sim\r\nmax-forwards: 10\r\n\r\n", &["Host: sim", "max-forwards: 9"]).like("TRACE /$ HTTP/1.1"),
    goes_on("OPTIONS with one hop left", "OPTIONS /$ HTTP/1.1\r\nHost: sim\r\nMax-Forwards: 1\r\n\r\n", &["Host: sim", "Max-Forwards: 0"]).like("OPTIONS /$ HTTP/1.1"),
    goes_on("hops that mean nothing to GET", get!("Max-Forwards: 0"), &["Host: sim", "Max-Forwards: 0"]),
    goes_on(
        "Connection names fields of the client's",
        "GET /$ HTTP/1.1\r\nX-Kept: 1\r\nx-HOP: 2\r\nHost: sim\r\nConnection: X-Hop,, keep-alive\r\nX-Hop: 3\r\nconnection: cookie\r\nCookie: a\r\n\r\n",
        &["X-Kept: 1", "Host: sim"],
    ),
    goes_on(
        "fields in any order, case and number",
        "GET /$ HTTP/1.1\r\naCCEPT: b\r\nX-Twice: 2\r\nHost:sim\r\nX-Twice: 1\r\nX-Empty:\r\nX-Padded: \t a  b \t\r\nx-twice: 2\r\n\r\n",
        &["aCCEPT: b", "X-Twice: 2", "Host:sim", "X-Twice: 1", "X-Empty:", "X-Padded: \t a  b \t", "x-twice: 2"],
    ),
    goes_on("an octet above ASCII in a value", get!("X-Name: caf\u{e9}"), &["Host: sim", "X-Name: caf\u{e9}"]),
    goes_on("an underscored name of no meaning", get!("x_app_id: 7"), &["Host: sim", "x_app_id: 7"]),
    goes_on("a name of odd characters", get!("!#%&'*+-.^_`|: 1"), &["Host: sim", "!#%&'*+-.^_`|: 1"]),
    goes_on("an upgrade that nobody named", get!("Upgrade: websocket"), &["Host: sim"]),
    goes_on(
        "an upgrade to HTTP/2",
        get!("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
        &["Host: sim"],
    ),
    goes_on("an expectation without content", get!("Expect: 100-continue"), &["Host: sim"]),
    goes_on("HTTP/1.0", "GET /$ HTTP/1.0\r\nHost: sim\r\n\r\n", &["Host: sim"]).http10_client(),
    goes_on("HTTP/1.0 without a Host", "GET /$ HTTP/1.0\r\n\r\n", &[]).http10_client().for_host(""),
    goes_on("an upgrade from HTTP/1.0", "GET /$ HTTP/1.0\r\nHost: sim\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", &["Host: sim"]).http10_client(),
    goes_on("an expectation in HTTP/1.0", "POST /$ HTTP/1.0\r\nHost: sim\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", &["Host: sim", "Content-Length: 3"]).like("POST /$ HTTP/1.1").http10_client().with("abc", &[]),
    goes_on("an upgrade with content", post!("Connection: upgrade", "Upgrade: websocket", "Content-Length: 3"; "abc"), &["Host: sim", "Upgrade: websocket", "Content-Length: 3"]).like("POST /$ HTTP/1.1").with("abc", &[]),
    goes_on("GET with content", "GET /$ HTTP/1.1\r\nHost: sim\r\nContent-Length: 3\r\n\r\nabc", &["Host: sim", "Content-Length: 3"]).with("abc", &[]),
    goes_on("a length between spaces", post!("Content-Length:\t3 "; "abc"), &["Host: sim", "Content-Length:\t3 "]).like("POST /$ HTTP/1.1").with("abc", &[]),
    goes_on("chunked in capitals, with extensions", post!("transfer-ENCODING: CHUNKED"; "03;a=\"b;c\";d\r\nabc\r\nA\r\n0123456789\r\n00;last\r\n\r\n"), &["Host: sim"]).like("POST /$ HTTP/1.1").with("abc0123456789", &[]),
    goes_on(
        "trailers, welcome and unwelcome",
        post!(
            "Trailer: X-Check", "Transfer-Encoding: chunked";
            "3\r\nabc\r\n0\r\nX-Check: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: other\r\n\
             Authorization: x\r\nx-forwarded-for: 203.0.113.9\r\nCookie: a\r\nx-CHECK: 2\r\nIf-Match: *\r\n\r\n"
        ),
        &["Host: sim", "Trailer: X-Check"],
    )
    .like("POST /$ HTTP/1.1")
    .with("abc", &["X-Check: 1", "x-CHECK: 2"]),
    goes_on("a head of just the limit", get!("X-Long: ~"), &["Host: sim", "X-Long: ~"]).filled(Fill::Head(0)),
    goes_on("a target of just the limit", "GET /$?~ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("GET /$?~ HTTP/1.1").filled(Fill::Target(0)),
    goes_on("as many fields as may be", "GET /$ HTTP/1.1\r\nHost: sim\r\n~\r\n", &["Host: sim", "~"]).filled(Fill::Fields(0)),
    bad("a version without a minor number", "GET /$ HTTP/1\r\nHost: sim\r\n\r\n"),
    bad("a version with a leading zero", "GET /$ HTTP/01.1\r\nHost: sim\r\n\r\n"),
    bad("a version with two digits behind the dot", "GET /$ HTTP/1.10\r\nHost: sim\r\n\r\n"),
    goes_on("an underscored number", get!("X_Request_Id: 7", "X-After: 1"), &["Host: sim", "X-After: 1"]),
    bad("an underscored coding in lower case", "GET /$ HTTP/1.1\r\nHost: sim\r\ntransfer_encoding: chunked\r\n\r\n"),
    goes_on("a connection option with a semicolon", get!("Connection: keep-alive;", "X-After: 1"), &["Host: sim", "X-After: 1"]),
    bad("a connection option with a parameter", get!("Connection: close;x")),
    goes_on("whitespace before an extension", chunked!("3 ;a=b\r\nabc\r\n0\t ; c = \"d;e\" \r\n\r\n"), &["Host: sim"]).like("POST /$ HTTP/1.1").with("abc", &[]),
    bad_body("an extension without a name", chunked!("3;\r\nabc\r\n0\r\n\r\n")),
    bad_body("an extension of two words", chunked!("3;a b\r\nabc\r\n0\r\n\r\n")),
    bad_body("an extension without its value", chunked!("3;a=\r\nabc\r\n0\r\n\r\n")),
    bad_body("an extension whose quotes are open", chunked!("3;a=\"b\r\nabc\r\n0\r\n\r\n")),
    bad_body("a chunk size that fills its counter", chunked!("ffffffffffffffff\r\nabc\r\n0\r\n\r\n")),
    goes_on("a target with dots in it", "GET /r/./s/../%2e%2e/$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("GET /r/./s/../%2e%2e/$ HTTP/1.1"),
    goes_on("a target spelt otherwise", "GET /%72/s/$ HTTP/1.1\r\nHost: sim\r\n\r\n", &["Host: sim"]).like("GET /%72/s/$ HTTP/1.1"),
    bad("an encoded slash beside dots", "GET /r/..%2f$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("encoded dots beside an encoded slash", "GET /r%2F%2e%2E/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("dots with a parameter", "GET /r/..;a/$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("dots beside a backslash", "GET /r/..\\$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    bad("dots behind an empty segment", "GET /r//../$ HTTP/1.1\r\nHost: sim\r\n\r\n"),
    goes_on("a Host with the dot of the root", "GET /$ HTTP/1.1\r\nHost: Sim.\r\n\r\n", &["Host: Sim."]).for_host("Sim."),
    goes_on("a length of zeros", post!("Content-Length: 000"; ""), &["Host: sim", "Content-Length: 0"]).like("POST /$ HTTP/1.1"),
];
