//! A response's head: parsed once, and put right first where that is needed and certain.
//!
//! Does not know what is forwarded, nor whom the response is for.

use alloc::vec::Vec;

use bytes::Bytes;

use super::bad_head::BadHead;
use super::connection::ConnectionOptions;
use super::field::Field;
use super::fields::Fields;
use super::framing::{Declared, Framing, response_framing};
use super::grammar::{decimal, list, trim};
use super::limits::{HeadKind, HeadLimits};
use super::lines::{field_lines, status_line};
use super::name::Name;
use super::start_line::StatusLine;
use super::version::Version;
use super::{mend, strict};

/// A response head that kept every rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponseHead {
    raw: Bytes,
    fields: Fields,
    status: u16,
    version: Version,
    framing: Framing,
    keep_alive: bool,
    keep_alive_timeout: Option<u32>,
    event_stream: bool,
}

impl ResponseHead {
    /// Parses `raw`: one whole head, from its first octet to the end of its empty line. A response to
    /// HEAD has no body whatever its fields say. What is certain in meaning is put right, unless it is to be strict.
    ///
    /// # Errors
    /// The first rule broken. Whichever it is, the client is owed a 502.
    pub fn parse(raw: Bytes, request_method_is_head: bool, limits: &HeadLimits) -> Result<Self, BadHead> {
        Self::parse_as(HeadKind::Response, raw, request_method_is_head, limits)
    }

    /// The same by the rules of `kind`.
    ///
    /// # Errors
    /// The first rule broken.
    #[expect(clippy::needless_pass_by_value, reason = "a head is handed over: what is kept is a part of it")]
    pub fn parse_as(
        kind: HeadKind,
        raw: Bytes,
        request_method_is_head: bool,
        limits: &HeadLimits,
    ) -> Result<Self, BadHead> {
        if raw.len() > limits.head_bytes() {
            return Err(BadHead::HeadTooLong);
        }
        match Self::parse_slowly(raw.clone(), request_method_is_head, kind, limits) {
            Err(bad) if kind == HeadKind::Response => {
                Self::mend(&raw, request_method_is_head, limits).ok_or(bad)
            }
            read => read,
        }
    }

    fn parse_slowly(
        mut raw: Bytes,
        to_head: bool,
        kind: HeadKind,
        limits: &HeadLimits,
    ) -> Result<Self, BadHead> {
        let (line, fields) = strict::response(&raw, limits, &mut Vec::new())?;
        let len = raw.len();
        Self::interpret(&mut raw, len, line, fields, to_head, kind)
    }

    #[cold]
    fn mend(raw: &[u8], to_head: bool, limits: &HeadLimits) -> Option<Self> {
        Self::parse_slowly(mend::response(raw)?.into(), to_head, HeadKind::Response, limits).ok()
    }

    /// The short way, for the first octets of a response: takes a usual head off the front of `input` if it is there whole,
    /// without a scan beforehand. `None`: leave it to `HeadScanner`, and what that finds to `parse`.
    ///
    /// # Errors
    /// The first rule broken by a head that is whole. `input` is as it was.
    pub fn parse_front(
        input: &mut Bytes,
        request_method_is_head: bool,
        limits: &HeadLimits,
    ) -> Result<Option<Self>, BadHead> {
        let kind = HeadKind::Response;
        Self::parse_front_in(input, request_method_is_head, kind, limits, &mut Vec::new())
    }

    /// The same, keeping the list of lines in memory that an earlier head left.
    pub(crate) fn parse_front_in(
        input: &mut Bytes,
        request_method_is_head: bool,
        kind: HeadKind,
        limits: &HeadLimits,
        memory: &mut Vec<Field>,
    ) -> Result<Option<Self>, BadHead> {
        let window = input.get(..limits.head_bytes()).unwrap_or(input);
        let Some(line) = status_line(window) else { return Ok(None) };
        let mut fields = Fields::none(memory, line.end);
        let Some(len) = field_lines(window, limits.fields(), &mut fields) else { return Ok(None) };
        debug_assert_eq!(
            strict::response(window.get(..len).unwrap_or_default(), limits, &mut Vec::new()).as_ref(),
            Ok(&(line, fields.clone())),
            "the fast path reads a head differently"
        );
        match Self::interpret(input, len, line, fields, request_method_is_head, kind) {
            // There may be something to put right: `parse` sees to it.
            Err(_) if kind == HeadKind::Response => Ok(None),
            read => read.map(Some),
        }
    }

