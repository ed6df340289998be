//! A second reading of HTTP/1.1, written from RFC 9112 octet by octet, and slow. It shares no code, no
//! tables and no parser with proxy-core: where both agree, a misreading would have to be made twice.
//!
//! Of requests it reads the strict grammar only: what the RFC merely tolerates (bare LF, obs-fold) is rejected, as the
//! proxy promises to. Responses it reads as docs/http.md says that they are put right. Where the proxy is stricter than the
//! grammar it may reject more.

/// What the octets at hand amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// It is all there.
    Whole(T),
    /// A prefix of something that may still become valid.
    Incomplete,
    /// Nothing that follows can make it valid: the rule broken.
    Rejected(&'static str),
}

/// A head, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line.
    pub start: Start,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// Names as spelt and values without the whitespace around them, in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Octets in all, the empty line included.
    pub len: usize,
}

/// A start line without its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Method and target.
    Request(Vec<u8>, Vec<u8>),
    /// Status code.
    Response(u16),
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// So many octets.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// Until the connection closes.
    Close,
}

/// A whole body in the chunked coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    /// The content.
    pub content: Vec<u8>,
    /// Where it ends, trailers and last CRLF included.
    pub len: usize,
}

impl Head {
    /// The values of the field `name`, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |(found, _): &&(Vec<u8>, Vec<u8>)| found.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(named).map(|(_, value)| value.as_slice())
    }

    /// The elements of the comma-separated list that `name` holds, in lower case and without a semicolon behind them.
    pub fn list(&self, name: &str) -> Vec<Vec<u8>> {
        let elements = self.values(name).flat_map(|value| value.split(|octet| *octet == b','));
        elements
            .map(|element| element.trim_ascii())
            .map(|element| element.strip_suffix(b";").unwrap_or(element).trim_ascii().to_ascii_lowercase())
            .filter(|element| !element.is_empty())
            .collect()
    }

    /// The method of a request.
    pub fn method(&self) -> &[u8] {
        match &self.start {
            Start::Request(method, _) => method,
            Start::Response(_) => b"",
        }
    }

    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Request(..) => 0,
            Start::Response(status) => status,
        }
    }
}

/// Reads a request head off the front of `octets` (RFC 9112 §3, §5).
pub fn request(octets: &[u8]) -> Read<Head> {
    head(octets, |line| {
        let mut words = line.split(|octet| *octet == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a request line has three words with one space between each");
        };
        if method.is_empty() || !method.iter().all(|octet| is_token_octet(*octet)) {
            return Err("a method is a token");
        }
        if target.is_empty() || !target.iter().all(|octet| (b'!'..=b'~').contains(octet)) {
            return Err("a target is visible ASCII");
        }
        Ok((Start::Request(method.to_vec(), target.to_vec()), minor(version)?))
    })
}

/// Reads a response head off the front of `octets` (RFC 9112 §4, §5). The space before a missing reason may
/// be missing as well, as it is in the wild.
pub fn strict_response(octets: &[u8]) -> Read<Head> {
    head(octets, status_line)
}

fn status_line(line: &[u8]) -> Result<(Start, u8), &'static str> {
    let (version, rest) = line.split_at_checked(8).ok_or("a status line begins with a version")?;
    let [b' ', hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', reason @ ..] = rest else {
        return Err("a status line holds a status code of three digits, from 100 on");
    };
    if !reason.is_empty() && reason[0] != b' ' {
        return Err("a space comes before the reason");
    }
    if !reason.iter().all(|octet| is_text_octet(*octet)) {
        return Err("a reason holds no control characters");
    }
    let digit = |octet: u8| u16::from(octet - b'0');
    let status = digit(*hundreds) * 100 + digit(*tens) * 10 + digit(*ones);
    Ok((Start::Response(status), minor(version)?))
}

/// The same, put right where its meaning is certain: as an upstream's response is read.
pub fn response(octets: &[u8]) -> Read<Head> {
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    for (at, octet) in octets.iter().enumerate() {
        let last = lines.len() - 1;
        if *octet != b'\n' {
            lines[last].push(*octet);
            continue;
        }
        if lines[last].last() == Some(&b'\r') {
            lines[last].pop();
        }
        if lines[last].is_empty() {
            lines.pop();
            return match tolerant(&lines) {
                Ok((start, minor, fields)) => Read::Whole(Head { start, minor, fields, len: at + 1 }),
                Err(rule) => Read::Rejected(rule),
            };
        }
        lines.push(Vec::new());
    }
    Read::Incomplete
}

