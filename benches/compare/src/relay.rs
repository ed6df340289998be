//! A bare TCP relay: the practical floor. Each client has its own connection to the origin, octets go from one to the
//! other, and nothing is looked at.

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

const LISTENER: Token = Token(usize::MAX - 1);

/// Reads from one side until others get a turn.
const TURN: usize = 4;

const BUFFER: usize = 64 * 1024;

/// Relays from `listen` to `origin` until it is killed.
///
/// # Errors
/// Those of the operating system, but for the ends of connections.
pub(crate) fn relay(listen: SocketAddr, origin: SocketAddr) -> Result<()> {
    let (mut poll, mut listener) = (Poll::new()?, TcpListener::bind(listen)?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut relay = Relay { pairs: Slab::new(), buffer: vec![0; BUFFER], again: Vec::new() };
    let mut events = Events::with_capacity(1_024);
    loop {
        let timeout = if relay.again.is_empty() { None } else { Some(std::time::Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            match event.token() {
                LISTENER => relay.accept(&listener, &poll, origin)?,
                token => {
                    if event.is_read_closed() {
                        relay.expect_fin(token);
                    }
                    relay.visit(token);
                }
            }
        }
        for token in std::mem::take(&mut relay.again) {
            relay.visit(token);
        }
    }
}

struct Relay {
    pairs: Slab<[Half; 2]>,
    buffer: Vec<u8>,
    again: Vec<Token>,
}

struct Half {
    stream: TcpStream,
    /// What this side would not take yet; while there is any, the other is not read from.
    waiting: Vec<u8>,
    /// The peer's FIN is there, behind what it sent: the kernel won't tell again.
    fin_expected: bool,
    ended: bool,
}

enum Moved {
    Some,
    /// One side has no more for now, or the other no room.
    Stuck,
    /// Both sides have ended, or one broke.
    Over,
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll, origin: SocketAddr) -> Result<()> {
        loop {
            let client = match listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let entry = self.pairs.vacant_entry();
            let key = entry.key();
            let mut pair = [client, TcpStream::connect(origin)?].map(|stream| Half {
                stream,
                waiting: Vec::new(),
                fin_expected: false,
                ended: false,
            });
            for (half, token) in pair.iter_mut().zip([Token(key * 2), Token(key * 2 + 1)]) {
                half.stream.set_nodelay(true)?;
                poll.registry().register(&mut half.stream, token, Interest::READABLE | Interest::WRITABLE)?;
            }
            entry.insert(pair);
        }
    }

    fn expect_fin(&mut self, Token(token): Token) {
        if let Some(pair) = self.pairs.get_mut(token / 2) {
            pair[token % 2].fin_expected = true;
        }
    }

    /// Moves octets from the side that has news to the other, and there what waited for room on it.
    fn visit(&mut self, Token(token): Token) {
        let key = token / 2;
        let Some([client, origin]) = self.pairs.get_mut(key) else { return };
        let (near, far) = if token % 2 == 0 { (client, origin) } else { (origin, client) };
        let was_stuck = !near.waiting.is_empty();
        if !flush(near) {
            self.pairs.remove(key);
            return;
        }
        if was_stuck && near.waiting.is_empty() {
            self.again.push(Token(token ^ 1));
        }
        for _ in 0..TURN {
            match move_once(near, far, &mut self.buffer) {
                Moved::Some => {}
                Moved::Stuck => return,
                Moved::Over => {
                    self.pairs.remove(key);
                    return;
                }
            }
        }
        self.again.push(Token(token));
    }
}

/// Writes what waits; false if the connection broke.
fn flush(half: &mut Half) -> bool {
    while !half.waiting.is_empty() {
        match half.stream.write(&half.waiting) {
            Ok(n) => drop(half.waiting.drain(..n)),
            Err(error) => return is_not_yet(error.kind()),
        }
    }
    true
}

fn move_once(from: &mut Half, to: &mut Half, buffer: &mut [u8]) -> Moved {
    if !to.waiting.is_empty() || from.ended {
        return Moved::Stuck;
    }
    match from.stream.read(buffer) {
        Ok(0) => {
            from.ended = true;
            let is_over = to.ended || to.stream.shutdown(Shutdown::Write).is_err();
            if is_over { Moved::Over } else { Moved::Stuck }
        }
        Ok(n) => {
            let written = match to.stream.write(&buffer[..n]) {
                Ok(written) => written,
                Err(error) if is_not_yet(error.kind()) => 0,
                Err(_) => return Moved::Over,
            };
            to.waiting.extend_from_slice(&buffer[written..n]);
            let is_drained = n < buffer.len() && !from.fin_expected;
            if written < n || is_drained { Moved::Stuck } else { Moved::Some }
        }
        Err(error) if is_not_yet(error.kind()) => Moved::Stuck,
        Err(_) => Moved::Over,
    }
}

fn is_not_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
