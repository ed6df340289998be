//! Addresses: `host:port`, `[v6]:port`, `:port`, and names, which are resolved once, when the configuration is read.

use super::diagnostic::Complaint;
use super::section::Context;
use super::tree::Node;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What an address is for: it decides what `:8080` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To listen on: `:8080` is every IPv4 address of this machine. `[::]:8080` is every address, and says so.
    Listen,
    /// To connect to: `:8080` is this machine.
    Connect,
}

/// An address as written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Literal(SocketAddr),
    Name(String, u16),
}

/// Whether a string is meant as an address rather than as the name of an upstream.
pub(super) fn looks_like_address(text: &str) -> bool {
    text.contains([':', '/']) || text.parse::<IpAddr>().is_ok()
}

/// Reads one address; a name may stand for several. Empty after a complaint.
pub(super) fn addresses(context: &Context<'_>, node: &Node, usage: Use) -> Vec<SocketAddr> {
    let Some(text) = context.read(node, |value| super::scalar::text(value).map(String::from)) else {
        return Vec::new();
    };
    match parse(&text, usage).and_then(|address| resolve(context, address, usage)) {
        Ok(addresses) => addresses,
        Err(complaint) => {
            context.complain(node.place, complaint);
            Vec::new()
        }
    }
}

/// Whether the system could not listen on both. `0.0.0.0:80` and `[::]:80` share the port between them.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = |address: SocketAddr| address.ip().is_unspecified();
    let covers = |wide: SocketAddr, narrow: SocketAddr| {
        is_any(wide) && (wide.is_ipv6() || narrow.is_ipv4()) && !(is_any(narrow) && narrow.is_ipv4())
    };
    one.port() == other.port()
        && one.port() != 0
        && (one == other || covers(one, other) || covers(other, one))
}

fn resolve(context: &Context<'_>, address: Address, usage: Use) -> Result<Vec<SocketAddr>, Complaint> {
    let (name, port) = match address {
        Address::Literal(address) => return Ok(vec![address]),
        Address::Name(name, port) => (name, port),
    };
    let mut found = (context.resolve)(&name, port)
        .map_err(|error| Complaint::new(format!("cannot find the address of `{name}`"), error.to_string()))?;
    if found.is_empty() {
        return Err(Complaint::new(format!("`{name}` has no address"), ""));
    }
    let mut seen = BTreeSet::new();
    found.retain(|address| seen.insert(*address));
    if usage == Use::Listen {
        found.truncate(1);
    }
    Ok(found)
}

fn parse(text: &str, usage: Use) -> Result<Address, Complaint> {
    let bad = |label: &str| Complaint::new(format!("{text:?} is not an address"), label);
    if let Some((scheme, rest)) = text.split_once("://") {
        let label = if scheme == "https" { "TLS is not supported yet" } else { "leave out the scheme" };
        return Err(bad(label).help(format!("write \"{}\"", with_port(rest.trim_end_matches('/')))));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return check_port(address.port(), usage, text).map(|()| Address::Literal(address));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let help = format!("write \"{}\"", SocketAddr::new(address, 8080));
        return Err(bad("the port is missing").help(help));
    }
    if text.parse::<u16>().is_ok() {
        return Err(bad("only a port").help(format!("write \":{text}\" or \"127.0.0.1:{text}\"")));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| bad("host:port is needed"))?;
    let port: u16 = port.parse().map_err(|_| bad("the port must be a number up to 65535"))?;
    check_port(port, usage, text)?;
    match (host, usage) {
        ("", Use::Listen) => Ok(Address::Literal(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))),
        ("", Use::Connect) => Ok(Address::Literal(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))),
        (host, _) if is_host_name(host) => Ok(Address::Name(host.into(), port)),
        (host, _) if host.contains(':') => {
            Err(bad("an IPv6 address needs brackets").help(format!("write \"[{host}]:{port}\"")))
        }
        _ => Err(bad("not a host name")),
    }
}

/// Whether `host` could be the name of a machine (RFC 952, RFC 1123 §2.1; and `_`, which is in use).
pub(super) fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    // What consists of numbers only is a mistyped address.
    let is_number = host.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    host.len() <= 253 && !is_number && host.split('.').all(is_label)
}

fn check_port(port: u16, usage: Use, text: &str) -> Result<(), Complaint> {
    if port == 0 && usage == Use::Connect {
        return Err(Complaint::new(format!("{text:?} is not an address"), "nothing answers on port 0"));
    }
    Ok(())
}

fn with_port(rest: &str) -> String {
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains(':') { host.into() } else { format!("{host}:80") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_literal_or_names_with_a_port() {
        let literal = |text: &str| Ok(Address::Literal(text.parse().unwrap()));
        assert_eq!(parse("127.0.0.1:80", Use::Connect), literal("127.0.0.1:80"));
        assert_eq!(parse("[::1]:80", Use::Connect), literal("[::1]:80"));
        assert_eq!(parse(":8080", Use::Listen), literal("0.0.0.0:8080"));
        assert_eq!(parse(":8080", Use::Connect), literal("127.0.0.1:8080"));
        assert_eq!(parse("127.0.0.1:0", Use::Listen), literal("127.0.0.1:0"));
        assert_eq!(
            parse("db_1.internal:9001", Use::Connect),
            Ok(Address::Name("db_1.internal".into(), 9001))
        );
    }

    #[test]
    fn a_bad_address_is_told_how_it_should_look() {
        let cases = [
            ("127.0.0.1", "the port is missing", Some("write \"127.0.0.1:8080\"")),
            ("::1", "the port is missing", Some("write \"[::1]:8080\"")),
            ("fe80::1:99999", "the port must be a number up to 65535", None),
            ("::1:x", "the port must be a number up to 65535", None),
            ("8080", "only a port", Some("write \":8080\" or \"127.0.0.1:8080\"")),
            ("localhost", "host:port is needed", None),
            ("localhost:http", "the port must be a number up to 65535", None),
            ("http://localhost/x", "leave out the scheme", Some("write \"localhost:80\"")),
            ("https://localhost:444", "TLS is not supported yet", Some("write \"localhost:444\"")),
            ("300.0.0.1:80", "not a host name", None),
            ("a b:80", "not a host name", None),
            ("127.0.0.1:0", "nothing answers on port 0", None),
        ];
        for (text, label, help) in cases {
            let complaint = parse(text, Use::Connect).unwrap_err();
            assert_eq!((complaint.label.as_str(), complaint.help.as_deref()), (label, help), "{text}");
        }
    }
}
