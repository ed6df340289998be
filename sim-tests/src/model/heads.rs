//! What heads must look like on the other side of the proxy: which lines are kept, and which it adds (RFC 9110 §7.6).

use crate::catalogue::{self, requests::Forwarded, responses::Passed};
use crate::lines::{self, Fate, OF_RESPONSES, OF_TRAILERS};
use crate::script::{AnswerFraming, Method, RequestBody, Script};
use crate::setup::{client_addr, first_endpoint_of, is_trusted};
use crate::wording;
use std::fmt::Write;

/// A head as it must arrive.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// The first line and what is kept of the others, in order, each with its CRLF.
    start: String,
    /// The lines that the proxy adds, in any order.
    added: String,
    /// The proxy names the request by a number of its own.
    is_numbered: bool,
    /// It may say what becomes of the connection.
    may_speak_of_connection: bool,
    /// The proxy adds the time of day.
    is_dated: bool,
}

/// The field by which the proxy names a request.
const NUMBER: &str = "X-Request-Id: ";

impl Expected {
    fn keep(&mut self, line: &str) {
        self.start.push_str(line);
        self.start.push_str("\r\n");
    }

    fn add(&mut self, line: &str) {
        self.added.push_str(line);
        self.added.push_str("\r\n");
    }

    /// Compares a head with what it must be. Returns the number by which the proxy named the request, if it did.
    ///
    /// # Errors
    /// Tells the first difference.
    pub(crate) fn compare(&self, head: &[u8]) -> Result<Option<u64>, String> {
        let head = std::str::from_utf8(head).map_err(|_| "it is no text".to_owned())?;
        let Some(rest) = head.strip_prefix(self.start.as_str()).and_then(|rest| rest.strip_suffix("\r\n"))
        else {
            return Err(format!("{head:?} does not begin with {:?}", self.start));
        };
        let (mut seen, mut number, mut dates) = (0u32, None, 0);
        for line in rest.split_inclusive('\n') {
            if self.is_dated && line.strip_prefix("Date: ").is_some_and(is_date) {
                dates += 1;
                continue;
            }
            if let Some(text) = line.strip_prefix(NUMBER).filter(|_| self.is_numbered && number.is_none()) {
                let text = text.strip_suffix("\r\n").unwrap_or_default();
                let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
                continue;
            }
            let at = self.added.split_inclusive('\n').position(|added| added == line);
            match at.map(|at| 1 << at) {
                Some(bit) if seen & bit == 0 => seen |= bit,
                None if self.may_speak_of_connection && line.starts_with("Connection: ") => {}
                _ => return Err(format!("{line:?} does not belong into {head:?}")),
            }
        }
        if seen.count_ones() as usize != self.added.split_inclusive('\n').count() {
            return Err(format!("{head:?} lacks some of {:?}", self.added));
        }
        if self.is_numbered && number.is_none() {
            return Err(format!("{head:?} has no number"));
        }
        if dates != u32::from(self.is_dated) {
            return Err(format!("{head:?} has {dates} dates of ours"));
        }
        Ok(number)
    }
}

/// Whether a line's rest is a day's date and time as HTTP writes it, and CRLF.
fn is_date(text: &str) -> bool {
    let shape = text.bytes().map(|octet| match octet {
        b'0'..=b'9' => b'0',
        b'A'..=b'Z' | b'a'..=b'z' => b'a',
        octet => octet,
    });
    shape.eq(*b"aaa, 00 aaa 0000 00:00:00 aaa\r\n")
}

/// The head of a request as an origin must get it.
pub(crate) fn forwarded(script: &Script, id: u32) -> Expected {
    let mut expected = Expected { is_numbered: true, ..Expected::default() };
    let index = Script::client_of(id);
    let address = client_addr(script, index).ip().to_canonical();
    let has = match script.raw_request(id).map(|raw| raw.fate) {
        Some(catalogue::requests::Fate::Forwarded(raw)) => put_raw_request(&mut expected, script, id, &raw),
        Some(_) => put_raw_request(&mut expected, script, id, &catalogue::requests::BAD_BODY),
        None => put_request(&mut expected, script, id),
    };
    if has.chunks {
        expected.add("Transfer-Encoding: chunked");
    }
    if has.upgrade {
        expected.add("Connection: upgrade");
    } else if has.te {
        expected.add("Connection: TE");
        expected.add(lines::TE_TRAILERS);
    }
    expected.add(if wording::is_http10(script, id) { "Via: 1.0 weir" } else { "Via: 1.1 weir" });
    if !has.forwarded_for {
        expected.add(&format!("X-Forwarded-For: {address}"));
    }
    if !has.forwarded_proto {
        expected.add("X-Forwarded-Proto: http");
    }
    if let Some(host) = has.host {
        expected.add(&format!("X-Forwarded-Host: {host}"));
    }
    expected.is_numbered = !has.number;
    expected
}

