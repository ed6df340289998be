//! How messages are worded: what clients ask and origins answer, as the script has it.

use crate::catalogue::{self, requests, responses};
use crate::content::{self, Body, push_body};
use crate::lines::{self, OF_REQUESTS, OF_RESPONSES, OF_TRAILERS};
use crate::script::{Answer, AnswerEnd, AnswerFraming, Client, Leave, Method, Request, RequestBody, Script};
use bytes::Bytes;
use std::fmt::Write;

/// Hosts that clients ask for.
pub(crate) const HOSTS: [&str; 6] = ["sim", "a.sim", "b.a.sim", "other", "A.Sim:8080", "asim"];

/// What stands before the number in the targets that clients ask for.
pub(crate) const PATHS: [&str; 5] = ["/", "/r/", "/r/s/", "/rs/", "/r/?x=/"];

/// A request as its client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) octets: Bytes,
    /// Where its body begins.
    pub(crate) head_len: usize,
}

/// What is in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// So many octets as `content` makes them.
    Made(usize),
    /// These.
    Given(&'static str),
}

impl Content {
    /// How many octets it has.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Made(len) => len,
            Self::Given(text) => text.len(),
        }
    }

    /// The first octet of `data` that does not belong at `offset`, as its place in the body.
    pub(crate) fn first_wrong(self, id: u32, body: Body, offset: usize, data: &[u8]) -> Option<usize> {
        match self {
            Self::Made(_) => content::first_wrong(id, body, offset, data),
            Self::Given(text) => {
                let rest = text.as_bytes().get(offset..).unwrap_or_default();
                data.iter()
                    .enumerate()
                    .find_map(|(at, byte)| (rest.get(at) != Some(byte)).then_some(offset + at))
            }
        }
    }
}

pub(crate) const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Patch => "PATCH",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Brew => "BREW",
    }
}

/// The method with this name.
fn method_named(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        _ => Method::Brew,
    }
}

/// The method of a request; `Get` if it has none.
pub(crate) fn method(script: &Script, id: u32) -> Method {
    match script.raw_request(id).map(|raw| raw.fate) {
        None => script.request(id).method,
        Some(requests::Fate::Forwarded(forwarded)) => {
            method_named(forwarded.line.split(' ').next().unwrap_or_default())
        }
        Some(requests::Fate::BadBody) => Method::Post,
        Some(requests::Fate::Refused(_) | requests::Fate::Answered) => Method::Get,
    }
}

/// Whether a request may be sent twice (RFC 9110 §9.2.2).
pub(crate) const fn is_idempotent(method: Method) -> bool {
    !matches!(method, Method::Post | Method::Patch | Method::Brew)
}

/// Whether the client of a request speaks 1.0 in it.
pub(crate) fn is_http10(script: &Script, id: u32) -> bool {
    match script.raw_request(id) {
        Some(raw) => raw.http10,
        None => script.client(Script::client_of(id)).http10,
    }
}

/// What the body of a request has in it.
pub(crate) fn request_content(script: &Script, id: u32) -> Content {
    match script.raw_request(id).map(|raw| raw.fate) {
        None if upgrades(script, id) => Content::Made(0),
        None => Content::Made(request_octets(&script.request(id))),
        Some(requests::Fate::Forwarded(forwarded)) => Content::Given(forwarded.content),
        Some(_) => Content::Given(""),
    }
}

/// Content octets of a request that is not of the catalogue.
pub(crate) fn request_octets(request: &Request) -> usize {
    match request.body {
        RequestBody::None => 0,
        RequestBody::Length(octets) | RequestBody::Chunked { octets, .. } => octets as usize,
    }
}

/// Whether the client may still be sending when it has been answered early.
pub(crate) fn has_body(script: &Script, id: u32) -> bool {
    match script.raw_request(id).map(|raw| raw.fate) {
        None => request_content(script, id).len() > 0,
        Some(requests::Fate::Forwarded(forwarded)) => !forwarded.content.is_empty(),
        Some(requests::Fate::BadBody) => true,
        Some(_) => false,
    }
}

/// Whether the client says that this request is its last.
pub(crate) fn says_close(script: &Script, id: u32) -> bool {
    let client = script.client(Script::client_of(id));
    match script.raw_request(id) {
        // Without keep-alive, 1.0 means close.
        Some(raw) => raw.http10,
        None => {
            script.request(id).closes || (client.leave == Leave::HalfCloses && Script::is_last(&client, id))
        }
    }
}

