//! Tells a person what happens in a world: who does what, and when.

use super::{Peer, World};
use crate::kernel::{End, Progress};
use crate::time::{MS, Nanos};
use proxy_core::{Action, ConnId, Input};
use std::fmt::Write;

/// Where the story goes, line by line.
pub(crate) type Trace = Box<dyn FnMut(String)>;

impl World {
    /// Tells that `who` does something, if anybody listens.
    pub(crate) fn tell(&mut self, say: impl FnOnce(&Self) -> (String, String)) {
        if self.trace.is_some() {
            let (who, what) = say(self);
            let line = format!("{} {who:<12}  {what}", moment(self.now));
            if let Some(trace) = &mut self.trace {
                trace(line);
            }
        }
    }

    pub(crate) fn tell_input(&mut self, input: &Input) {
        self.tell(|world| {
            let what = match input {
                Input::Accepted { conn, .. } => format!("accepted {}", world.name(*conn)),
                Input::Connected { conn } => format!("{} stands", world.name(*conn)),
                Input::ConnectFailed { conn, error } => {
                    format!("{} could not be made: {error:?}", world.name(*conn))
                }
                Input::Data { conn, bytes } => format!("from {}: {}", world.name(*conn), excerpt(bytes)),
                Input::Piped { conn, n } => format!("from {}: {n} octets into a pipe", world.name(*conn)),
                Input::Eof { conn } => format!("from {}: FIN", world.name(*conn)),
                Input::Wrote { conn, n } => format!("{n} octets went to {}", world.name(*conn)),
                Input::Failed { conn, error } => format!("{} died: {error:?}", world.name(*conn)),
                Input::Granted { .. }
                | Input::Denied { .. }
                | Input::Wanted { .. }
                | Input::Drain
                | Input::Clock { .. }
                | Input::Tick => format!("{input:?}"),
            };
            ("core hears".to_owned(), what)
        });
    }

    pub(crate) fn tell_action(&mut self, action: &Action) {
        self.tell(|world| {
            let what = match action {
                Action::Connect { peer, .. } => format!("connect server {} to {peer}", world.origins.len()),
                Action::Update { conn } => {
                    format!("see to {}: {:?}", world.name(*conn), world.core.interest(*conn))
                }
                Action::Close { conn, how } => format!("close {} ({how:?})", world.name(*conn)),
                Action::Record(outcome) => format!("record {outcome:?}"),
                Action::Listen(_) | Action::Acquire(_) | Action::Release(_) | Action::Drained => {
                    format!("{action:?}")
                }
            };
            ("core says".to_owned(), what)
        });
    }

    /// Tells what the peer on a wire has done since it was as far as `before`.
    pub(crate) fn tell_peer(&mut self, wire: usize, before: Progress) {
        self.tell_if_any(wire, |world| {
            let now = world.wires[wire].progress(End::Peer);
            let mut what = String::new();
            for (amount, did) in [(now.read - before.read, "reads"), (now.written - before.written, "sends")]
            {
                if amount > 0 {
                    let _ = write!(what, "{did} {amount} octets, ");
                }
            }
            for (is_news, did) in
                [(now.reset && !before.reset, "resets, "), (now.finished && !before.finished, "sends FIN, ")]
            {
                what.push_str(if is_news { did } else { "" });
            }
            what
        });
    }

    fn tell_if_any(&mut self, wire: usize, say: impl FnOnce(&Self) -> String) {
        if self.trace.is_none() {
            return;
        }
        let what = say(self);
        if !what.is_empty() {
            self.tell(|world| (world.peer_name(wire), what.trim_end_matches(", ").to_owned()));
        }
    }

    /// What a connection is called.
    pub(crate) fn name(&self, conn: ConnId) -> String {
        let socket =
            self.sockets.get(conn.index()).and_then(Option::as_ref).filter(|socket| socket.conn == conn);
        match socket {
            Some(socket) if socket.is_client() => format!("client {}", socket.number),
            Some(socket) => format!("server {}", socket.number),
            None => format!("the dead {}.{}", conn.index(), conn.generation()),
        }
    }

    fn peer_name(&self, wire: usize) -> String {
        match self.peers[wire] {
            Peer::Client(index) => format!("client {index}"),
            Peer::Origin(index) => format!("server {index}"),
        }
    }
}

fn moment(at: Nanos) -> String {
    format!("{:>9}.{:03} ms", at / MS, at % MS / 1_000)
}

/// The beginning of some octets.
pub(crate) fn excerpt(octets: &[u8]) -> String {
    let shown = octets.get(..EXCERPT).unwrap_or(octets).escape_ascii();
    let more = if octets.len() > EXCERPT { "…" } else { "" };
    format!("{} octets \"{shown}{more}\"", octets.len())
}

/// Octets that are shown.
const EXCERPT: usize = 100;
