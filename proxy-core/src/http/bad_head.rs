//! Why a head was refused: one name per rule, one sentence for a person, one status for the client.
//!
//! Knows nothing of how a reply looks.

use core::fmt;

/// The rule that a head broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadHead {
    /// The first octets are a TLS handshake.
    TlsHandshake,
    /// The first octets are HTTP/2's connection preface.
    Http2Preface,
    /// The first octets belong to no HTTP/1 message.
    NotHttp,
    /// A line ends in LF alone (RFC 9112 §2.2 lets us accept it; two parsers might not agree).
    BareLf,
    /// A CR that is not followed by LF (RFC 9112 §2.2).
    BareCr,
    /// More empty lines before the request than we skip (RFC 9112 §2.2).
    TooManyBlankLines,
    /// The head is over its limit.
    HeadTooLong,
    /// The request target is over its limit.
    TargetTooLong,
    /// More field lines than the limit.
    TooManyFields,
    /// Octets follow the empty line, or the empty line is missing.
    Incomplete,
    /// Not `METHOD SP target SP HTTP-version` (RFC 9112 §3).
    BadRequestLine,
    /// The method is no token (RFC 9110 §9.1).
    BadMethod,
    /// The method is longer than any that exists (RFC 9112 §3).
    MethodTooLong,
    /// CONNECT: a gateway opens no tunnels to wherever a client likes (RFC 9110 §9.3.6).
    ConnectUnsupported,
    /// An octet in the target that is not visible ASCII, or a fragment (RFC 9112 §3.2).
    BadTarget,
    /// The target has none of the four forms, or one that its method does not allow (RFC 9112 §3.2).
    BadTargetForm,
    /// The path climbs out of the root (RFC 3986 §5.2.4).
    PathClimbs,
    /// The path leads elsewhere for servers that decode encoded slashes, merge slashes, or cut parameters off.
    AmbiguousPath,
    /// An absolute-form target whose scheme is neither `http` nor `https`.
    UnsupportedScheme,
    /// HTTP, but neither 1.0 nor 1.1 (RFC 9110 §2.5).
    UnsupportedVersion,
    /// Not `HTTP-version SP status-code SP [reason]` (RFC 9112 §4).
    BadStatusLine,
    /// A status code below 100 (RFC 9110 §15).
    BadStatus,
    /// A line that continues the previous one (RFC 9112 §5.2).
    ObsFold,
    /// A field line without a colon (RFC 9112 §5).
    NoColon,
    /// Nothing before the colon (RFC 9110 §5.1).
    EmptyFieldName,
    /// Whitespace between a name and its colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A field name that is no token (RFC 9110 §5.1).
    BadFieldName,
    /// A control character in a field value (RFC 9110 §5.5).
    BadFieldValue,
    /// A name that CGI-style servers take for another one, with `_` for `-` (RFC 3875 §4.1.18).
    UnderscoredName,
    /// HTTP/1.1 without Host (RFC 9112 §3.2).
    MissingHost,
    /// More than one Host field line (RFC 9112 §3.2).
    SeveralHosts,
    /// Host, or the target's authority, is not `uri-host [":" port]` (RFC 9110 §7.2).
    BadHost,
    /// The target's authority and Host name different servers (RFC 9112 §3.2.2).
    HostMismatch,
    /// Content-Length and Transfer-Encoding together (RFC 9112 §6.1).
    LengthAndCoding,
    /// More than one Content-Length (RFC 9110 §8.6).
    SeveralLengths,
    /// Content-Length is not a plain decimal number (RFC 9110 §8.6).
    BadLength,
    /// A length where there can be no content (RFC 9110 §8.6).
    LengthWithoutBody,
    /// A transfer coding, under `chunked`, that we do not know (RFC 9112 §6.1).
    UnknownCoding,
    /// Transfer-Encoding does not end in one `chunked`, or is malformed (RFC 9112 §6.3 item 4).
    BadCoding,
    /// More than one Transfer-Encoding field line.
    SeveralCodings,
    /// Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    CodingInHttp10,
    /// A transfer coding where there can be no content (RFC 9112 §6.1).
    CodingWithoutBody,
    /// Connection is not a list of tokens, or absurdly long (RFC 9110 §7.6.1).
    BadConnection,
    /// Connection asks us to strip a field that says where the message ends or goes (RFC 9110 §7.6.1).
    ConnectionNamesFraming,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    UnknownExpectation,
    /// Max-Forwards is no decimal number (RFC 9110 §7.6.2).
    BadMaxForwards,
    /// Via names this very proxy: it would come back for ever (RFC 9110 §7.6.3).
    Loop,
}