type Parts = (Start, u8, Vec<(Vec<u8>, Vec<u8>)>);

fn tolerant(lines: &[Vec<u8>]) -> Result<Parts, &'static str> {
    let (first, rest) = lines.split_first().ok_or("a head begins with a start line")?;
    let mut first = first.clone();
    if first.starts_with(b"HTTP/1.") && first.get(7).is_some_and(|minor| (b'2'..=b'9').contains(minor)) {
        first[7] = b'1';
    }
    let (start, minor) = status_line(&first)?;
    let mut unfolded: Vec<Vec<u8>> = Vec::new();
    for line in rest {
        match (line[0], unfolded.last_mut()) {
            (b' ' | b'\t', None) => return Err("the first field line is not folded"),
            (b' ' | b'\t', Some(before)) => {
                before.push(b' ');
                before.extend_from_slice(without_space(line));
            }
            // RFC 9112 §5.2: whitespace before the line break belongs to the fold.
            _ => unfolded.push(without_space(line).to_vec()),
        }
    }
    let mut fields = Vec::new();
    for line in unfolded {
        let colon = line.iter().position(|octet| *octet == b':').ok_or("a field line has a colon")?;
        let mut name = line[..colon].to_vec();
        while matches!(name.last(), Some(b' ' | b'\t')) {
            name.pop();
        }
        let mut value = line[colon + 1..].to_vec();
        let is_exact = [&b"content-length"[..], b"transfer-encoding", b"connection"].contains(&&*name.to_ascii_lowercase());
        for octet in value.iter_mut().filter(|octet| !is_text_octet(**octet)) {
            if is_exact || matches!(octet, b'\r' | 0) {
                return Err("a field value holds no control characters");
            }
            *octet = b' ';
        }
        let (name, value) = field(&[&name[..], b":", &value].concat())?;
        let is_identity = name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"identity");
        if !is_identity {
            fields.push((name, value));
        }
    }
    Ok((start, minor, one_length(fields)?))
}

/// Repeated lengths become one if they are equal.
fn one_length(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<(Vec<u8>, Vec<u8>)>, &'static str> {
    let is_length = |name: &[u8]| name.eq_ignore_ascii_case(b"content-length");
    let mut lengths = Vec::new();
    for (_, value) in fields.iter().filter(|(name, _)| is_length(name)) {
        for element in value.split(|octet| *octet == b',').map(without_space) {
            let text = std::str::from_utf8(element).map_err(|_| "a length is decimal digits")?;
            if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
                return Err("a length is decimal digits");
            }
            lengths.push(text.parse::<u64>().map_err(|_| "a length fits a counter")?);
        }
    }
    let Some(length) = lengths.first().copied() else { return Ok(fields) };
    if lengths.iter().any(|other| *other != length) {
        return Err("all lengths are equal");
    }
    let mut is_seen = false;
    let mut kept = Vec::new();
    for (name, value) in fields {
        match is_length(&name) {
            true if is_seen => {}
            true => {
                is_seen = true;
                kept.push((name, length.to_string().into_bytes()));
            }
            false => kept.push((name, value)),
        }
    }
    Ok(kept)
}

fn without_space(text: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = text.iter().position(|octet| !is_space(octet)).unwrap_or(text.len());
    let end = text.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Where a request's body ends (RFC 9112 §6.3), and whether it names one host (§3.2).
pub fn request_body(head: &Head) -> Result<Body, &'static str> {
    if head.values("host").count() > 1 || (head.minor == 1 && head.values("host").count() == 0) {
        return Err("one Host, which only HTTP/1.0 may omit");
    }
    Ok(declared(head)?.unwrap_or(Body::None))
}

/// Where a response's body ends (RFC 9112 §6.3).
pub fn response_body(head: &Head, to_head: bool) -> Result<Body, &'static str> {
    let declared = declared(head)?;
    match head.status() {
        100 | 102..=199 if !matches!(declared, None | Some(Body::Length(0))) => {
            Err("nothing announced in an interim response (§6.1)")
        }
        100..=199 | 204 | 304 => Ok(Body::None),
        _ if to_head => Ok(Body::None),
        _ => Ok(declared.unwrap_or(Body::Close)),
    }
}

