//! The access log: one line per exchange, in the format asked for. Formats are pure functions of a [`Line`]; who
//! writes the lines, and when, is `writer`'s job.

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

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use proxy_core::{Attempt, Config, Instant, Outcome};
use proxy_tokio::Recorder;
use proxy_tokio::config_file::{Loaded, LogFormat, Origins};
use std::net::SocketAddr;
use std::sync::Arc;
use writer::Queue;

/// What the numbers in an outcome stand for.
pub(crate) struct Site {
    config: Config,
    origins: Origins,
    /// In the order that outcomes count in.
    endpoints: Vec<SocketAddr>,
    zone: TimeZone,
    color: bool,
}

impl Site {
    pub(crate) fn new(loaded: &Loaded, zone: TimeZone, color: bool) -> Self {
        let config = loaded.config.clone();
        let endpoints = config.endpoints().map(|(_, endpoint)| endpoint.addr).collect();
        Self { config, origins: loaded.origins.clone(), endpoints, zone, color }
    }
}

/// One exchange with all that it takes to tell of it.
struct Line<'a> {
    outcome: &'a Outcome,
    site: &'a Site,
    /// When it began and ended, on the wall.
    started: ZonedDateTime,
    ended: ZonedDateTime,
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
        let listener = self.site.config.listeners.get(self.outcome.listener as usize);
        listener.map_or("-", |listener| &listener.name)
    }

    fn cluster(&self) -> Option<&str> {
        let cluster = self.site.config.clusters.get(self.outcome.cluster?.0 as usize)?;
        Some(&cluster.name)
    }

    /// The endpoint of the last attempt.
    fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint_of(self.outcome.attempts.last()?)
    }

    fn endpoint_of(&self, attempt: &Attempt) -> Option<SocketAddr> {
        self.site.endpoints.get(attempt.endpoint as usize).copied()
    }

    fn route(&self) -> Option<String> {
        let route = self.site.config.routes.get(self.outcome.route? as usize)?;
        Some(format!("{}{}", route.host.as_deref().unwrap_or("*"), route.path))
    }
}

/// Tells the time of day from a worker's clock.
struct WallClock {
    epoch: Timestamp,
}

impl WallClock {
    /// How far the two clocks may drift apart before the wall's is believed again: it was set, or the machine slept.
    const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(1);

    /// Notes that it is `wall` now, and `now` for the worker.
    fn synchronise(&mut self, now: Instant, wall: Timestamp) {
        let elapsed = SignedDuration::from_nanos(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
        let epoch = wall.checked_sub(elapsed).unwrap_or(wall);
        if epoch.duration_since(self.epoch).abs() > Self::DRIFT_MAX {
            self.epoch = epoch;
        }
    }

    fn at(&self, instant: Instant) -> Timestamp {
        let elapsed = SignedDuration::from_nanos(i64::try_from(instant.as_nanos()).unwrap_or(i64::MAX));
        self.epoch.checked_add(elapsed).unwrap_or(self.epoch)
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
        let clock = WallClock { epoch: Timestamp::now() };
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
        self.clock.synchronise(outcome.ended, Timestamp::now());
        let on_the_wall = |instant| self.clock.at(instant).to_zoned_datetime(self.site.zone.clone());
        let line = Line {
            outcome,
            site: &self.site,
            started: on_the_wall(outcome.started),
            ended: on_the_wall(outcome.ended),
        };
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