/// What decides which lines the proxy adds.
#[derive(Clone, Copy, Debug, Default)]
struct Has {
    chunks: bool,
    te: bool,
    upgrade: bool,
    forwarded_for: bool,
    forwarded_proto: bool,
    number: bool,
    /// For `X-Forwarded-Host`, unless a trusted proxy sent it.
    host: Option<&'static str>,
}

fn put_request(expected: &mut Expected, script: &Script, id: u32) -> Has {
    let index = Script::client_of(id);
    let (client, request) = (script.client(index), script.request(id));
    let host = wording::host(script, id);
    let (trusts, mut has) = (is_trusted(script, index), Has { host: Some(host), ..Has::default() });
    let (method, target) = (wording::method_name(request.method), wording::target(script, id));
    let _ = write!(expected.start, "{method} {target} HTTP/1.1\r\n");
    for line in wording::request_lines(&client, &request) {
        match line.fate {
            Fate::Kept => expected.keep(line.text),
            Fate::Believed if trusts => {
                expected.keep(line.text);
                has.forwarded_proto |= line.text.starts_with("X-Forwarded-Proto");
                has.number |= line.text.starts_with(NUMBER);
                has.host = has.host.filter(|_| !line.text.starts_with("X-Forwarded-Host"));
            }
            Fate::Joined if trusts => {
                let address = client_addr(script, index).ip().to_canonical();
                let _ = write!(expected.start, "{}, {address}\r\n", line.text);
                has.forwarded_for = true;
            }
            Fate::Dropped => has.te |= line.text == lines::TE_TRAILERS,
            Fate::Believed | Fate::Joined => {}
        }
    }
    let _ = write!(expected.start, "Host: {host}\r\n");
    wording::put_padding(&mut expected.start, &request);
    if wording::upgrades(script, id) {
        expected.keep(wording::UPGRADE);
        has.upgrade = true;
    }
    let body = wording::framed_body(&client, &request);
    wording::put_length(&mut expected.start, body);
    if wording::expects(script, id) {
        expected.keep(wording::EXPECT);
    }
    has.chunks = matches!(body, RequestBody::Chunked { .. });
    has
}

fn put_raw_request(expected: &mut Expected, script: &Script, id: u32, raw: &Forwarded) -> Has {
    let (sizes, entry) = (script.head_sizes(), script.raw_request(id));
    let (wire, fill) = entry.map_or(("", catalogue::Fill::Nothing), |entry| (entry.wire, entry.fill));
    let filler = catalogue::filler_of(wire, fill, id, sizes);
    let put = |out: &mut String, line: &str| {
        if line == "~" {
            return out.push_str(&filler);
        }
        out.push_str(&line.replace('$', &id.to_string()).replace('~', &filler));
        out.push_str("\r\n");
    };
    put(&mut expected.start, raw.line);
    if let Some(addr) = first_endpoint_of(script, id).filter(|_| raw.host.is_empty()) {
        let _ = write!(expected.start, "Host: {addr}\r\n");
    }
    raw.kept.iter().for_each(|line| put(&mut expected.start, line));
    Has {
        chunks: wire.to_ascii_lowercase().contains("transfer-encoding: chunked\r\n"),
        host: Some(raw.host).filter(|host| !host.is_empty()),
        upgrade: raw.kept.iter().any(|line| line.starts_with("Upgrade: ")),
        ..Has::default()
    }
}