/// The longest chunk-size line and the longest trailer section that the proxy takes, in octets.
const CHUNK_LINE_MAX: usize = 256;
const TRAILERS_MAX: usize = 8 * 1024;
/// The most trailer lines that it takes.
const TRAILER_LINES_MAX: usize = 256;

/// Reads a body off the front of `octets`: its content, and where it ends. One that is delimited by the close of the
/// connection is never whole before it.
pub fn body(body: Body, octets: &[u8], is_response: bool) -> Read<(Vec<u8>, usize)> {
    match body {
        Body::None => Read::Whole((Vec::new(), 0)),
        Body::Length(length) if length > octets.len() as u64 => Read::Incomplete,
        Body::Length(length) => Read::Whole((octets[..length as usize].to_vec(), length as usize)),
        Body::Close => Read::Incomplete,
        Body::Chunked => match chunked(octets, is_response) {
            Read::Whole(Chunks { content, len }) => Read::Whole((content, len)),
            Read::Incomplete => Read::Incomplete,
            Read::Rejected(rule) => Read::Rejected(rule),
        },
    }
}

/// Reads a chunked body off the front of `octets` (RFC 9112 §7.1).
pub fn chunked(octets: &[u8], is_response: bool) -> Read<Chunks> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let size = match chunk_line(&octets[at..], is_response) {
            Read::Whole((size, len)) => {
                at += len;
                size
            }
            Read::Incomplete => return Read::Incomplete,
            Read::Rejected(rule) => return Read::Rejected(rule),
        };
        if size == 0 {
            break;
        }
        let left = octets.len() - at;
        if (left as u64) < size {
            return Read::Incomplete;
        }
        content.extend_from_slice(&octets[at..at + size as usize]);
        at += size as usize;
        match &octets[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Read::Incomplete,
            _ => return Read::Rejected("a chunk ends in CRLF"),
        }
    }
    match trailers(&octets[at..]) {
        Read::Whole(len) => Read::Whole(Chunks { content, len: at + len }),
        Read::Incomplete => Read::Incomplete,
        Read::Rejected(rule) => Read::Rejected(rule),
    }
}

/// Size and length of a chunk-size line: `1*16HEXDIG *( BWS ";" BWS name [ BWS "=" BWS value ] ) BWS CRLF`. Of a response's
/// extensions only the octets matter.
fn chunk_line(octets: &[u8], is_response: bool) -> Read<(u64, usize)> {
    let mut at = 0;
    macro_rules! peek {
        () => {
            match octets.get(at) {
                None => return Read::Incomplete,
                Some(_) if at >= CHUNK_LINE_MAX => return Read::Rejected("a chunk-size line is short"),
                Some(octet) => *octet,
            }
        };
    }
    macro_rules! pass {
        ($kind:expr) => {{
            let from = at;
            while $kind(peek!()) {
                at += 1;
            }
            at > from
        }};
    }
    let is_space = |octet| octet == b' ' || octet == b'\t';
    let (mut size, mut digits) = (0u64, 0);
    while peek!().is_ascii_hexdigit() {
        digits += 1;
        if digits > 16 || size >= 1 << 59 {
            return Read::Rejected("a size has at most 16 digits and 63 bits");
        }
        size = size * 16 + u64::from((octets[at] as char).to_digit(16).unwrap_or_default());
        at += 1;
    }
    if digits == 0 {
        return Read::Rejected("a chunk size is hexadecimal digits");
    }
    let _ = pass!(is_space);
    loop {
        match peek!() {
            b'\r' => break,
            b';' => at += 1,
            _ => return Read::Rejected("an extension begins with a semicolon"),
        }
        if is_response {
            let _ = pass!(is_text_octet);
            if peek!() != b'\r' {
                return Read::Rejected("an extension holds no control characters");
            }
            continue;
        }
        let _ = pass!(is_space);
        if !pass!(is_token_octet) {
            return Read::Rejected("an extension has a name");
        }
        let _ = pass!(is_space);
        if peek!() != b'=' {
            continue;
        }
        at += 1;
        let _ = pass!(is_space);
        if peek!() == b'"' {
            at += 1;
            loop {
                let _ = pass!(|octet| is_text_octet(octet) && octet != b'"' && octet != b'\\');
                match peek!() {
                    b'"' => break,
                    b'\\' => {
                        at += 1;
                        if !is_text_octet(peek!()) {
                            return Read::Rejected("what is escaped is no control character");
                        }
                        at += 1;
                    }
                    _ => return Read::Rejected("a quoted value holds no control characters"),
                }
            }
            at += 1;
        } else if !pass!(is_token_octet) {
            return Read::Rejected("an extension's value is a token, or quoted");
        }
        let _ = pass!(is_space);
    }
    at += 1;
    match peek!() {
        b'\n' => Read::Whole((size, at + 1)),
        _ => Read::Rejected("a chunk-size line ends in CRLF"),
    }
}

