//! What a network is like, by its seed: latency, jitter, and how coarse its time is.

use crate::seeds::Random;
use std::time::Duration;
use turmoil::Builder;

/// The network of one world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    /// Messages are delivered at multiples of it. Timers of hosts are exact whatever it is.
    pub(crate) tick: Duration,
    /// A message takes at least as long. Never shorter than the tick, or it could come before it was sent.
    pub(crate) latency_min: Duration,
    pub(crate) latency_max: Duration,
    /// Hosts take their turns in random order.
    shuffled: bool,
}

impl Weather {
    /// Seed 0 is a calm day.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let ms = Duration::from_millis;
        if seed == 0 {
            return Self { seed, tick: ms(5), latency_min: ms(5), latency_max: ms(5), shuffled: false };
        }
        let tick = [5, 10, 20, 40][(random.next() % 4) as usize];
        let least = tick + random.within(0, 4);
        let most = least + random.within(0, 25);
        Self {
            seed,
            tick: ms(tick),
            latency_min: ms(least),
            latency_max: ms(most),
            shuffled: random.next().is_multiple_of(2),
        }
    }

    /// The same network with time five times as coarse, for worlds in which little happens for long.
    pub(crate) fn coarse(mut self) -> Self {
        self.tick *= 5;
        self.latency_min *= 5;
        self.latency_max *= 5;
        self
    }

    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .rng_seed(self.seed)
            .tick_duration(self.tick)
            .min_message_latency(self.latency_min)
            .max_message_latency(self.latency_max)
            .simulation_duration(Duration::from_secs(1_000))
            // Failed connects never give their port back.
            .ephemeral_ports(10_000..=65_535)
            .tcp_capacity(1_024);
        if self.shuffled {
            builder.enable_random_order();
        }
        builder
    }

    /// A message that was sent has arrived after this time for certain.
    pub(crate) fn way(&self) -> Duration {
        self.latency_max + self.tick * 2
    }

    /// As long as a peer may take to be just in time for `limit` for certain, whatever the way takes.
    pub(crate) fn in_time_for(&self, limit: Duration) -> Duration {
        limit - self.way()
    }
}
