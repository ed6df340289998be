//! The access log: one line per exchange, in the format asked for. Formats are pure functions of a [`Line`]; who
//! writes the lines, and when, is `writer`'s job.

mod clock;
mod combined;
mod explain;
mod haproxy;
mod json;
mod short;
mod text;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use text::{bytes, duration};
pub(crate) use writer::LogWriter;

use clock::{Stamp, WallClock};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proxy_core::{Attempt, Config, Instant, Outcome};
use proxy_tokio::Recorder;
use proxy_tokio::config_file::{Loaded, LogFormat, Origins};
use std::sync::Arc;
use writer::Queue;

/// What the numbers in an outcome stand for.
pub(crate) struct Site {
    config: Config,
    origins: Origins,
    /// Their addresses as text, in the order that outcomes count in.
    endpoints: Vec<String>,
    zone: TimeZone,
    color: bool,
}

impl Site {
    pub(crate) fn new(loaded: &Loaded, zone: TimeZone, color: bool) -> Self {
        let config = loaded.config.clone();
        let endpoints = config.endpoints().map(|(_, endpoint)| endpoint.addr.to_string()).collect();
        Self { config, origins: loaded.origins.clone(), endpoints, zone, color }
    }
}

/// One exchange with all that it takes to tell of it.
struct Line<'a> {
    outcome: &'a Outcome,
    site: &'a Site,
    /// When it began or ended, as the format wants it.
    stamp: Stamp<'a>,
}

impl Line<'_> {
    fn write(&self, format: LogFormat, out: &mut String) {
        match format {
            LogFormat::Short => short::write(self, out),
            LogFormat::Json => json::write(self, out),
            LogFormat::Combined => combined::write(self, out),
            LogFormat::Haproxy => haproxy::write(self, out),
            LogFormat::Off => {}
        }
    }

    fn listener(&self) -> &str {
        let listener = self.site.config.listeners.get(self.outcome.listener.index());
        listener.map_or("-", |listener| &listener.name)
    }

    fn cluster(&self) -> Option<&str> {
        let cluster = self.site.config.clusters.get(self.outcome.cluster?.index())?;
        Some(&cluster.name)
    }

    /// The endpoint of the last attempt.
    fn endpoint(&self) -> Option<&str> {
        self.endpoint_of(self.outcome.attempts.last()?)
    }

    fn endpoint_of(&self, attempt: &Attempt) -> Option<&str> {
        self.site.endpoints.get(attempt.endpoint.index()).map(String::as_str)
    }

    fn route(&self) -> Option<String> {
        let route = self.site.config.routes.get(self.outcome.route?.index())?;
        Some(format!("{}{}", route.host.as_deref().unwrap_or("*"), route.path))
    }
}

/// How a format writes a second. Fractions follow it.
const fn pattern(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Short => "%H:%M:%S",
        LogFormat::Json => "%Y-%m-%dT%H:%M:%S",
        LogFormat::Combined => "%d/%b/%Y:%H:%M:%S %z",
        LogFormat::Haproxy => "%d/%b/%Y:%H:%M:%S",
        LogFormat::Off => "",
    }
}

fn clock(epoch: Timestamp, format: LogFormat, site: &Site) -> WallClock {
    let zone = if format == LogFormat::Json { TimeZone::UTC } else { site.zone.clone() };
    WallClock::new(epoch, zone, pattern(format))
}

/// Which moment a format tells of.
const fn moment(format: LogFormat, outcome: &Outcome) -> Instant {
    match format {
        LogFormat::Combined | LogFormat::Haproxy => outcome.started,
        LogFormat::Short | LogFormat::Json | LogFormat::Off => outcome.ended,
    }
}

/// One worker's access log. Lines gather here while the worker is busy and go to the common queue before it sleeps.
pub(crate) struct AccessLog {
    format: LogFormat,
    site: Arc<Site>,
    clock: WallClock,
    pending: String,
    queue: Arc<Queue>,
}

impl AccessLog {
    pub(crate) fn new(format: LogFormat, site: Arc<Site>, writer: &LogWriter) -> Self {
        let clock = clock(Timestamp::now(), format, &site);
        Self { format, site, clock, pending: String::new(), queue: writer.queue() }
    }
}

/// When a busy worker hands its lines over without sleeping, in octets.
const PENDING_MAX: usize = 16 * 1024;

impl Recorder for AccessLog {
    fn record(&mut self, outcome: &Outcome) {
        if self.format == LogFormat::Off {
            return;
        }
        // Once until the worker sleeps is enough.
        if self.pending.is_empty() {
            self.clock.synchronise(outcome.ended, Timestamp::now());
        }
        let stamp = self.clock.stamp(moment(self.format, outcome));
        let line = Line { outcome, site: &self.site, stamp };
        line.write(self.format, &mut self.pending);
        if self.pending.len() >= PENDING_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.queue.push(&self.pending);
            self.pending.clear();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}