/// Writes a request.
pub(crate) fn ask(script: &Script, id: u32) -> Asked {
    if let Some(raw) = script.raw_request(id) {
        let mut octets = Vec::new();
        catalogue::write(&mut octets, raw.wire.as_bytes(), raw.fill, id, script.head_sizes());
        return Asked { head_len: catalogue::head_len(&octets), octets: octets.into() };
    }
    let (client, request) = (script.client(Script::client_of(id)), script.request(id));
    let version = if client.http10 { "1.0" } else { "1.1" };
    let mut head = String::with_capacity(512);
    let _ = write!(head, "{} {} HTTP/{version}\r\n", method_name(request.method), target(script, id));
    for line in request_lines(&client, &request) {
        head.push_str(line.text);
        head.push_str("\r\n");
    }
    match (says_close(script, id), client.http10) {
        (true, false) => head.push_str("Connection: close\r\n"),
        (false, true) => head.push_str("Connection: keep-alive\r\n"),
        (true, true) | (false, false) => {}
    }
    let _ = write!(head, "Host: {}\r\n", host(script, id));
    put_padding(&mut head, &request);
    if upgrades(script, id) {
        let _ = write!(head, "Connection: upgrade\r\n{UPGRADE}\r\n");
    }
    let body = framed_body(&client, &request);
    put_length(&mut head, body);
    if let RequestBody::Chunked { .. } = body {
        head.push_str("Transfer-Encoding: chunked\r\n");
    }
    if expects(script, id) {
        let _ = write!(head, "{EXPECT}\r\n");
    }
    head.push_str("\r\n");
    let mut octets = head.into_bytes();
    let head_len = octets.len();
    match body {
        RequestBody::None => {}
        RequestBody::Length(n) => push_body(&mut octets, id, Body::Request, n as usize, None),
        RequestBody::Chunked { octets: n, chunk } => {
            push_body(&mut octets, id, Body::Request, n as usize, Some(chunk as usize));
            put_trailers(&mut octets, request.trailers);
        }
    }
    Asked { octets: octets.into(), head_len }
}

/// The host that a request which is not of the catalogue is for.
pub(crate) fn host(script: &Script, id: u32) -> &'static str {
    HOSTS[usize::from(script.request(id).host) % HOSTS.len()]
}

/// The target of a request that is not of the catalogue.
pub(crate) fn target(script: &Script, id: u32) -> String {
    format!("{}{id}", before_number(script, id))
}

/// What stands before the number in such a target.
pub(crate) fn before_number(script: &Script, id: u32) -> &'static str {
    PATHS[usize::from(script.request(id).path) % PATHS.len()]
}

pub(crate) const EXPECT: &str = "Expect: 100-continue";

/// Whether a request asks to leave HTTP, in a way that goes on.
pub(crate) fn upgrades(script: &Script, id: u32) -> bool {
    let (client, request) = (script.client(Script::client_of(id)), script.request(id));
    request.upgrades && request.raw == 0 && !client.http10
}

/// Whether a client sends what belongs behind the 101 before there is one.
pub(crate) fn is_eager(script: &Script, id: u32) -> bool {
    script.client(Script::client_of(id)).pipelined
        && upgrades(script, id)
        && request_octets(&script.request(id)) > 0
}

/// Whether a request is answered by a 101.
pub(crate) fn switches(script: &Script, id: u32) -> bool {
    let answer = script.answer(id);
    answer.switches && answer.raw == 0 && !answer.http10 && upgrades(script, id)
}

pub(crate) const UPGRADE: &str = "Upgrade: sim";

/// The lines of the table that a request has. A 1.0 client knows no trailers.
pub(crate) fn request_lines(
    client: &Client,
    request: &Request,
) -> impl Iterator<Item = &'static lines::Line> {
    let http10 = client.http10;
    lines::chosen(&OF_REQUESTS, request.lines)
        .filter(move |line| !(http10 && line.text == lines::TE_TRAILERS))
}

/// Padding that fits even into the shortest head.
pub(crate) fn put_padding(head: &mut String, request: &Request) {
    if request.padding > 0 {
        let _ = write!(head, "X-Padding: {}\r\n", "p".repeat(usize::from(request.padding)));
    }
}

/// The length of a body that has one.
pub(crate) fn put_length(head: &mut String, body: RequestBody) {
    if let RequestBody::Length(octets) = body {
        let _ = write!(head, "Content-Length: {octets}\r\n");
    }
}

