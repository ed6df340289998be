//! Every timeout of the bare core, in virtual time: minutes pass, nobody waits.
//!
//! ```text
//! cargo run -p proxy-core --example timeouts
//! ```
//! Each story hands the core a few inputs, then ticks at the deadlines that the core itself names, and prints what it
//! did about them. docs/timeouts.md explains the same in words.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use bytes::Bytes;
use proxy_core::{Action, Close, Config, ConnId, Core, Input, Instant, ListenerId, NetError};
use std::collections::BTreeMap;
use std::time::Duration;

const GET: &str = "GET /cart HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
const POST: &str = "POST /cart HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 100\r\n\r\n";

fn main() {
    let second = Duration::from_secs(1);

    let mut story = Story::begin("client.head: the client sends half a head");
    story.client_says(&GET[..20]);
    story.ticks();

    let mut story = Story::begin("client.body: the client announces 100 octets and sends 10");
    story.client_says(POST);
    story.connects();
    story.client_says("0123456789");
    story.ticks();

    let mut story = Story::begin("client.keepalive: a served client stays silent");
    story.client_says(GET);
    story.connects();
    story.server_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    story.ticks();

    let mut story = Story::begin("client.write: the client does not read its response");
    story.client_says(GET);
    story.connects();
    story.stalled = Some(story.client);
    story.server_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    story.ticks();

    let mut story = Story::begin("connect: the server's machine drops our packets");
    story.client_says(GET);
    story.ticks();

    let mut story = Story::begin("no timeout at all: the server is dead");
    story.client_says(GET);
    story.refuses();

    let mut story = Story::begin("write: the server accepts and does not read");
    story.client_says(GET);
    story.stalled = story.server;
    story.connects();
    story.ticks();

    let mut story = Story::begin("read: the server takes the request and hangs");
    story.client_says(GET);
    story.connects();
    story.ticks();

    let mut story = Story::begin("read, after the head: the server stops in the middle of its response");
    story.client_says(GET);
    story.connects();
    story.server_says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
    story.ticks();

    let mut story = Story::begin("total: the server sends an octet a second, for ever");
    story.client_says(GET);
    story.connects();
    story.server_says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    while !story.over {
        story.passes(second);
        story.server_says("x");
    }

    let mut story = Story::begin("stream.idle: an event stream falls silent; total does not run");
    story.client_says(GET);
    story.connects();
    story.server_says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    story.ticks();
}

/// One client and one server, whose names are all that the output needs.
struct Story {
    core: Core,
    now: Instant,
    client: ConnId,
    server: Option<ConnId>,
    /// Who takes nothing of what we write.
    stalled: Option<ConnId>,
    heard: BTreeMap<ConnId, Vec<u8>>,
    over: bool,
}

impl Story {
    fn begin(title: &str) -> Self {
        println!("\n{title}");
        let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let core =
            Core::new(Config::simple(address(8080), &[address(9001)]), 0).expect("the defaults are valid");
        let (client, now) = (core.vacant(), Instant::ZERO);
        let mut story =
            Self { core, now, client, server: None, stalled: None, heard: BTreeMap::new(), over: false };
        story.feed(Input::Accepted { conn: client, listener: ListenerId(0), peer: address(40_000) });
        story
    }

    fn client_says(&mut self, text: &'static str) {
        self.feed(Input::Data { conn: self.client, bytes: Bytes::from_static(text.as_bytes()) });
    }

    fn server_says(&mut self, text: &'static str) {
        if let Some(conn) = self.server {
            self.feed(Input::Data { conn, bytes: Bytes::from_static(text.as_bytes()) });
        }
    }

    fn connects(&mut self) {
        if let Some(conn) = self.server {
            self.feed(Input::Connected { conn });
        }
    }

    fn refuses(&mut self) {
        if let Some(conn) = self.server {
            self.feed(Input::ConnectFailed { conn, error: NetError::Refused });
        }
    }

    /// Lets `by` pass, ticking at every deadline on the way.
    fn passes(&mut self, by: Duration) {
        let until = self.now.after(by);
        while let Some(deadline) = self.core.next_deadline().filter(|deadline| deadline.at <= until) {
            self.now = deadline.at;
            self.feed(Input::Tick);
        }
        self.now = until;
    }

    /// Ticks from deadline to deadline until something happens.
    fn ticks(&mut self) {
        while let (false, Some(deadline)) = (self.over, self.core.next_deadline()) {
            self.now = self.now.max(deadline.at);
            self.feed(Input::Tick);
        }
    }

    fn feed(&mut self, input: Input) {
        self.core.handle(self.now, input);
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Connect { conn, .. } => self.server = Some(conn),
                Action::Update { conn } => self.write(conn),
                Action::Acquire(permit) => self.core.handle(self.now, Input::Granted { permit }),
                Action::Close { conn, how } if conn == self.client => {
                    self.over = true;
                    self.say(if how == Close::Abort {
                        "the client's connection is cut"
                    } else {
                        "the client's connection is closed"
                    });
                }
                Action::Record(outcome) if outcome.reason.as_str() != "ok" => {
                    self.over = true;
                    let letters = outcome.flags.letters();
                    let status = outcome.status.map_or("---".into(), |status| status.to_string());
                    let reason = outcome.reason.as_str();
                    self.say(&format!(
                        "{status} {}{} {reason}",
                        char::from(letters[0]),
                        char::from(letters[1])
                    ));
                    self.print_reply();
                }
                Action::Close { .. }
                | Action::Listen(_)
                | Action::Release(_)
                | Action::Record(_)
                | Action::Drained => {}
            }
        }
    }

    fn write(&mut self, conn: ConnId) {
        let all = self.core.egress(conn).collect::<Vec<_>>().concat();
        if all.is_empty() {
            return;
        }
        let taken = if self.stalled == Some(conn) { &[][..] } else { &all[..] };
        self.heard.entry(conn).or_default().extend_from_slice(taken);
        let n = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        self.core.handle(self.now, Input::Wrote { conn, n });
    }

    fn print_reply(&mut self) {
        let heard = self.heard.remove(&self.client).unwrap_or_default();
        let text = String::from_utf8_lossy(&heard);
        if let Some((_, body)) = text.split_once("\r\n\r\n").filter(|_| text.contains("Proxy-Status")) {
            self.say(&format!("the client reads: {}", body.trim_end()));
        }
    }

    fn say(&self, what: &str) {
        let seconds = Duration::from_nanos(self.now.as_nanos()).as_secs_f64();
        println!("  {seconds:7.3} s  {what}");
    }
}