/// The length of a trailer section, its empty line included.
fn trailers(octets: &[u8]) -> Read<usize> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, octet) in octets.iter().enumerate() {
        if at >= TRAILERS_MAX {
            return Read::Rejected("a trailer section is short");
        }
        if *octet != b'\n' {
            continue;
        }
        if at == start || octets[at - 1] != b'\r' {
            return Read::Rejected("a line ends in CRLF");
        }
        let line = &octets[start..at - 1];
        start = at + 1;
        if !line.is_empty() {
            lines.push(line);
            continue;
        }
        if lines.len() > TRAILER_LINES_MAX {
            return Read::Rejected("a trailer section has few lines");
        }
        return match lines.into_iter().find_map(|line| field(line).err()) {
            Some(rule) => Read::Rejected(rule),
            None => Read::Whole(start),
        };
    }
    Read::Incomplete
}

fn head(octets: &[u8], start: impl Fn(&[u8]) -> Result<(Start, u8), &'static str>) -> Read<Head> {
    let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") else { return Read::Incomplete };
    let mut lines = split_crlf(&octets[..end]).into_iter();
    if octets[..end].is_empty() {
        return Read::Rejected("a head begins with a start line");
    }
    let first = lines.next().unwrap_or_default();
    let (start, minor) = match start(first) {
        Ok(start) => start,
        Err(rule) => return Read::Rejected(rule),
    };
    match lines.map(field).collect() {
        Ok(fields) => Read::Whole(Head { start, minor, fields, len: end + 4 }),
        Err(rule) => Read::Rejected(rule),
    }
}

fn split_crlf(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut start = 0;
    for at in 1..text.len() {
        if &text[at - 1..=at] == b"\r\n" {
            lines.push(&text[start..at - 1]);
            start = at + 1;
        }
    }
    lines.push(&text[start..]);
    lines
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5).
fn field(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    let colon = line.iter().position(|octet| *octet == b':').ok_or("a field line has a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|octet| is_token_octet(*octet)) {
        return Err("a field name is a token");
    }
    if !value.iter().all(|octet| is_text_octet(*octet)) {
        return Err("a field value holds no control characters");
    }
    let is_space = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = value.iter().position(|octet| !is_space(octet)).unwrap_or(value.len());
    let end = value.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    Ok((name.to_vec(), value[start..end].to_vec()))
}

/// What Content-Length and Transfer-Encoding say together.
fn declared(head: &Head) -> Result<Option<Body>, &'static str> {
    let lengths: Vec<_> = head.values("content-length").collect();
    let codings: Vec<_> = head.values("transfer-encoding").collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(None),
        ([], [length]) => {
            if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
                return Err("a length is decimal digits");
            }
            let text = std::str::from_utf8(length).map_err(|_| "a length is decimal digits")?;
            text.parse().map(|length| Some(Body::Length(length))).map_err(|_| "a length fits a counter")
        }
        ([coding], []) if head.minor == 1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Some(Body::Chunked))
        }
        ([_], []) => Err("the only coding is chunked, in HTTP/1.1"),
        _ => Err("one Content-Length or one Transfer-Encoding"),
    }
}

fn minor(version: &[u8]) -> Result<u8, &'static str> {
    match version {
        b"HTTP/1.0" => Ok(0),
        b"HTTP/1.1" => Ok(1),
        _ => Err("the version is HTTP/1.0 or HTTP/1.1"),
    }
}

fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

fn is_text_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}