/// The head of a response as its client must get it.
pub(crate) fn returned(script: &Script, id: u32) -> Expected {
    let mut expected = Expected { may_speak_of_connection: true, is_dated: true, ..Expected::default() };
    let (method, to_http10) = (wording::method(script, id), wording::is_http10(script, id));
    if let (Some(raw), passed) = (script.raw_answer(id), passed(script, id)) {
        let is_http10 = put_raw_answer(&mut expected, script, id, raw, passed);
        expected.is_dated = !raw.wire.contains("\r\nDate:");
        expected.add(if is_http10 { "Via: 1.0 weir" } else { "Via: 1.1 weir" });
        let framed = wording::is_close_delimited(script, id)
            || raw.wire.to_ascii_lowercase().contains("transfer-encoding: chunked\r\n");
        if framed && !to_http10 && method != Method::Head && wording::status(script, id) == 200 {
            expected.add("Transfer-Encoding: chunked");
        }
        return expected;
    }
    let answer = script.answer(id);
    let _ = write!(expected.start, "HTTP/1.1 {} Sim\r\nX-Id: {id}\r\n", wording::status(script, id));
    let switches = wording::switches(script, id);
    for line in lines::chosen(&OF_RESPONSES, answer.lines) {
        if line.fate == Fate::Kept || (switches && line.text.starts_with("Upgrade")) {
            expected.keep(line.text);
        }
    }
    expected.add(if answer.http10 { "Via: 1.0 weir" } else { "Via: 1.1 weir" });
    if switches {
        expected.keep(wording::UPGRADE);
        expected.add("Connection: upgrade");
        expected.may_speak_of_connection = false;
        expected.is_dated = false;
        return expected;
    }
    if answer.streams {
        expected.keep(wording::EVENTS);
    }
    if let Some(length) = wording::announced_length(&answer, method) {
        let _ = write!(expected.start, "Content-Length: {length}\r\n");
    }
    let is_framed_anew =
        wording::is_chunked(&answer, method) || wording::framing(&answer, method) == AnswerFraming::Close;
    if is_framed_anew && !to_http10 {
        expected.add("Transfer-Encoding: chunked");
    }
    expected
}

fn passed(script: &Script, id: u32) -> Option<Passed> {
    match script.raw_answer(id)?.fate {
        catalogue::responses::Fate::Passed(passed) => Some(passed),
        _ => None,
    }
}

/// Returns whether the origin speaks 1.0.
fn put_raw_answer(
    expected: &mut Expected,
    script: &Script,
    id: u32,
    raw: &catalogue::responses::RawResponse,
    passed: Option<Passed>,
) -> bool {
    let interims = passed.map_or(0, |passed| passed.interims.len());
    let head = raw.wire.split("\r\n\r\n").nth(interims).unwrap_or_default();
    let line = head.lines().next().unwrap_or_default();
    let (version, status) = line.split_once(' ').unwrap_or_default();
    // The space before the reason is owed even if none follows (RFC 9112 §4).
    let space = if status.len() == 3 { " " } else { "" };
    let _ = write!(expected.start, "HTTP/1.1 {status}{space}\r\n");
    let filler = catalogue::filler_of(raw.wire, raw.fill, id, script.head_sizes());
    let kept = passed.map_or(&["X-Id: $"][..], |passed| passed.kept);
    for line in kept {
        if *line == "~" {
            expected.start.push_str(&filler);
            continue;
        }
        expected.keep(&line.replace('$', &id.to_string()).replace('~', &filler));
    }
    version == "HTTP/1.0"
}

/// Compares an interim response.
///
/// # Errors
/// Tells the first difference.
pub(crate) fn compare_interim(script: &Script, id: u32, status: u16, head: &[u8]) -> Result<(), String> {
    if script.raw_answer(id).is_some() {
        return Ok(());
    }
    let mut expected = Expected::default();
    let _ = write!(expected.start, "HTTP/1.1 {status} {}\r\n", wording::INTERIM_LINES);
    expected.add("Via: 1.1 weir");
    expected.compare(head).map(|_| ())
}

/// The trailer section of a request as an origin must get it.
pub(crate) fn forwarded_trailers(script: &Script, id: u32) -> String {
    if let Some(catalogue::requests::Fate::Forwarded(raw)) = script.raw_request(id).map(|raw| raw.fate) {
        return raw.trailers.iter().map(|line| format!("{line}\r\n")).collect();
    }
    let (client, request) = (script.client(Script::client_of(id)), script.request(id));
    match wording::framed_body(&client, &request) {
        RequestBody::Chunked { .. } => kept_trailers(request.trailers),
        RequestBody::None | RequestBody::Length(_) => String::new(),
    }
}

/// The trailer section of a response as its client must get it.
pub(crate) fn returned_trailers(script: &Script, id: u32) -> String {
    if wording::is_http10(script, id) || wording::method(script, id) == Method::Head {
        return String::new();
    }
    if script.raw_answer(id).is_some() {
        let trailers = passed(script, id).map_or(&[][..], |passed| passed.trailers);
        return trailers.iter().map(|line| format!("{line}\r\n")).collect();
    }
    let answer = script.answer(id);
    let is_chunked = wording::is_chunked(&answer, wording::method(script, id));
    if is_chunked { kept_trailers(answer.trailers) } else { String::new() }
}

fn kept_trailers(chosen: u8) -> String {
    let kept = lines::chosen(&OF_TRAILERS, chosen.into()).filter(|line| line.fate == Fate::Kept);
    kept.map(|line| format!("{}\r\n", line.text)).collect()
}
