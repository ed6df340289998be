//! A request's head: parsed once, strictly, into what the rest of the core asks of it.
//!
//! Keeps the octets as they came and remembers where things are. Does not know what is forwarded.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use bytes::Bytes;

use super::bad_head::BadHead;
use super::connection::ConnectionOptions;
use super::field::Field;
use super::fields::{Fields, Several};
use super::framing::{Declared, Framing, request_framing};
use super::grammar::{decimal, list, trim};
use super::host::HostSpan;
use super::limits::HeadLimits;
use super::lines::{field_lines, request_line};
use super::method::{METHOD_BYTES_MAX, Method};
use super::name::Name;
use super::start_line::RequestLine;
use super::target::{RequestTarget, TargetForm};
use super::version::Version;
use super::{mend, strict};

/// A request head that kept every rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestHead {
    raw: Bytes,
    fields: Fields,
    target: RequestTarget,
    host: Option<HostSpan>,
    method: Method,
    version: Version,
    framing: Framing,
    max_forwards: Option<u32>,
    keep_alive: bool,
    expect_continue: bool,
    upgrade: bool,
}

impl RequestHead {
    /// Parses `raw`: one whole head, from its first octet to the end of its empty line.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(mut raw: Bytes, limits: &HeadLimits) -> Result<Self, BadHead> {
        if raw.len() > limits.head_bytes() {
            return Err(BadHead::HeadTooLong);
        }
        match Self::parse_front(&mut raw, limits)? {
            Some(head) if raw.is_empty() => Ok(head),
            Some(_) => Err(BadHead::Incomplete),
            None => match Self::parse_slowly(raw.clone(), limits) {
                Err(bad) if is_mendable(bad) => Self::mend(&raw, limits).ok_or(bad),
                read => read,
            },
        }
    }

    fn parse_slowly(mut raw: Bytes, limits: &HeadLimits) -> Result<Self, BadHead> {
        let (line, fields) = strict::request(&raw, limits, &mut Vec::new())?;
        let len = raw.len();
        Self::interpret(&mut raw, len, line, fields, limits)
    }

    #[cold]
    fn mend(raw: &[u8], limits: &HeadLimits) -> Option<Self> {
        Self::parse_slowly(mend::request(raw)?.into(), limits).ok()
    }

    /// The short way, for the first octets of a request: takes a usual head off the front of `input` if it is there whole,
    /// as it nearly always is, without a scan beforehand. `None`: leave it to `HeadScanner`, and what that finds to `parse`.
    ///
    /// # Errors
    /// The first rule broken by a head that is whole. `input` is as it was.
    pub fn parse_front(input: &mut Bytes, limits: &HeadLimits) -> Result<Option<Self>, BadHead> {
        Self::parse_front_in(input, limits, &mut Vec::new())
    }

    /// The same, keeping the list of lines in memory that an earlier head left.
    pub(crate) fn parse_front_in(
        input: &mut Bytes,
        limits: &HeadLimits,
        memory: &mut Vec<Field>,
    ) -> Result<Option<Self>, BadHead> {
        let window = input.get(..limits.head_bytes()).unwrap_or(input);
        let Some(line) = request_line(window) else { return Ok(None) };
        let mut fields = Fields::none(memory, line.end);
        let Some(len) = field_lines(window, limits.fields(), &mut fields) else { return Ok(None) };
        debug_assert_eq!(
            strict::request(window.get(..len).unwrap_or_default(), limits, &mut Vec::new()).as_ref(),
            Ok(&(line, fields.clone())),
            "the fast path reads a head differently"
        );
        match Self::interpret(input, len, line, fields, limits) {
            Err(bad) if is_mendable(bad) => Ok(None),
            read => read.map(Some),
        }
    }

    fn interpret(
        input: &mut Bytes,
        len: usize,
        line: RequestLine,
        mut fields: Fields,
        limits: &HeadLimits,
    ) -> Result<Self, BadHead> {
        let head = input.get(..len).unwrap_or_default();
        let RequestLine { method_end, target, version, .. } = line;
        if target.end - target.start > limits.target_bytes {
            return Err(BadHead::TargetTooLong);
        }
        let method = known_method(head.get(..method_end).unwrap_or_default())?;
        let (target, authority) = RequestTarget::parse(head, target, method)?;
        if fields.has(Name::Underscored) {
            return Err(BadHead::UnderscoredName);
        }
        let host = host(head, &fields, &target, authority, version)?;
        let framing = request_framing(Declared::read(head, &fields, version)?);
        let options = ConnectionOptions::read(head, &mut fields)?;
        Ok(Self {
            host,
            framing,
            max_forwards: max_forwards(head, &fields, method)?,
            keep_alive: options.persist(version),
            expect_continue: expect_continue(head, &fields, version, framing)?,
            upgrade: options.upgrade && wants_upgrade(head, &fields, version),
            raw: input.split_to(len),
            fields,
            target,
            method,
            version,
        })
    }

    /// The head as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as it was spelt.
    pub fn method_bytes(&self) -> &[u8] {
        self.raw.get(..self.target.start().saturating_sub(1)).unwrap_or_default()
    }

    /// The version that the client speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The field lines, as offsets into `raw`.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Gives the memory of its lines back: nobody asks for them any more.
    /// The same in memory of its own: it may be kept without pinning the read buffer that it came in.
    pub(crate) fn detached(&self) -> Self {
        Self { raw: Bytes::copy_from_slice(&self.raw), ..self.clone() }
    }

    pub(crate) fn take_memory(&mut self) -> Vec<Field> {
        self.fields.take_memory()
    }

    /// The value of the first line that bears `name`.
    pub fn field(&self, name: Name) -> Option<&[u8]> {
        self.fields.named(name).next().map(|field| field.value(&self.raw))
    }

    /// The value of the first line whose name is spelt so, but for case.
    pub fn field_by_name(&self, name: &[u8]) -> Option<&[u8]> {
        let is_named = |field: &Field| field.name_bytes(&self.raw).eq_ignore_ascii_case(name);
        self.fields.all(&self.raw).find(is_named).map(|field| field.value(&self.raw))
    }

    /// Which form the target has.
    pub fn target_form(&self) -> TargetForm {
        self.target.form()
    }

    /// The target as it was sent.
    pub fn target_bytes(&self) -> &[u8] {
        self.target.bytes(&self.raw)
    }

    /// The path, never empty; `*` for the asterisk-form.
    pub fn path(&self) -> &[u8] {
        self.target.path(&self.raw)
    }

    /// Path and query as origin-form puts them.
    pub fn path_and_query(&self) -> Cow<'_, [u8]> {
        self.target.path_and_query(&self.raw)
    }

    pub(crate) fn after_authority(&self) -> &[u8] {
        self.target.after_authority(&self.raw)
    }

    /// The host that is asked for, without its port and the dot that ends a fully qualified name, as it was spelt (hosts
    /// ignore case): from the target if that is in absolute-form, else from Host. `None` only in HTTP/1.0.
    pub fn host(&self) -> Option<&str> {
        core::str::from_utf8(self.host_bytes()?).ok()
    }

    pub(crate) fn host_bytes(&self) -> Option<&[u8]> {
        Some(self.host?.relative_host(&self.raw))
    }

    /// `host` in lower case; copied only if it was not.
    pub fn host_lowercase(&self) -> Option<Cow<'_, str>> {
        let host = self.host()?;
        Some(match host.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        })
    }

    /// The port that came with the host.
    pub fn port(&self) -> Option<u16> {
        self.host?.port()
    }

    /// Host and port as they were spelt, for X-Forwarded-Host and logs.
    pub fn authority(&self) -> Option<&[u8]> {
        Some(self.host?.authority(&self.raw))
    }

    /// Where the body ends.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The length that the client announced.
    pub fn content_length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked | Framing::Close => None,
        }
    }

    /// Whether the client would like to send another request on this connection (RFC 9112 §9.3).
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client may hold its body back until it is told to go on (RFC 9110 §10.1.1).
    pub fn expect_continue(&self) -> bool {
        self.expect_continue
    }

    /// Whether the client offers to leave HTTP (RFC 9110 §7.8), in a way that we pass on.
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }

    /// How many gateways a TRACE or OPTIONS may still pass; at 0 we are its recipient (RFC 9110 §7.6.2).
    pub fn max_forwards(&self) -> Option<u32> {
        self.max_forwards
    }

    /// Whether the client takes trailers (RFC 9110 §10.1.4).
    pub fn accepts_trailers(&self) -> bool {
        self.fields
            .named(Name::Te)
            .flat_map(|field| list(field.value(&self.raw)))
            .any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
    }
}

