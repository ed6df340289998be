//! The request head as the upstream gets it: always HTTP/1.1, in origin-form, with one Host.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Copier, put_line, put_via};
use crate::http::{Field, Framing, Name, RequestHead, TargetForm, Version};

/// What the request's own octets do not say.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext<'a> {
    /// The client's address.
    pub peer: IpAddr,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// Whether what the client says of earlier hops is believed.
    pub peer_is_trusted: bool,
    /// The endpoint's authority: Host of an HTTP/1.0 request that had none.
    pub fallback_host: &'a str,
    /// The X-Request-Id to set. `None`: leave the field alone.
    pub request_id: Option<&'a [u8]>,
    /// What follows our name in Via. `None`: there is to be no Via of ours.
    pub via: Option<&'a str>,
    /// Further fields that stand for the client, and that a peer who is not trusted may not send.
    pub client_fields: &'a [String],
}

/// Whether the client's connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// "http"
    Http,
    /// "https"
    Https,
}

/// Most octets that the lines added here have, apart from what is counted one by one.
const ADDED_MAX: usize = 256;

/// Appends the whole head, its empty line included.
pub fn write_request(out: &mut Vec<u8>, head: &RequestHead, ctx: &RequestContext<'_>) {
    let authority = head.authority();
    let authority_len = authority.map_or(0, <[u8]>::len);
    let request_id_len = ctx.request_id.map_or(0, <[u8]>::len);
    out.reserve(head.raw().len() + 2 * authority_len + request_id_len + ctx.fallback_host.len() + ADDED_MAX);
    let mut copier = start_line(out, head);
    if !head.fields().has(Name::Host) {
        put_line(out, b"Host: ", authority.unwrap_or(ctx.fallback_host.as_bytes()));
    }
    let forwarded_for = copy_fields(out, &mut copier, head, ctx);
    copier.finish(out);
    put_hop_by_hop(out, head);
    if let Some(mark) = ctx.via {
        put_via(out, head.version(), mark);
    }
    put_forwarded(out, head, authority, ctx, forwarded_for);
    out.extend_from_slice(b"\r\n");
}

/// Writes the request line, or leaves it to the first run of lines if it is already as it should be.
fn start_line<'a>(out: &mut Vec<u8>, head: &'a RequestHead) -> Copier<'a> {
    let copier = Copier { head: head.raw(), from: 0 };
    let form = head.target_form();
    let is_absolute = form == TargetForm::Absolute;
    if head.version() == Version::Http11 && !is_absolute {
        return copier;
    }
    out.extend_from_slice(head.method_bytes());
    out.extend_from_slice(b" ");
    if is_absolute {
        put_origin_form(out, head);
    } else {
        out.extend_from_slice(head.target_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Copier { from: head.fields().start(), ..copier }
}

/// RFC 9112 §3.2.1: an empty path is sent as `/`; §3.2.4: for OPTIONS, without a query, as `*`.
fn put_origin_form(out: &mut Vec<u8>, head: &RequestHead) {
    let rest = head.after_authority();
    match rest.first() {
        None if head.method() == crate::http::Method::Options => out.extend_from_slice(b"*"),
        None | Some(b'?') => out.extend_from_slice(b"/"),
        Some(_) => {}
    }
    out.extend_from_slice(rest);
}

/// Whether our address was joined to an X-Forwarded-For that the peer sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForwardedFor {
    Joined,
    Missing,
}

fn copy_fields(
    out: &mut Vec<u8>,
    copier: &mut Copier<'_>,
    head: &RequestHead,
    ctx: &RequestContext<'_>,
) -> ForwardedFor {
    let last_for = last_believed(head, ctx, Name::XForwardedFor).map(Field::start);
    if ctx.client_fields.is_empty() || ctx.peer_is_trusted {
        head.fields().notable().for_each(|field| copy_field(out, copier, field, head, ctx, last_for));
    } else {
        head.fields().all(head.raw()).for_each(|field| copy_field(out, copier, &field, head, ctx, last_for));
    }
    if last_for.is_some() { ForwardedFor::Joined } else { ForwardedFor::Missing }
}

