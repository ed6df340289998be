//! The response head as the client gets it.

use alloc::vec::Vec;

use super::{Copier, HttpDate, put_line, put_via};
use crate::http::{Field, Framing, Name, ResponseHead, Version};

/// What the response's own octets do not say.
#[derive(Debug, Clone, Copy)]
pub struct ResponseContext<'a> {
    /// The version that the client speaks.
    pub client_version: Version,
    /// The framing that we will write: see `downstream_framing`.
    pub framing: Framing,
    /// Whether we would take another request on the client's connection.
    pub keep_alive: bool,
    /// What we add of our own.
    pub signature: Signature<'a>,
}

/// What a gateway adds to each response of its own.
#[derive(Debug, Default, Clone, Copy)]
pub struct Signature<'a> {
    /// Whether it names itself in Via.
    pub via: bool,
    /// What a response without a Date is given as one, if the time is known (RFC 9110 §6.6.1).
    pub date: Option<&'a HttpDate>,
}

/// Most octets that the lines added here have.
const ADDED_MAX: usize = 160;

/// Appends the whole head of a final response, its empty line included.
pub fn write_response(out: &mut Vec<u8>, head: &ResponseHead, ctx: &ResponseContext<'_>) {
    // RFC 9110 §15.5.22: a 426 has to say which protocol to upgrade to.
    let upgrade = head.status() == 426 && head.fields().has(Name::Upgrade);
    let keep_alive = ctx.keep_alive && ctx.framing != Framing::Close;
    copy_head(out, head, ctx.framing, upgrade, ctx.signature.via);
    if !head.fields().has(Name::Date)
        && let Some(date) = ctx.signature.date
    {
        put_line(out, b"Date: ", date.as_bytes());
    }
    match ctx.framing {
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Length(length) if !head.fields().has(Name::ContentLength) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Framing::None | Framing::Length(_) | Framing::Close => {}
    }
    out.extend_from_slice(match (keep_alive, ctx.client_version, upgrade) {
        (true, Version::Http11, false) => return out.extend_from_slice(b"\r\n"),
        (true, Version::Http11, true) => b"Connection: upgrade\r\n\r\n",
        (true, Version::Http10, false) => b"Connection: keep-alive\r\n\r\n",
        (true, Version::Http10, true) => b"Connection: upgrade, keep-alive\r\n\r\n",
        (false, _, false) => b"Connection: close\r\n\r\n",
        (false, _, true) => b"Connection: upgrade, close\r\n\r\n",
    });
}

/// Appends the whole head of an interim response, or of the 101 that ends HTTP on this connection. Not
/// for HTTP/1.0 clients: they know neither (RFC 9110 §15.2).
pub fn write_interim(out: &mut Vec<u8>, head: &ResponseHead, via: bool) {
    copy_head(out, head, Framing::None, head.is_switching(), via);
    if head.is_switching() {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[inline(always)]
fn copy_head(out: &mut Vec<u8>, head: &ResponseHead, framing: Framing, upgrade: bool, via: bool) {
    out.reserve(head.raw().len() + ADDED_MAX);
    out.extend_from_slice(b"HTTP/1.1");
    let mut copier = Copier { head: head.raw(), from: VERSION_LEN };
    if head.after_version().get(4) == Some(&b'\r') {
        // The space before the reason is owed even if no reason follows (RFC 9112 §4).
        copier.replace(out, VERSION_LEN + 4, head.fields().start());
        out.extend_from_slice(b" \r\n");
    }
    for field in head.fields().notable() {
        if !goes_on(field, head, framing, upgrade) {
            copier.drop_line(out, field);
        }
    }
    copier.finish(out);
    if via {
        put_via(out, head.version(), "");
    }
}

const VERSION_LEN: usize = "HTTP/1.1".len();

/// Whether a field line of a response goes on to the client.
fn goes_on(field: &Field, head: &ResponseHead, framing: Framing, upgrade: bool) -> bool {
    match field.name() {
        Name::Upgrade => upgrade,
        _ if field.is_named_by_connection() => false,
        Name::ContentLength => match framing {
            Framing::Length(_) => true,
            // In answer to HEAD, and in a 304, it says what GET would bring. Elsewhere it is forbidden.
            Framing::None => head.status() >= 200 && head.status() != 204,
            Framing::Chunked | Framing::Close => false,
        },
        Name::TransferEncoding | Name::Connection | Name::KeepAlive | Name::ProxyConnection | Name::Te => {
            false
        }
        // Whoever asks for proxy credentials asks the client before it; we hold none, and a gateway's
        // clients owe it none (RFC 9110 §11.7).
        Name::ProxyAuthenticate | Name::ProxyAuthorization | Name::ProxyAuthenticationInfo => false,
        Name::Http2Settings => false,
        Name::Other | Name::Underscored | Name::Host | Name::ContentType | Name::Date | Name::Trailer => true,
        Name::Expect | Name::MaxForwards | Name::Via | Name::Forwarded => true,
        Name::XRealIp | Name::ClientClaim => true,
        Name::XForwardedFor | Name::XForwardedProto | Name::XForwardedHost | Name::XRequestId => true,
    }
}