/// Whether `mend.rs` might put right what is wrong.
fn is_mendable(bad: BadHead) -> bool {
    matches!(bad, BadHead::BadLength | BadHead::BadConnection | BadHead::UnderscoredName)
}

fn known_method(name: &[u8]) -> Result<Method, BadHead> {
    match Method::of(name) {
        Method::Extension if name == b"CONNECT" => Err(BadHead::ConnectUnsupported),
        Method::Extension if name.len() > METHOD_BYTES_MAX => Err(BadHead::MethodTooLong),
        method => Ok(method),
    }
}

/// Whom the request is for (RFC 9112 §3.2, §3.3).
fn host(
    head: &[u8],
    fields: &Fields,
    target: &RequestTarget,
    authority: Option<HostSpan>,
    version: Version,
) -> Result<Option<HostSpan>, BadHead> {
    let field = match fields.only(Name::Host) {
        Ok(None) if version == Version::Http11 => return Err(BadHead::MissingHost),
        Ok(None) => None,
        Ok(Some(line)) => Some(HostSpan::validate(head, line.value_start(), line.value_end())?),
        Err(Several) => return Err(BadHead::SeveralHosts),
    };
    match (authority, field) {
        (None, field) => Ok(field),
        // §3.2.2 has a proxy ignore Host here. We refuse, lest someone on the way did the opposite.
        (Some(authority), Some(host)) if !authority.agrees(&host, head, target.scheme_port(head)) => {
            Err(BadHead::HostMismatch)
        }
        (Some(authority), _) => Ok(Some(authority)),
    }
}

