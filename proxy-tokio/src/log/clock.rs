//! The time of day, from a worker's clock and as text. Calendars are slow: the text of a second is made once and serves
//! every line of that second.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proxy_core::Instant;

/// Tells the time of day from a worker's clock.
pub(super) struct WallClock {
    /// When the worker's clock said zero.
    epoch: Timestamp,
    zone: TimeZone,
    /// How a second is written, as strftime(3) has it.
    pattern: &'static str,
    second: Second,
}

/// The last second that was asked for.
#[derive(Default)]
struct Second {
    /// Since 1970; `None`: none was.
    number: Option<i64>,
    text: String,
}

/// A moment on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    /// Its second, as the format writes it.
    pub(super) second: &'a str,
    /// Nanoseconds since that second began.
    pub(super) nanos: u32,
}

impl WallClock {
    /// How far the two clocks may drift apart before the wall's is believed again: it was set, or the machine slept.
    const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(1);

    /// `epoch`: when the worker's clock said zero. `pattern` is strftime's, down to seconds.
    pub(super) fn new(epoch: Timestamp, zone: TimeZone, pattern: &'static str) -> Self {
        Self { epoch, zone, pattern, second: Second::default() }
    }

    /// Notes that it is `wall` now, and `now` for the worker.
    pub(super) fn synchronise(&mut self, now: Instant, wall: Timestamp) {
        let epoch = wall.checked_sub(since_zero(now)).unwrap_or(wall);
        if epoch.duration_since(self.epoch).abs() > Self::DRIFT_MAX {
            self.epoch = epoch;
        }
    }

    pub(super) fn stamp(&mut self, instant: Instant) -> Stamp<'_> {
        let time = self.epoch.checked_add(since_zero(instant)).unwrap_or(self.epoch);
        let number = time.as_second();
        if self.second.number != Some(number) {
            let text = time.to_zoned_datetime(self.zone.clone()).strftime(self.pattern).to_string();
            self.second = Second { number: Some(number), text };
        }
        // Negative only before 1970.
        Stamp { second: &self.second.text, nanos: u32::try_from(time.subsec_nanosecond()).unwrap_or(0) }
    }
}

fn since_zero(instant: Instant) -> SignedDuration {
    SignedDuration::from_nanos(i64::try_from(instant.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_stamp_is_of_its_own_second_whichever_was_asked_for_before() {
        let mut clock = WallClock::new(time("2026-02-06T12:00:00.5Z"), TimeZone::UTC, "%H:%M:%S");
        for (ms, second, nanos) in [
            (0, "12:00:00", 500_000_000),
            (499, "12:00:00", 999_000_000),
            (500, "12:00:01", 0),
            (0, "12:00:00", 500_000_000),
        ] {
            assert_eq!(clock.stamp(at(ms)), Stamp { second, nanos });
        }
    }

    #[test]
    fn the_clock_follows_the_wall_when_it_is_set_and_not_when_it_trembles() {
        let mut clock = WallClock::new(time("2026-02-06T12:00:00Z"), TimeZone::UTC, "%H:%M:%S");
        clock.synchronise(at(10_000), time("2026-02-06T12:00:10.3Z"));
        assert_eq!(clock.stamp(at(10_000)), Stamp { second: "12:00:10", nanos: 0 });
        clock.synchronise(at(11_000), time("2026-02-06T15:00:11Z"));
        assert_eq!(clock.stamp(at(12_000)).second, "15:00:12", "the machine slept for three hours");
    }
}