/// How the body of a request is framed: HTTP/1.0 has no chunks.
pub(crate) fn framed_body(client: &Client, request: &Request) -> RequestBody {
    match request.body {
        _ if request.upgrades && !client.http10 => RequestBody::None,
        RequestBody::Chunked { octets, .. } if client.http10 => RequestBody::Length(octets),
        RequestBody::None if matches!(request.method, Method::Post | Method::Put) => RequestBody::Length(0),
        body => body,
    }
}

/// Whether the body of a request comes in chunks.
pub(crate) fn is_chunked_request(script: &Script, id: u32) -> bool {
    match script.raw_request(id) {
        Some(raw) => raw.wire.to_ascii_lowercase().contains("transfer-encoding: chunked\r\n"),
        None => {
            let client = script.client(Script::client_of(id));
            matches!(framed_body(&client, &script.request(id)), RequestBody::Chunked { .. })
        }
    }
}

/// Whether the client waits for a 100.
pub(crate) fn expects(script: &Script, id: u32) -> bool {
    let (client, request) = (script.client(Script::client_of(id)), script.request(id));
    let has_body = request_octets(&request) > 0 && !request.upgrades;
    request.raw == 0 && request.expects && !client.http10 && has_body
}

fn put_trailers(octets: &mut Vec<u8>, trailers: u8) {
    // The last chunk and the section's end are there already; the lines go between.
    octets.truncate(octets.len() - 2);
    for line in lines::chosen(&OF_TRAILERS, trailers.into()) {
        octets.extend_from_slice(line.text.as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"\r\n");
}

/// An answer as its origin sends it.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) octets: Bytes,
    pub(crate) lengths: Lengths,
}

/// Places in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// How many of its octets are sent before the end that the script wants.
    pub(crate) sent_max: usize,
    /// Where the final response's head ends.
    pub(crate) head_end: usize,
    /// Where the message ends.
    pub(crate) message_end: usize,
}

/// The status of an answer; 0 if it has none that may go on.
pub(crate) fn status(script: &Script, id: u32) -> u16 {
    match script.raw_answer(id).map(|raw| raw.fate) {
        None if switches(script, id) => 101,
        None => plain_status(&script.answer(id)),
        Some(responses::Fate::Passed(passed)) => passed.status,
        Some(responses::Fate::Cut) => 200,
        Some(responses::Fate::Bad | responses::Fate::TooLarge) => 0,
    }
}

fn plain_status(answer: &Answer) -> u16 {
    [200, 204, 304, 404, 500][usize::from(answer.status % 5)]
}

/// Whether the content of a request goes on octet by octet, without chunks.
pub(crate) fn keeps_request(script: &Script, id: u32) -> bool {
    script.request(id).raw == 0 && (switches(script, id) || !is_chunked_request(script, id))
}

/// Whether the content of an answer does.
pub(crate) fn keeps_response(script: &Script, id: u32) -> bool {
    let answer = script.answer(id);
    let has_length = framing(&answer, method(script, id)) == AnswerFraming::Length;
    answer.raw == 0 && script.request(id).raw == 0 && (switches(script, id) || has_length)
}

/// The content that the client should get.
pub(crate) fn response_content(script: &Script, id: u32) -> Content {
    let to_head = method(script, id) == Method::Head;
    match script.raw_answer(id).map(|raw| raw.fate) {
        Some(responses::Fate::Passed(passed)) if !to_head => Content::Given(passed.content),
        Some(_) => Content::Given(""),
        None => Content::Made(content_len(&script.answer(id), method(script, id))),
    }
}

fn content_len(answer: &Answer, method: Method) -> usize {
    if has_content(answer, method) { answer.octets as usize } else { 0 }
}

fn has_content(answer: &Answer, method: Method) -> bool {
    !matches!(plain_status(answer), 204 | 304) && method != Method::Head
}

/// How an answer is framed. HTTP/1.0 has no chunks, and nothing ends nothing.
pub(crate) fn framing(answer: &Answer, method: Method) -> AnswerFraming {
    let wanted = match answer.framing {
        AnswerFraming::Chunked if answer.http10 => AnswerFraming::Close,
        framing => framing,
    };
    let is_empty = content_len(answer, method) == 0;
    if wanted == AnswerFraming::Close && is_empty { AnswerFraming::Length } else { wanted }
}