    fn interpret(
        input: &mut Bytes,
        len: usize,
        StatusLine { status, version, .. }: StatusLine,
        mut fields: Fields,
        to_head: bool,
        kind: HeadKind,
    ) -> Result<Self, BadHead> {
        // All that three digits can say but what no class begins with (RFC 9110 §15).
        if status < 100 {
            return Err(BadHead::BadStatus);
        }
        let head = input.get(..len).unwrap_or_default();
        let declared = Declared::read(head, &fields, version)?;
        let framing = response_framing(declared, status, to_head, kind)?;
        let options = ConnectionOptions::read(head, &mut fields)?;
        Ok(Self {
            status,
            version,
            framing,
            keep_alive: options.persist(version)
                && framing != Framing::Close
                && !declared.announces_octets_after(status),
            keep_alive_timeout: keep_alive_timeout(head, &fields),
            event_stream: is_event_stream(head, &fields),
            raw: input.split_to(len),
            fields,
        })
    }

    /// The head as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The version that the upstream speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The status code, 100–999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase; often empty, never needed.
    pub fn reason(&self) -> &[u8] {
        // "HTTP/1.1 200 " is 13 octets, and the space may be missing when nothing follows.
        trim(self.raw.get(12..self.fields.start().saturating_sub(2)).unwrap_or_default())
    }

    /// What follows the version: status code, reason and CRLF, as they came.
    pub(crate) fn after_version(&self) -> &[u8] {
        self.raw.get(8..self.fields.start()).unwrap_or_default()
    }

    /// The field lines, as offsets into `raw`.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Gives the memory of its lines back: nobody asks for them any more.
    pub(crate) fn take_memory(&mut self) -> Vec<Field> {
        self.fields.take_memory()
    }

    /// The value of the first line that bears `name`.
    pub fn field(&self, name: Name) -> Option<&[u8]> {
        self.fields.named(name).next().map(|field| field.value(&self.raw))
    }

    /// Where the body ends.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the upstream would take another request on this connection (RFC 9112 §9.3).
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// For how many seconds the upstream says that it keeps an idle connection (`Keep-Alive: timeout=N`).
    pub fn keep_alive_timeout(&self) -> Option<u32> {
        self.keep_alive_timeout
    }

    /// Whether this is a stream of server-sent events: it has no end worth waiting for.
    pub fn event_stream(&self) -> bool {
        self.event_stream
    }

    /// Another response to the same request follows (RFC 9110 §15.2).
    pub fn is_interim(&self) -> bool {
        self.status < 200 && !self.is_switching()
    }

    /// What follows is no longer HTTP (RFC 9110 §15.2.2).
    pub fn is_switching(&self) -> bool {
        self.status == 101
    }
}

/// A hint, so that nonsense is ignored and not refused (RFC 2068 §19.7.1.1).
fn keep_alive_timeout(head: &[u8], fields: &Fields) -> Option<u32> {
    if !fields.has(Name::KeepAlive) {
        return None;
    }
    let seconds =
        fields.named(Name::KeepAlive).flat_map(|field| list(field.value(head))).find_map(|parameter| {
            let (name, value) = parameter.split_at_checked("timeout=".len())?;
            if name.eq_ignore_ascii_case(b"timeout=") { decimal(trim(value)) } else { None }
        })?;
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn is_event_stream(head: &[u8], fields: &Fields) -> bool {
    fields.named(Name::ContentType).any(|field| {
        match field.value(head).split_at_checked("text/event-stream".len()) {
            Some((media_type, rest)) if media_type.eq_ignore_ascii_case(b"text/event-stream") => {
                matches!(trim(rest), [] | [b';', ..])
            }
            _ => false,
        }
    })
}
