//! What the user wrote, in a file and in flags, as a configuration for the core; or everything that is wrong with it.
//!
//! Every text is a [`Layer`]: a TOML file, or a flag, which is a small TOML document of its own. Later layers are laid
//! over earlier ones, then the whole is read once. It touches no file and asks no name server: whoever calls [`load`]
//! hands in both.

mod address;
mod diagnostic;
mod keys;
mod routes;
mod scalar;
mod section;
mod timeouts;
mod tree;
mod upstreams;

#[cfg(test)]
mod tests;

pub use diagnostic::{Problem, Problems, Source};
pub use timeouts::{Origin, Origins, TimeoutSetting};

use address::Use;
use diagnostic::{Complaint, Diagnostic, Place, SourceKind};
use ipnet::IpNet;
use proxy_core::{Config, Limits, Listener};
use routes::{Defaults, Routes};
use scalar::{boolean, count_between, count_limit, size_between, size_limit};
use section::{Context, Section};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use timeouts::{Scope, Sourced};
use tree::{Entry, Node, Table, Value};
use upstreams::{Upstreams, check_name};

/// Where clients come in if nothing is said: only from this machine.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Finds the addresses of a host name, with the port put in.
pub type Resolve<'a> = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + 'a;

/// One text that says something about the configuration.
#[derive(Clone, Debug)]
pub struct Layer {
    name: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    File(String),
    /// `KEY=VALUE`.
    Assignment(String),
    /// Each value is a text of its own, so that a caret can point into what was typed.
    Values(&'static str, Vec<String>),
}

impl Layer {
    /// The text of a file; `name` stands in messages.
    pub fn file(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), content: Content::File(text.into()) }
    }

    /// `KEY=VALUE` from a flag: any dotted key, and a value as in TOML, where quotes may be left out.
    pub fn assignment(flag: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: flag.into(), content: Content::Assignment(text.into()) }
    }

    /// The values of a flag that stands for the key `listen` or `to`.
    pub fn values(flag: impl Into<String>, key: &'static str, values: Vec<String>) -> Self {
        Self { name: flag.into(), content: Content::Values(key, values) }
    }
}

/// A configuration that works.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the core is told.
    pub config: Config,
    /// What it need not know.
    pub settings: Settings,
    /// Where each limit on waiting was said.
    pub origins: Origins,
}

/// What the process needs to know and the core does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many workers; `None` is one per core.
    pub workers: Option<u16>,
    /// How requests are logged.
    pub log: LogFormat,
    /// Octets of the log that may wait for a slow reader; what comes then is dropped and counted.
    pub log_buffer: u32,
}

impl Default for Settings {
    fn default() -> Self {
        // A megabyte is some five thousand lines: 150 ms of a very busy proxy.
        Self { workers: None, log: LogFormat::default(), log_buffer: 1024 * 1024 }
    }
}

/// How requests are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: one line per request, and an explanation of what failed.
    #[default]
    Short,
    /// One JSON object per line.
    Json,
    /// Apache's combined format.
    Combined,
    /// HAProxy's HTTP format, as near as our data come to it.
    Haproxy,
    /// Not at all.
    Off,
}

impl LogFormat {
    /// All, with their names.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("short", Self::Short),
        ("json", Self::Json),
        ("combined", Self::Combined),
        ("haproxy", Self::Haproxy),
        ("off", Self::Off),
    ];

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }
}

/// Reads the layers, later ones over earlier ones.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(layers: &[Layer], resolve: &Resolve<'_>) -> Result<Loaded, Problems> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    let mut root = Table::new();
    for layer in layers {
        let table = layer.parse(&mut sources, &mut problems);
        if matches!(layer.content, Content::Values("listen", _)) {
            // `--listen` says all that is listened on: a port of the file must not come up beside it.
            root.remove("listener");
        }
        tree::merge(&mut root, table);
    }
    let unread = unread(&sources, &problems);
    let context = Context { problems: RefCell::default(), resolve };
    let reader = Reader { context, sources };
    let loaded = reader.read(root);
    // What could not be parsed is missing or odd afterwards: complaining of that too would only confuse.
    let found = reader.context.problems.take();
    problems.extend(found.into_iter().filter(|it| !is_in(&unread, it)));
    if problems.is_empty() { Ok(loaded) } else { Err(Problems::new(reader.sources, problems)) }
}

/// The parts of the sources that are not TOML: a line each, and all that follows a broken `[header]`, because nobody
/// knows where it belongs.
fn unread(sources: &[Source], problems: &[Diagnostic]) -> Vec<Place> {
    let part = |place: Place| {
        let text = sources.get(place.source)?.text.as_str();
        let start = text.get(..place.start)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..)?.lines().next()?;
        let end = if line.trim_start().starts_with('[') { text.len() } else { start + line.len() };
        Some(Place { source: place.source, start, end })
    };
    problems.iter().filter_map(|it| it.place).filter_map(part).collect()
}

/// Whether a diagnostic is about one of `parts`; one without a place may be about any.
fn is_in(parts: &[Place], diagnostic: &Diagnostic) -> bool {
    match diagnostic.place {
        None => !parts.is_empty(),
        Some(it) => {
            parts.iter().any(|part| part.source == it.source && (part.start..=part.end).contains(&it.start))
        }
    }
}