/// Whether the end of a response is the end of its connection.
pub(crate) fn is_close_delimited(script: &Script, id: u32) -> bool {
    match script.raw_answer(id) {
        None => framing(&script.answer(id), method(script, id)) == AnswerFraming::Close,
        Some(raw) => {
            let has_length = raw.wire.contains("Content-Length") || raw.wire.contains("Transfer-Encoding");
            matches!(raw.fate, responses::Fate::Passed(_)) && raw.closes && !has_length
        }
    }
}

/// Whether the origin ends the connection after this answer.
pub(crate) fn ends_connection(script: &Script, id: u32) -> bool {
    match script.raw_answer(id) {
        Some(raw) => raw.closes,
        None => script.answer(id).closes || is_close_delimited(script, id),
    }
}

/// Whether the origin says that it ends the connection, and leaves it open.
pub(crate) fn leaves_open(script: &Script, id: u32) -> bool {
    let answer = script.answer(id);
    answer.lingers && answer.raw == 0 && !switches(script, id) && !is_close_delimited(script, id)
}

/// The statuses of the interim responses before the final one.
pub(crate) fn interims(script: &Script, id: u32) -> Vec<u16> {
    match script.raw_answer(id).map(|raw| raw.fate) {
        Some(responses::Fate::Passed(passed)) => passed.interims.to_vec(),
        Some(responses::Fate::Cut) => Vec::new(),
        Some(responses::Fate::Bad | responses::Fate::TooLarge) => vec![103],
        None => {
            // Behind 1.0 nobody knows them.
            let answer = script.answer(id);
            let bits = if answer.http10 { 0 } else { answer.interims };
            let chosen = INTERIMS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
            chosen.map(|(_, status)| *status).collect()
        }
    }
}

/// The statuses of all interim responses that the client of a request should get, in order.
pub(crate) fn all_interims(script: &Script, id: u32) -> Vec<u16> {
    let continues = script.answer(id).continues && expects(script, id);
    let mut all = if continues { vec![100] } else { Vec::new() };
    all.extend(interims(script, id));
    all
}

const INTERIMS: [u16; 4] = [103, 102, 100, 199];

/// What follows the status of every interim response that is not of the catalogue.
pub(crate) const INTERIM_LINES: &str = "Interim\r\nLink: </a>";

/// Writes an answer. `hint`: for how many seconds the origin says that it keeps the connection.
pub(crate) fn answer(script: &Script, id: u32, hint: u8) -> Answered {
    let (plan, method) = (script.answer(id), method(script, id));
    if let Some(raw) = script.raw_answer(id) {
        return raw_answer(script, id, raw, method);
    }
    let mut head = String::with_capacity(512);
    for status in interims(script, id) {
        let _ = write!(head, "HTTP/1.1 {status} {INTERIM_LINES}\r\n\r\n");
    }
    if switches(script, id) {
        return switching_answer(head, &plan, id);
    }
    let version = if plan.http10 { "1.0" } else { "1.1" };
    let _ = write!(head, "HTTP/{version} {} Sim\r\nX-Id: {id}\r\n", plain_status(&plan));
    for line in lines::chosen(&OF_RESPONSES, plan.lines) {
        head.push_str(line.text);
        head.push_str("\r\n");
    }
    if plan.streams {
        let _ = write!(head, "{EVENTS}\r\n");
    }
    let framing = framing(&plan, method);
    if let Some(length) = announced_length(&plan, method) {
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    let is_chunked = framing == AnswerFraming::Chunked && has_content(&plan, method);
    if is_chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    }
    match (ends_connection(script, id), plan.http10) {
        (true, false) => head.push_str("Connection: close\r\n"),
        (true, true) => {}
        (false, http10) => {
            if http10 {
                head.push_str("Connection: keep-alive\r\n");
            }
            if hint > 0 {
                let _ = write!(head, "Keep-Alive: timeout={hint}\r\n");
            }
        }
    }
    head.push_str("\r\n");
    let mut octets = head.into_bytes();
    let head_end = octets.len();
    if has_content(&plan, method) {
        let chunk = if plan.chunk == 0 { usize::MAX } else { plan.chunk as usize };
        let len = content_len(&plan, method);
        push_body(&mut octets, id, Body::Response, len, is_chunked.then_some(chunk));
        if is_chunked {
            put_trailers(&mut octets, plan.trailers);
        }
    }
    let message_end = octets.len();
    if plan.end == AnswerEnd::OverLong {
        octets.extend_from_slice(b"HTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n");
    }
    let sent_max = sent_max(&plan, message_end).unwrap_or(octets.len());
    Answered { octets: octets.into(), lengths: Lengths { sent_max, head_end, message_end } }
}

