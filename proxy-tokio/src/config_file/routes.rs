//! The `[[route]]` tables and the top-level `to`: which request goes where.

use super::Reader;
use super::address::is_host_name;
use super::diagnostic::{Complaint, Place};
use super::scalar::{self, size_limit, wrong_type};
use super::section::{Context, Section};
use super::timeouts::{Origins, Scope, Sourced};
use super::tree::{Entry, Node, Value};
use super::upstreams::Upstreams;
use proxy_core::http::normal_path;
use proxy_core::{Paths, Route};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// What holds for a route that says nothing of it.
pub(super) struct Defaults {
    pub(super) timeouts: Sourced,
    pub(super) request_body_max: Option<u64>,
}

/// The routes read so far.
pub(super) struct Routes<'a> {
    reader: &'a Reader<'a>,
    defaults: Defaults,
    pub(super) routes: Vec<Route>,
    pub(super) origins: Origins,
    /// Where each host and path was said first: a second one would never match.
    places: BTreeMap<(Option<String>, String), Place>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, defaults: Defaults) -> Self {
        let origins = Origins { global: defaults.timeouts.origins.clone(), routes: Vec::new() };
        Self { reader, defaults, routes: Vec::new(), origins, places: BTreeMap::new() }
    }

    pub(super) fn read(&mut self, root: &mut Section<'_>, upstreams: &mut Upstreams) {
        let context = &self.reader.context;
        let to = root.take_entry("to");
        let tables = match root.take("route") {
            None => Vec::new(),
            Some(Node { value: Value::Array(tables), .. }) => tables,
            Some(node) => {
                context.complain(node.place, wrong_type("[[route]], in double brackets,", &node.value));
                Vec::new()
            }
        };
        if to.is_none() && tables.is_empty() {
            let complaint = Complaint::new("there is nowhere to go: neither `to` nor a [[route]] is set", "")
                .help("add to = \"127.0.0.1:9001\"");
            context.complain(None, complaint);
        }
        for table in tables {
            self.route(table, upstreams);
        }
        if let Some(entry) = to {
            self.everything_else(&entry, upstreams);
        }
    }

    /// The top-level `to` takes what no `[[route]]` takes.
    fn everything_else(&mut self, to: &Entry, upstreams: &mut Upstreams) {
        let Some(cluster) = upstreams.to(&self.reader.context, &to.node, "main") else { return };
        let route = Route {
            host: None,
            path: "/".into(),
            paths: Paths::Normal,
            cluster,
            timeouts: self.defaults.timeouts.timeouts.clone(),
            stream: false,
            request_body_max: self.defaults.request_body_max,
        };
        self.add(route, self.defaults.timeouts.origins.clone(), to.key);
    }

    fn route(&mut self, node: Node, upstreams: &mut Upstreams) {
        let context = &self.reader.context;
        let place = node.place;
        let Some(mut section) = context.section(node, "route") else { return };
        let mut timeouts = self.defaults.timeouts.clone();
        timeouts.read(section.section("timeouts"), Scope::Route, &self.reader.sources);
        let stream = section.read("stream", scalar::boolean).unwrap_or_default();
        let request_body_max =
            section.section("limits").and_then(limits).unwrap_or(self.defaults.request_body_max);
        let hosts = section.take("host").map_or_else(|| vec![(None, place)], |node| hosts(context, &node));
        let paths = section.read("paths", paths).unwrap_or_default();
        let (path, path_place) = match section.take("path") {
            None => (Some("/".to_owned()), place),
            Some(node) => (context.read(&node, |value| path(value, paths)), node.place),
        };
        section.not_yet(&["retry", "headers", "rewrite", "rate_limit", "name"]);
        let to = section.take("to");
        section.finish();
        let Some(to) = to else {
            context.complain(place, Complaint::new("this route leads nowhere", "`to` is missing"));
            return;
        };
        let name = format!("route-{}", self.routes.len() + 1);
        let (Some(cluster), Some(path)) = (upstreams.to(context, &to, &name), path) else { return };
        for (host, host_place) in hosts {
            let place = if host.is_some() { host_place } else { path_place };
            let route = Route {
                host,
                path: path.clone(),
                paths,
                cluster,
                timeouts: timeouts.timeouts.clone(),
                stream,
                request_body_max,
            };
            self.add(route, timeouts.origins.clone(), place);
        }
    }

    fn add(&mut self, route: Route, origins: super::timeouts::OriginList, place: Place) {
        let key = (route.host.clone(), route.path.clone());
        if let Some(first) = self.places.get(&key) {
            let what = format!("{}{}", route.host.as_deref().unwrap_or("any host "), route.path);
            let complaint = Complaint::new(format!("two routes match the same: {what}"), "again here")
                .help("the most specific host, then the longest path wins; the order says nothing");
            let (first, again) = (place.min(*first), place.max(*first));
            self.reader.context.complain_of_both(again, complaint, (first, "first here"));
            return;
        }
        self.places.insert(key, place);
        self.routes.push(route);
        self.origins.routes.push(origins);
    }
}