/// `last_for`: where the X-Forwarded-For begins to which our peer's address is joined.
#[inline(always)]
fn copy_field(
    out: &mut Vec<u8>,
    copier: &mut Copier<'_>,
    field: &Field,
    head: &RequestHead,
    ctx: &RequestContext<'_>,
    last_for: Option<usize>,
) {
    match fate(field, head, ctx) {
        Fate::Keep if field.name() == Name::XForwardedFor && last_for == Some(field.start()) => {
            copier.replace(out, field.value_end(), field.end());
            if !field.value(head.raw()).is_empty() {
                out.extend_from_slice(b", ");
            }
            put_address(out, ctx.peer);
            out.extend_from_slice(b"\r\n");
        }
        Fate::Keep => {}
        Fate::Drop => copier.drop_line(out, field),
        Fate::Authority => {
            copier.drop_line(out, field);
            out.extend_from_slice(field.name_bytes(head.raw()));
            put_line(out, b": ", head.authority().unwrap_or_default());
        }
        Fate::Peer => {
            copier.drop_line(out, field);
            out.extend_from_slice(field.name_bytes(head.raw()));
            out.extend_from_slice(b": ");
            put_address(out, ctx.peer);
            out.extend_from_slice(b"\r\n");
        }
        Fate::Decrement(forwards) => {
            copier.drop_line(out, field);
            out.extend_from_slice(field.name_bytes(head.raw()));
            put_line(out, b": ", itoa::Buffer::new().format(forwards.saturating_sub(1)).as_bytes());
        }
    }
}

enum Fate {
    Keep,
    Drop,
    /// Host, when the target named the server itself.
    Authority,
    /// X-Real-IP, from who is not believed.
    Peer,
    /// Max-Forwards, when it is obeyed.
    Decrement(u32),
}

/// What becomes of a field line of a request.
fn fate(field: &Field, head: &RequestHead, ctx: &RequestContext<'_>) -> Fate {
    let keep = match field.name() {
        Name::Host if head.target_form() == TargetForm::Absolute => return Fate::Authority,
        // The guard against loops holds even if Connection names it.
        Name::MaxForwards if let Some(forwards) = head.max_forwards() => return Fate::Decrement(forwards),
        Name::XRealIp if !ctx.peer_is_trusted => return Fate::Peer,
        _ if field.is_named_by_connection() => false,
        Name::Other if !ctx.client_fields.is_empty() && !ctx.peer_is_trusted => {
            !stands_for_client(field.name_bytes(head.raw()), ctx.client_fields)
        }
        Name::Other
        | Name::Date
        | Name::Underscored
        | Name::Host
        | Name::ContentLength
        | Name::ContentType => true,
        Name::Via | Name::Trailer | Name::MaxForwards => true,
        Name::TransferEncoding | Name::Connection | Name::KeepAlive | Name::ProxyConnection | Name::Te => {
            false
        }
        // A gateway is the origin server to its clients: these were meant for a proxy before us, and
        // are nobody's business behind us (RFC 9110 §11.7).
        Name::ProxyAuthenticate | Name::ProxyAuthorization | Name::ProxyAuthenticationInfo => false,
        // Belongs to an upgrade to HTTP/2, which we never pass on.
        Name::Http2Settings => false,
        Name::Upgrade => head.upgrade(),
        Name::Expect => head.expect_continue(),
        Name::Forwarded | Name::XForwardedFor | Name::XForwardedProto | Name::XForwardedHost => {
            ctx.peer_is_trusted
        }
        Name::ClientClaim | Name::XRealIp => ctx.peer_is_trusted,
        Name::XRequestId => ctx.peer_is_trusted || ctx.request_id.is_none(),
    };
    if keep { Fate::Keep } else { Fate::Drop }
}