impl Source {
    fn origin(&self, line: usize) -> Origin {
        let name = Arc::from(self.name.as_str());
        match self.kind {
            SourceKind::File => Origin::File { name, line },
            SourceKind::Flag => Origin::Flag(name),
        }
    }
}

impl Layer {
    fn parse(&self, sources: &mut Vec<Source>, problems: &mut Vec<Diagnostic>) -> Table {
        let mut add = |text: &str, kind| {
            sources.push(Source { name: self.name.clone(), text: text.into(), kind });
            sources.len() - 1
        };
        match &self.content {
            Content::File(text) => tree::parse(add(text, SourceKind::File), text, problems),
            Content::Assignment(text) => assignment(add(text, SourceKind::Flag), text, problems),
            Content::Values(key, values) => {
                let place = |source, text: &String| Place { source, start: 0, end: text.len() };
                let nodes: Vec<_> = values
                    .iter()
                    .map(|text| Node {
                        place: place(add(text, SourceKind::Flag), text),
                        value: Value::Text(text.clone()),
                    })
                    .collect();
                let [.., last] = nodes.as_slice() else { return Table::new() };
                let key_place = last.place;
                let node = match nodes.as_slice() {
                    [one] => one.clone(),
                    _ => Node { place: key_place, value: Value::Array(nodes) },
                };
                Table::from([((*key).to_owned(), Entry { key: key_place, node })])
            }
        }
    }
}

/// Reads `KEY=VALUE`. A value that is no TOML is meant as a string: nobody likes quoting quotes in a shell.
fn assignment(source: usize, text: &str, problems: &mut Vec<Diagnostic>) -> Table {
    let mut mistakes = Vec::new();
    let table = tree::parse(source, text, &mut mistakes);
    if mistakes.is_empty() && text.contains('=') {
        return table;
    }
    let Some((key, value)) = text.split_once('=') else {
        let complaint = Complaint::new(format!("{text:?} sets nothing"), "KEY=VALUE is needed");
        problems.push(Diagnostic {
            place: Some(Place { source, start: 0, end: text.len() }),
            complaint,
            related: None,
        });
        return Table::new();
    };
    // The key alone has the same places as in the whole.
    let mut table = tree::parse(source, &format!("{key}=0"), problems);
    let start = key.len() + 1;
    let place = Place { source, start, end: text.len() };
    replace_leaf(&mut table, &Node { place, value: Value::Text(value.trim().into()) });
    table
}

fn replace_leaf(table: &mut Table, leaf: &Node) {
    for entry in table.values_mut() {
        match &mut entry.node.value {
            Value::Table(inner) => replace_leaf(inner, leaf),
            _ => entry.node = leaf.clone(),
        }
    }
}

/// Reads the merged tree, part by part.
struct Reader<'a> {
    context: Context<'a>,
    sources: Vec<Source>,
}