/// RFC 9110 §10.1.1. In HTTP/1.0 it MUST be ignored; without content there is nothing to wait for.
fn expect_continue(
    head: &[u8],
    fields: &Fields,
    version: Version,
    framing: Framing,
) -> Result<bool, BadHead> {
    if !fields.has(Name::Expect) {
        return Ok(false);
    }
    let mut expected = false;
    for field in fields.named(Name::Expect) {
        if !field.value(head).eq_ignore_ascii_case(b"100-continue") {
            return Err(BadHead::UnknownExpectation);
        }
        expected |= !field.is_named_by_connection();
    }
    Ok(expected && version == Version::Http11 && !framing.is_empty())
}

/// RFC 9110 §7.8: not from HTTP/1.0. Nor to HTTP/2, which would carry requests through the tunnel past every rule of ours.
fn wants_upgrade(head: &[u8], fields: &Fields, version: Version) -> bool {
    let mut offered = fields.named(Name::Upgrade).flat_map(|field| list(field.value(head))).peekable();
    version == Version::Http11
        && offered.peek().is_some()
        && offered.all(|protocol| !trim(protocol).eq_ignore_ascii_case(b"h2c"))
}

/// Meant for TRACE and OPTIONS alone (RFC 9110 §7.6.2). A number too large for us is as good as our largest.
fn max_forwards(head: &[u8], fields: &Fields, method: Method) -> Result<Option<u32>, BadHead> {
    if !matches!(method, Method::Trace | Method::Options) {
        return Ok(None);
    }
    match fields.only(Name::MaxForwards).map(|field| field.map(|field| decimal(field.value(head)))) {
        Ok(None) => Ok(None),
        Ok(Some(Some(number))) => Ok(Some(u32::try_from(number).unwrap_or(u32::MAX))),
        Ok(Some(None)) | Err(Several) => Err(BadHead::BadMaxForwards),
    }
}
