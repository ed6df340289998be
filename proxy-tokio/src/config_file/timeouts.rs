//! The `[timeouts]` tables, and where each of their values was said: a log line that blames a limit can name the line
//! that sets it.

use super::diagnostic::{Place, Source, line_and_column};
use super::keys::settings;
use super::scalar;
use super::section::Section;
use proxy_core::{RouteId, Timeouts, Timer};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The tables in which some of them stand.
fn tables() -> Vec<&'static str> {
    let mut tables =
        settings().filter_map(|(_, setting)| Some(setting.key.split_once('.')?.0)).collect::<Vec<_>>();
    tables.dedup();
    tables
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

/// Where each of [`Timer::ALL`] was said.
pub(super) type OriginList = [Origin; Timer::ALL.len()];

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
        let nested = tables().into_iter().map(|name| (name, section.section(name))).collect::<Vec<_>>();
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
        for (limit, setting) in settings() {
            let (table, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
            if table != prefix {
                continue;
            }
            if scope == Scope::Route && !limit.runs.is_per_route() {
                section.refuse(name, "holds before a route is known: set it in [timeouts]");
                continue;
            }
            let Some(node) = section.take(name) else { continue };
            if let Some(value) = section.context().read(&node, scalar::duration_limit) {
                *(setting.field)(&mut self.timeouts) = value;
                self.origins[limit.timer as usize] = origin_of(node.place, sources);
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
    /// All limits that hold for `route`, or for all while none is known. `timeouts`: what they are.
    pub fn timeouts<'a>(
        &'a self,
        timeouts: &'a Timeouts,
        route: Option<RouteId>,
    ) -> impl Iterator<Item = TimeoutSetting<'a>> {
        settings().map(move |(limit, setting)| {
            let route = route.filter(|_| limit.runs.is_per_route());
            let origins = route.and_then(|route| self.routes.get(route.index())).unwrap_or(&self.global);
            let origin = &origins[limit.timer as usize];
            TimeoutSetting { name: setting.key, timer: limit.timer, limit: (setting.get)(timeouts), origin }
        })
    }

    /// The limit behind `timer`; `None` for one that cannot be set.
    pub fn timeout<'a>(
        &'a self,
        timeouts: &'a Timeouts,
        route: Option<RouteId>,
        timer: Timer,
    ) -> Option<TimeoutSetting<'a>> {
        self.timeouts(timeouts, route).find(|setting| setting.timer == timer)
    }
}