impl Reader<'_> {
    fn read(&self, root: Table) -> Loaded {
        let mut root = Section::root(&self.context, root);
        root.not_yet(&["retry", "admin", "tls", "metrics", "health"]);
        let listeners = self.listeners(&mut root);
        let mut upstreams = Upstreams::read(&self.context, &mut root);
        let mut timeouts = Sourced::default();
        timeouts.read(root.section("timeouts"), Scope::Global, &self.sources);
        let (limits, request_body_max) = limits(root.section("limits"));
        let global = timeouts.timeouts.clone();
        let mut routes = Routes::new(self, Defaults { timeouts, request_body_max });
        routes.read(&mut root, &mut upstreams);
        let trusted_proxies = self.trusted_proxies(&mut root);
        let client_fields = self.client_fields(&mut root);
        let explain_addresses = root.read("explain_addresses", boolean).unwrap_or(true);
        let settings = settings(&mut root);
        root.finish();
        let config = Config {
            listeners,
            routes: routes.routes,
            clusters: upstreams.clusters,
            timeouts: global,
            limits,
            trusted_proxies,
            client_fields,
            // Whoever runs the process gives it a number.
            instance: 0,
            explain_addresses,
        };
        self.check(&config);
        Loaded { config, settings, origins: routes.origins }
    }

    /// Whatever the core refuses and nobody here noticed: without a place, but not lost.
    fn check(&self, config: &Config) {
        if self.context.problems.borrow().is_empty()
            && let Err(error) = config.validate()
        {
            self.context.complain(None, Complaint::new(error.to_string(), ""));
        }
    }

    fn listeners(&self, root: &mut Section<'_>) -> Vec<Listener> {
        let mut places = BTreeMap::new();
        let mut listeners = Vec::new();
        let nodes = match root.take("listen") {
            None => Vec::new(),
            Some(Node { value: Value::Array(nodes), .. }) => nodes,
            Some(node) => vec![node],
        };
        for (node, n) in nodes.iter().zip(1u32..) {
            let name = if n == 1 { "main".into() } else { format!("main-{n}") };
            self.listener(&name, node, &mut places, &mut listeners);
        }
        for (name, entry) in root.named_tables("listener") {
            check_name(&self.context, "a listener", &name, entry.key);
            let Some(mut section) = self.context.section(entry.node, format!("listener.{name}")) else {
                continue;
            };
            section.not_yet(&["tls", "proxy_protocol"]);
            let bind = section.take("bind");
            section.finish();
            match bind {
                Some(bind) => self.listener(&name, &bind, &mut places, &mut listeners),
                None => {
                    let complaint = Complaint::new(format!("listener `{name}` has no `bind`"), "");
                    self.context.complain(entry.key, complaint.help("add bind = \"127.0.0.1:8080\""));
                }
            }
        }
        if listeners.is_empty() {
            listeners.push(Listener { name: "main".into(), bind: LISTEN_DEFAULT });
        }
        listeners
    }

    fn listener(
        &self,
        name: &str,
        node: &Node,
        places: &mut BTreeMap<SocketAddr, Place>,
        listeners: &mut Vec<Listener>,
    ) {
        for bind in address::addresses(&self.context, node, Use::Listen) {
            match places.iter().find(|(other, _)| address::overlap(**other, bind)) {
                None => {
                    places.insert(bind, node.place);
                    listeners.push(Listener { name: name.into(), bind });
                }
                Some((other, first)) => {
                    let what = if *other == bind {
                        format!("two listeners on {bind}")
                    } else {
                        format!("{bind} and {other} are two listeners on one address")
                    };
                    let complaint = Complaint::new(what, "again here");
                    self.context.complain_of_both(node.place, complaint, (*first, "first here"));
                }
            }
        }
    }

    fn trusted_proxies(&self, root: &mut Section<'_>) -> Vec<IpNet> {
        let nodes = match root.take("trusted_proxies") {
            None => return Vec::new(),
            Some(Node { value: Value::Array(nodes), .. }) => nodes,
            Some(node) => vec![node],
        };
        nodes.iter().filter_map(|node| self.context.read(node, network)).collect()
    }

    fn client_fields(&self, root: &mut Section<'_>) -> Vec<String> {
        let nodes = match root.take("client_fields") {
            None => return Vec::new(),
            Some(Node { value: Value::Array(nodes), .. }) => nodes,
            Some(node) => vec![node],
        };
        nodes.iter().filter_map(|node| self.context.read(node, field_name)).collect()
    }
}

/// The name of a field, as it may stand in `client_fields`.
fn field_name(value: &Value) -> Result<String, Complaint> {
    let text = scalar::text(value)?;
    let bad = |label: &str| Err(Complaint::new(format!("{text:?} is not the name of such a field"), label));
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    match text.to_ascii_lowercase().as_str() {
        "" => bad("it is empty"),
        name if !name.bytes().all(is_token) => bad("letters, digits and `-` only"),
        "host" | "content-length" | "transfer-encoding" | "connection" => {
            bad("it says where a message goes or ends, and not who the client is")
        }
        _ => Ok(text.into()),
    }
}

/// A network, or one address.
fn network(value: &Value) -> Result<IpNet, Complaint> {
    let text = scalar::text(value)?;
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| Complaint::new(format!("{text:?} is not a network"), "write it as \"10.0.0.0/8\""))
}

/// The limits, and the longest request body of routes that say nothing of it.
fn limits(section: Option<Section<'_>>) -> (Limits, Option<u64>) {
    let default = Limits::default();
    let Some(mut section) = section else { return (default, None) };
    let head_bytes = section.read("head_bytes", size_between(256, 65_535)).unwrap_or(default.head_bytes);
    let limits = Limits {
        client_connections: section
            .read("client_connections", count_limit)
            .unwrap_or(default.client_connections),
        head_bytes,
        fields: section.read("fields", count_between(1, 255)).unwrap_or(default.fields),
        target_bytes: section
            .read("target_bytes", size_between(16, head_bytes))
            // A small head limit alone is no contradiction.
            .unwrap_or(default.target_bytes.min(head_bytes)),
        buffer_bytes: section
            .read("buffer_bytes", size_between(4_096, 16 * 1024 * 1024))
            .unwrap_or(default.buffer_bytes),
    };
    let request_body_max = section.read("request_body", size_limit).flatten();
    section.finish();
    (limits, request_body_max)
}

fn settings(root: &mut Section<'_>) -> Settings {
    let workers = root.read("workers", count_between(1, WORKERS_MAX));
    let log = root.read("log", |value| {
        let text = scalar::text(value)?;
        let names = LogFormat::NAMES.map(|(name, _)| name).join(", ");
        LogFormat::from_name(text)
            .ok_or_else(|| Complaint::new(format!("unknown log format {text:?}"), names))
    });
    let log_buffer = root.read("log_buffer", size_between(64 * 1024, 1024 * 1024 * 1024));
    let default = Settings::default();
    Settings {
        workers: workers.and_then(|workers| workers.try_into().ok()),
        log: log.unwrap_or(default.log),
        log_buffer: log_buffer.unwrap_or(default.log_buffer),
    }
}

/// Most workers: each has its own listening sockets, pool and memory.
pub const WORKERS_MAX: u32 = 1_024;