fn limits(mut section: Section<'_>) -> Option<Option<u64>> {
    let request_body_max = section.read("request_body", size_limit);
    for key in ["client_connections", "head_bytes", "fields", "target_bytes", "buffer_bytes"] {
        section.refuse(key, "holds for the whole proxy: set it in [limits]");
    }
    section.finish();
    request_body_max
}

/// One host or several, each with its place; those that are no host are left out, after a complaint.
fn hosts(context: &Context<'_>, node: &Node) -> Vec<(Option<String>, Place)> {
    let nodes = match &node.value {
        Value::Array(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() {
        context.complain(node.place, Complaint::new("this route has no host", "leave `host` out for any"));
    }
    nodes.iter().filter_map(|node| Some((context.read(node, host)?, node.place))).collect()
}

/// A host without a port and the dot of the root, in lower case; `*` is any.
fn host(value: &Value) -> Result<Option<String>, Complaint> {
    let text = scalar::text(value)?;
    let bad = |label: &str| Err(Complaint::new(format!("{text:?} is not a host"), label));
    let mut host = text.to_ascii_lowercase();
    if host.ends_with('.') && !host.ends_with("..") && host.len() > 1 {
        host.pop();
    }
    if host == "*" {
        return Ok(None);
    }
    let name = host.strip_prefix("*.").unwrap_or(&host);
    let is_ipv6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    match () {
        () if is_ipv6 || is_host_name(name) || host.parse::<std::net::Ipv4Addr>().is_ok() => Ok(Some(host)),
        () if host.contains("://") => bad("leave out the scheme"),
        () if name.contains('*') => bad("a `*` stands only at the front: \"*.example.com\""),
        () if host.contains('/') => bad("the path has its own key: `path`"),
        () if host.contains(':') => bad("leave out the port: a route takes any"),
        () => bad("letters, digits, `-` and `.` only"),
    }
}

/// Which form of paths is matched.
fn paths(value: &Value) -> Result<Paths, Complaint> {
    match scalar::text(value)? {
        "normal" => Ok(Paths::Normal),
        "raw" => Ok(Paths::Raw),
        other => Err(Complaint::new(format!("unknown paths {other:?}"), "use \"normal\" or \"raw\"")),
    }
}

/// A path prefix.
fn path(value: &Value, paths: Paths) -> Result<String, Complaint> {
    let text = scalar::text(value)?;
    let bad = |label: &str| Err(Complaint::new(format!("{text:?} is not a path"), label));
    if !text.starts_with('/') {
        return bad("it must start with `/`");
    }
    if text.contains(['?', '#']) {
        return bad("only the path is matched, without a query");
    }
    if text.contains('*') {
        return bad("a path takes all below it: no `*` is needed");
    }
    if text.bytes().any(|octet| !octet.is_ascii_graphic()) {
        return bad("write other characters percent-encoded, as they are sent");
    }
    match normal_path(text.as_bytes()) {
        Err(_) if paths == Paths::Normal => {
            bad("no path is like this in its normal form, which is what is matched unless paths = \"raw\"")
        }
        _ => Ok(text.into()),
    }
}
