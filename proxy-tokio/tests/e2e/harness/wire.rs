//! Sockets without a client library: every octet is the test's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an octet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    with_patience(TcpStream::connect_timeout(&addr, PATIENCE).expect("somebody listens"))
}

pub(crate) fn with_patience(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("the limit is not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("the limit is not zero");
    // A stream that the peer has reset already may refuse; what follows will tell.
    let _ = stream.set_nodelay(true);
    stream
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// Everything until the peer ends; panics if it does not.
#[track_caller]
pub(crate) fn read_to_end(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (all, End::Closed),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return (all, End::Reset),
            Err(error) => {
                panic!("neither sent nor ended ({error}), after {:?}", String::from_utf8_lossy(&all))
            }
        }
    }
}

/// One message with a Content-Length or without content: its head and its body. `None` at the end of the stream.
pub(crate) fn read_message(stream: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    let (head_end, total) = loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]);
            break (end + 4, end + 4 + content_length(&head));
        }
        if !read_some(stream, &mut all)? {
            return if all.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    while all.len() < total {
        if !read_some(stream, &mut all)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    assert_eq!(all.len(), total, "more came than one message: {:?}", String::from_utf8_lossy(&all));
    let body = all.split_off(head_end);
    Ok(Some((String::from_utf8_lossy(&all).into_owned(), body)))
}

fn read_some(stream: &mut impl Read, all: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    let n = stream.read(&mut buffer)?;
    all.extend_from_slice(&buffer[..n]);
    Ok(n > 0)
}

fn content_length(head: &str) -> usize {
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(field).unwrap_or(0)
}

/// A whole request on an open connection, and its answer.
pub(crate) fn ask(stream: &mut TcpStream, path: &str) -> io::Result<(String, Vec<u8>)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())?;
    read_message(stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// The target in a request's first line.
pub(crate) fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}
