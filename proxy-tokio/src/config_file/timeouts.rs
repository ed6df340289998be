//! The `[timeouts]` tables, and where each of their values was said: a log line that blames a limit can name the line
//! that sets it.

use super::diagnostic::{Place, Source, line_and_column};
use super::scalar;
use super::section::Section;
use proxy_core::{Config, RouteId, Timeouts, Timer};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One limit on waiting.
struct Key {
    /// Its full name.
    path: &'static str,
    /// Its name under `timeouts`.
    name: &'static str,
    timer: Timer,
    /// Whether a route may have its own: only a limit that holds after the route is known.
    per_route: bool,
    get: fn(&Timeouts) -> Option<Duration>,
    field: fn(&mut Timeouts) -> &mut Option<Duration>,
}

macro_rules! key {
    ($name:literal, $timer:ident, $per_route:literal, $($field:ident).+) => {
        Key {
            path: concat!("timeouts.", $name),
            name: $name,
            timer: Timer::$timer,
            per_route: $per_route,
            get: |timeouts| timeouts.$($field).+,
            field: |timeouts| &mut timeouts.$($field).+,
        }
    };
}

/// All of them, in the order in which a request meets them.
const KEYS: [Key; 13] = [
    key!("client.keepalive", ClientKeepAlive, false, client.keepalive),
    key!("client.head", ClientHead, false, client.head),
    key!("client.body", ClientBody, true, client.body),
    key!("client.write", ClientWrite, true, client.write),
    key!("queue", Queue, true, queue),
    key!("connect", Connect, true, connect),
    key!("write", UpstreamWrite, true, write),
    key!("read", UpstreamRead, true, read),
    key!("head", UpstreamHead, true, head),
    key!("total", Total, true, total),
    key!("stream.idle", StreamIdle, true, stream_idle),
    key!("upstream.keepalive", UpstreamKeepAlive, false, upstream_keepalive),
    key!("drain", Drain, false, drain),
];

/// The full names of all.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.path)
}

/// Which of the tables is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Global,
    Route,
}

/// Where a value was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    #[default]
    Default,
    /// In a file.
    File {
        /// Its name, as it was given.
        name: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// In a flag.
    Flag(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Where each of [`KEYS`] was said.
pub(super) type OriginList = [Origin; KEYS.len()];

/// A set of limits on waiting and where each was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Sourced {
    pub(super) timeouts: Timeouts,
    pub(super) origins: OriginList,
}

impl Sourced {
    /// Reads one of the tables over what holds without it.
    pub(super) fn read(&mut self, section: Option<Section<'_>>, scope: Scope, sources: &[Source]) {
        let Some(mut section) = section else { return };
        let nested = ["client", "stream", "upstream"].map(|name| (name, section.section(name)));
        section.not_yet(&["resolve", "attempt"]);
        self.read_keys(&mut section, "", scope, sources);
        section.finish();
        for (name, section) in nested {
            let Some(mut section) = section else { continue };
            if name == "client" {
                section.not_yet(&["tls"]);
                if let Some(rate) = section.read("body_rate", scalar::rate) {
                    self.timeouts.client.body_rate_min = rate;
                }
            }
            self.read_keys(&mut section, name, scope, sources);
            section.finish();
        }
    }

    /// The keys that stand directly in the table `prefix`.
    fn read_keys(&mut self, section: &mut Section<'_>, prefix: &str, scope: Scope, sources: &[Source]) {
        for (key, origin) in KEYS.iter().zip(&mut self.origins) {
            let (table, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if table != prefix {
                continue;
            }
            if scope == Scope::Route && !key.per_route {
                section.refuse(name, "holds before a route is known: set it in [timeouts]");
                continue;
            }
            let Some(node) = section.take(name) else { continue };
            if let Some(limit) = section.context().read(&node, scalar::duration_limit) {
                *(key.field)(&mut self.timeouts) = limit;
                *origin = origin_of(node.place, sources);
            }
        }
    }
}

fn origin_of(place: Place, sources: &[Source]) -> Origin {
    match sources.get(place.source) {
        None => Origin::Default,
        Some(source) => source.origin(line_and_column(&source.text, place.start).0),
    }
}

/// One limit on waiting with its value and where that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutSetting<'a> {
    /// Its name under `timeouts`.
    pub name: &'static str,
    /// Which limit it is.
    pub timer: Timer,
    /// How long; `None` is off.
    pub limit: Option<Duration>,
    /// Where that was said.
    pub origin: &'a Origin,
}

impl fmt::Display for TimeoutSetting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "timeouts.{} = {}, ", self.name, humantime::format_duration(limit))?,
            None => write!(f, "timeouts.{} = off, ", self.name)?,
        }
        self.origin.fmt(f)
    }
}

/// Where each limit on waiting was said.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    pub(super) global: OriginList,
    /// As many as `Config::routes`.
    pub(super) routes: Vec<OriginList>,
}

impl Origins {
    /// All limits that hold for `route`, or for all while none is known, in the order in which a request meets them.
    pub fn timeouts<'a>(
        &'a self,
        config: &'a Config,
        route: Option<RouteId>,
    ) -> impl Iterator<Item = TimeoutSetting<'a>> {
        KEYS.iter().zip(0..).map(move |(key, index)| {
            let route = route.filter(|_| key.per_route);
            let of_route = route.and_then(|route| config.routes.get(route.index()));
            let timeouts = of_route.map_or(&config.timeouts, |route| &route.timeouts);
            let origins = route.and_then(|route| self.routes.get(route.index())).unwrap_or(&self.global);
            let origin = origins.get::<usize>(index).unwrap_or(&Origin::Default);
            TimeoutSetting { name: key.name, timer: key.timer, limit: (key.get)(timeouts), origin }
        })
    }

    /// The limit behind `timer`; `None` for one that cannot be set.
    pub fn timeout<'a>(
        &'a self,
        config: &'a Config,
        route: Option<RouteId>,
        timer: Timer,
    ) -> Option<TimeoutSetting<'a>> {
        self.timeouts(config, route).find(|setting| setting.timer == timer)
    }
}