/// How many octets are sent of a message, if not all.
fn sent_max(plan: &Answer, message_end: usize) -> Option<usize> {
    match plan.end {
        AnswerEnd::Whole | AnswerEnd::OverLong => None,
        AnswerEnd::Hangs { at } | AnswerEnd::Fin { at } | AnswerEnd::Reset { at } => {
            Some(usize::from(at) % message_end)
        }
    }
}

/// A 101, and what the origin sends behind it.
fn switching_answer(mut head: String, plan: &Answer, id: u32) -> Answered {
    let _ = write!(head, "HTTP/1.1 101 Sim\r\nX-Id: {id}\r\n");
    for line in lines::chosen(&OF_RESPONSES, plan.lines) {
        head.push_str(line.text);
        head.push_str("\r\n");
    }
    let _ = write!(head, "Connection: upgrade\r\n{UPGRADE}\r\n\r\n");
    let mut octets = head.into_bytes();
    let head_end = octets.len();
    push_body(&mut octets, id, Body::Response, plan.octets as usize, None);
    let message_end = octets.len();
    let sent_max = sent_max(plan, message_end).unwrap_or(message_end);
    Answered { octets: octets.into(), lengths: Lengths { sent_max, head_end, message_end } }
}

/// What tells a stream of events.
pub(crate) const EVENTS: &str = "Content-Type: text/event-stream";

/// Whether an exchange may last for as long as something moves, as far as its answer says.
pub(crate) fn is_streamed(script: &Script, id: u32) -> bool {
    let answer = script.answer(id);
    switches(script, id) || (answer.streams && answer.raw == 0)
}

/// The length that an answer announces, also where it has no content.
pub(crate) fn announced_length(answer: &Answer, method: Method) -> Option<u32> {
    let is_announced = framing(answer, method) == AnswerFraming::Length && plain_status(answer) != 204;
    is_announced.then_some(answer.octets)
}

/// Whether the content of an answer comes in chunks.
pub(crate) fn is_chunked(answer: &Answer, method: Method) -> bool {
    framing(answer, method) == AnswerFraming::Chunked && has_content(answer, method)
}

fn raw_answer(script: &Script, id: u32, raw: &responses::RawResponse, method: Method) -> Answered {
    let mut octets = Vec::new();
    catalogue::write(&mut octets, raw.wire.as_bytes(), raw.fill, id, script.head_sizes());
    let interims = if let responses::Fate::Passed(passed) = raw.fate { passed.interims.len() } else { 0 };
    let mut head_end = 0;
    for _ in 0..=interims {
        head_end += catalogue::head_len(&octets[head_end..]);
    }
    let message_end = match raw.fate {
        // What is wrong may stand behind an interim head.
        responses::Fate::Bad | responses::Fate::TooLarge => octets.len(),
        responses::Fate::Passed(_) | responses::Fate::Cut if method == Method::Head => head_end,
        responses::Fate::Passed(passed) => octets.len() - passed.leftover.len(),
        responses::Fate::Cut => octets.len(),
    };
    Answered { lengths: Lengths { sent_max: octets.len(), head_end, message_end }, octets: octets.into() }
}

/// Whether octets follow an answer that nobody asked for.
pub(crate) fn is_over_long(script: &Script, id: u32) -> bool {
    match script.raw_answer(id).map(|raw| raw.fate) {
        None => script.answer(id).end == AnswerEnd::OverLong,
        Some(responses::Fate::Passed(passed)) => {
            let to_head = method(script, id) == Method::Head;
            !passed.leftover.is_empty() || (to_head && !passed.content.is_empty())
        }
        Some(_) => true,
    }
}

/// The request that a target names.
pub(crate) fn id_of(target: &str) -> Option<u32> {
    target.rsplit('/').next()?.split(['?', '#']).next()?.parse().ok()
}

/// What of a request can be said to have been sent: its number, once enough of the first line came.
pub(crate) fn id_in_fragment(fragment: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(fragment).ok()?;
    let mut words = text.split(' ');
    let (_, target, _) = (words.next()?, words.next()?, words.next()?);
    id_of(target)
}

/// Whether `id` is one that the script's clients use.
pub(crate) fn is_known(script: &Script, id: u32) -> bool {
    let index = Script::client_of(id);
    index < script.people() && id < Script::id(index, Script::count(&script.client(index)))
}