fn stands_for_client(name: &[u8], client_fields: &[String]) -> bool {
    client_fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

/// The last line of that name which a trusted peer sent for us to pass on.
fn last_believed<'a>(head: &'a RequestHead, ctx: &RequestContext<'_>, name: Name) -> Option<&'a Field> {
    if !ctx.peer_is_trusted {
        return None;
    }
    head.fields().named(name).filter(|field| !field.is_named_by_connection()).last()
}

/// The framing that we write ourselves, and what we ask of the upstream for this hop.
fn put_hop_by_hop(out: &mut Vec<u8>, head: &RequestHead) {
    if head.framing() == Framing::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if head.upgrade() {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if head.accepts_trailers() {
        // We pass trailers on, so that the client's word holds for us too (RFC 9110 §6.5.1, §10.1.4).
        out.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n");
    }
}

fn put_forwarded(
    out: &mut Vec<u8>,
    head: &RequestHead,
    authority: Option<&[u8]>,
    ctx: &RequestContext<'_>,
    forwarded_for: ForwardedFor,
) {
    if forwarded_for == ForwardedFor::Missing {
        out.extend_from_slice(b"X-Forwarded-For: ");
        put_address(out, ctx.peer);
        out.extend_from_slice(b"\r\n");
    }
    if last_believed(head, ctx, Name::XForwardedProto).is_none() {
        match ctx.scheme {
            Scheme::Http => out.extend_from_slice(b"X-Forwarded-Proto: http\r\n"),
            Scheme::Https => out.extend_from_slice(b"X-Forwarded-Proto: https\r\n"),
        }
    }
    if let (None, Some(authority)) = (last_believed(head, ctx, Name::XForwardedHost), authority) {
        put_line(out, b"X-Forwarded-Host: ", authority);
    }
    if let (None, Some(id)) = (last_believed(head, ctx, Name::XRequestId), ctx.request_id) {
        put_line(out, b"X-Request-Id: ", id);
    }
}

fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => put_v4(out, address),
        IpAddr::V6(address) => put_v6(out, address),
    }
}

/// An IPv4 address that a dual-stack socket dressed up as IPv6 is written plainly.
#[cold]
fn put_v6(out: &mut Vec<u8>, address: Ipv6Addr) {
    match address.to_ipv4_mapped() {
        Some(address) => put_v4(out, address),
        None => out.extend_from_slice(address.to_string().as_bytes()),
    }
}

/// Written on every request, hence by hand.
fn put_v4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut text = [0; "255.255.255.255.".len()];
    let mut len = 0;
    for octet in address.octets() {
        let decimal = &DECIMALS[usize::from(octet)];
        if let Some(place) = text.get_mut(len..len + 4) {
            place.copy_from_slice(&decimal.text);
        }
        len += decimal.len;
    }
    // All of them at once and some off again: their number is known when this is compiled.
    out.extend_from_slice(&text);
    out.truncate(out.len() + len - 1 - text.len());
}

struct Decimal {
    /// One to three digits and a dot.
    text: [u8; 4],
    len: usize,
}

/// The numbers from 0 to 255.
static DECIMALS: [Decimal; 256] = {
    let mut decimals = [const { Decimal { text: [0; 4], len: 0 } }; 256];
    let mut number = 0;
    while number < 256 {
        decimals[number] = match [digit(number / 100), digit(number / 10), digit(number)] {
            [b'0', b'0', ones] => Decimal { text: [ones, b'.', 0, 0], len: 2 },
            [b'0', tens, ones] => Decimal { text: [tens, ones, b'.', 0], len: 3 },
            [hundreds, tens, ones] => Decimal { text: [hundreds, tens, ones, b'.'], len: 4 },
        };
        number += 1;
    }
    decimals
};

/// The last digit of `number`.
const fn digit(number: usize) -> u8 {
    b"0123456789"[number % 10]
}