impl BadHead {
    /// The status that a client deserves for such a request. A response is a 502 whatever its fault.
    pub fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::UnknownExpectation => 417,
            Self::HeadTooLong | Self::TooManyFields => 431,
            Self::MethodTooLong | Self::ConnectUnsupported | Self::UnknownCoding => 501,
            Self::UnsupportedVersion | Self::Http2Preface => 505,
            Self::Loop => 508,
            _ => 400,
        }
    }

    /// Whether it is a matter of size, not of form.
    pub fn is_too_large(self) -> bool {
        matches!(self, Self::TargetTooLong | Self::HeadTooLong | Self::TooManyFields)
    }

    /// The rule as one sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::TlsHandshake => {
                "This is a TLS handshake, but this port speaks plain HTTP: use http:// here."
            }
            Self::Http2Preface => {
                "This port speaks HTTP/1.1 only, and the client began HTTP/2 without asking (prior knowledge)."
            }
            Self::NotHttp => "The first octets are not HTTP.",
            Self::BareLf => "A line ends in LF alone; every line must end in CRLF.",
            Self::BareCr => "A CR stands alone; it may only be followed by LF.",
            Self::TooManyBlankLines => "Too many empty lines come before the request.",
            Self::HeadTooLong => "The head is longer than the limit.",
            Self::TargetTooLong => "The request target is longer than the limit.",
            Self::TooManyFields => "There are more header fields than the limit.",
            Self::Incomplete => "The head does not end at its empty line.",
            Self::BadRequestLine => "The request line is not \"METHOD target HTTP/1.1\" with single spaces.",
            Self::BadMethod => "The method contains a character that no method may contain.",
            Self::MethodTooLong => "The method is longer than any known method.",
            Self::ConnectUnsupported => {
                "CONNECT is not supported: this is a reverse proxy and opens no tunnels."
            }
            Self::BadTarget => "The request target contains a character that must be percent-encoded.",
            Self::BadTargetForm => "The request target has a form that this method does not allow.",
            Self::PathClimbs => "The path climbs out of the root with \"..\".",
            Self::AmbiguousPath => {
                "The path has \".\" or \"..\" where servers differ in what it means: beside an encoded slash, a backslash, an empty segment or a \";\"."
            }
            Self::UnsupportedScheme => "The request target's scheme is neither http nor https.",
            Self::UnsupportedVersion => "The HTTP version is neither 1.0 nor 1.1.",
            Self::BadStatusLine => "The status line is not \"HTTP/1.1 status reason\".",
            Self::BadStatus => "The status code is below 100.",
            Self::ObsFold => "A header line begins with whitespace (obsolete line folding).",
            Self::NoColon => "A header line has no colon.",
            Self::EmptyFieldName => "A header field has an empty name.",
            Self::SpaceBeforeColon => "There is whitespace between a header field's name and its colon.",
            Self::BadFieldName => "A header field's name contains a character that no name may contain.",
            Self::BadFieldValue => "A header field's value contains a control character.",
            Self::UnderscoredName => {
                "A header field's name has \"_\" where a field of special meaning has \"-\"; some servers take one for the other."
            }
            Self::MissingHost => "HTTP/1.1 requires a Host field.",
            Self::SeveralHosts => "There is more than one Host field.",
            Self::BadHost => "Host is not a host name or address with an optional port.",
            Self::HostMismatch => "Host and the request target name different hosts.",
            Self::LengthAndCoding => "Content-Length and Transfer-Encoding appear together.",
            Self::SeveralLengths => "There is more than one Content-Length.",
            Self::BadLength => "Content-Length is not a plain decimal number.",
            Self::LengthWithoutBody => "Content-Length appears in a message that cannot have content.",
            Self::UnknownCoding => "Transfer-Encoding names a coding other than chunked.",
            Self::BadCoding => "Transfer-Encoding is not exactly \"chunked\".",
            Self::SeveralCodings => "There is more than one Transfer-Encoding field.",
            Self::CodingInHttp10 => "Transfer-Encoding appears in an HTTP/1.0 message.",
            Self::CodingWithoutBody => "Transfer-Encoding appears in a message that cannot have content.",
            Self::BadConnection => "Connection is not a short list of option names.",
            Self::ConnectionNamesFraming => {
                "Connection names Host, Content-Length or Transfer-Encoding, which must not be removed."
            }
            Self::UnknownExpectation => "Expect asks for something other than 100-continue.",
            Self::BadMaxForwards => "Max-Forwards is not a decimal number.",
            Self::Loop => "The request has passed this proxy before: an upstream leads back to it.",
        }
    }
}

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for BadHead {}
