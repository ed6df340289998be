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
pub(crate) use writer::{LogOptions, LogWriter};

use clock::{Stamp, WallClock};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proxy_core::{Instant, Outcome};
use proxy_tokio::Recorder;
use proxy_tokio::config_file::{Loaded, LogFormat, Origins};
use std::sync::Arc;
use writer::Queue;

/// What an outcome does not say: where each limit was set, and for whom lines are written.
pub(crate) struct Site {
    origins: Origins,
    zone: TimeZone,
    color: bool,
}

impl Site {
    pub(crate) fn new(loaded: &Loaded, zone: TimeZone, color: bool) -> Self {
        Self { origins: loaded.origins.clone(), zone, color }
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

    fn cluster(&self) -> Option<&str> {
        Some(&self.outcome.cluster()?.name)
    }

    /// The endpoint of the last attempt.
    fn endpoint(&self) -> Option<&str> {
        Some(&self.outcome.endpoint()?.text)
    }

    fn route(&self) -> Option<&str> {
        Some(&self.outcome.matched()?.name)
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

/// The line of a log that tells how many others are missing before it.
pub(crate) fn gap(format: LogFormat) -> fn(usize) -> String {
    match format {
        LogFormat::Json => |lines| format!("{{\"dropped\":{lines}}}\n"),
        LogFormat::Short | LogFormat::Combined | LogFormat::Haproxy | LogFormat::Off => {
            |lines| format!("# {lines} lines were dropped here\n")
        }
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
