//! When requests are due. Knows nothing of who sends them.

use std::time::{Duration, Instant};

/// How much work there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Every client asks again as soon as it has its answer, for so long.
    Closed(Duration),
    /// So many requests in all, so many at a time.
    Count { requests: u64, at_once: usize },
    /// So many requests a second whatever becomes of the earlier ones, for so long.
    Rate { per_second: f64, during: Duration },
    /// Every client asks once; nobody waits for an answer. Over after so long.
    Stall(Duration),
}

#[derive(Debug)]
pub(crate) struct Pace {
    load: Load,
    began: Instant,
    started: u64,
}

/// How long a wait for events may be when nothing is due: only so that a proxy that hangs is noticed.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How long a count of requests may take.
const COUNT_MAX: Duration = Duration::from_secs(60);

impl Pace {
    pub(crate) fn new(load: Load, began: Instant) -> Self {
        Self { load, began, started: 0 }
    }

    /// When the request was due that is to be started now; `None`: none is.
    pub(crate) fn next(&mut self, busy: usize, now: impl Fn() -> Instant) -> Option<Instant> {
        let due = match self.load {
            Load::Closed(during) => {
                let now = now();
                (now < self.began + during).then_some(now)
            }
            Load::Count { requests, at_once } => (self.started < requests && busy < at_once).then(now),
            Load::Stall(_) => Some(now()),
            Load::Rate { during, .. } => {
                let due = self.next_due();
                (due < self.began + during && due <= now()).then_some(due)
            }
        };
        self.started += u64::from(due.is_some());
        due
    }

    /// The moment by which the next request of a fixed rate is due.
    fn next_due(&self) -> Instant {
        match self.load {
            // 2⁵³ requests are not sent.
            #[expect(clippy::cast_precision_loss, reason = "a number that large is not reached")]
            Load::Rate { per_second, .. } => {
                self.began + Duration::from_secs_f64(self.started as f64 / per_second)
            }
            Load::Closed(_) | Load::Count { .. } | Load::Stall(_) => self.began,
        }
    }

    /// Whether no request will be due any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        match self.load {
            Load::Closed(during) | Load::Stall(during) => now >= self.began + during,
            Load::Count { requests, .. } => self.started >= requests,
            Load::Rate { during, .. } => self.next_due() >= self.began + during,
        }
    }

    pub(crate) fn waits_for_answers(&self) -> bool {
        !matches!(self.load, Load::Stall(_))
    }

    /// When no request will be due any more, at the latest.
    pub(crate) fn ends_by(&self) -> Instant {
        self.began
            + match self.load {
                Load::Closed(during) | Load::Stall(during) | Load::Rate { during, .. } => during,
                Load::Count { .. } => COUNT_MAX,
            }
    }

    /// How long to wait for events. The kernel's timers are too coarse for a fixed rate: then, not at all.
    pub(crate) fn timeout(&self, now: Instant) -> Duration {
        match self.load {
            Load::Rate { .. } => Duration::ZERO,
            Load::Closed(_) | Load::Count { .. } | Load::Stall(_) => {
                WAIT_MAX.min(self.ends_by().saturating_duration_since(now))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_rate_keeps_to_its_schedule_however_late_it_is_asked() {
        let began = Instant::now();
        let mut pace = Pace::new(Load::Rate { per_second: 10.0, during: Duration::from_secs(1) }, began);
        let late = began + Duration::from_millis(950);
        let due: Vec<_> = std::iter::from_fn(|| pace.next(0, || late)).collect();
        let planned: Vec<_> = (0..10).map(|n| began + Duration::from_millis(100 * n)).collect();
        assert_eq!(due, planned);
        assert!(pace.is_over(late));
    }

    #[test]
    fn a_count_is_never_exceeded_nor_more_at_a_time() {
        let now = Instant::now();
        let mut pace = Pace::new(Load::Count { requests: 3, at_once: 2 }, now);
        let started = [0, 1, 2, 1, 0].map(|busy| pace.next(busy, || now).is_some());
        assert_eq!(started, [true, true, false, true, false]);
        assert!(pace.is_over(now));
    }
}
