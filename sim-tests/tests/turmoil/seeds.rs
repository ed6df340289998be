//! Which worlds a test plays, and how to play one of them again.

use crate::byte_net::Pipes;
use crate::story::{Check, Story};
use crate::{ByteWorld, World};
use std::env;
use std::thread;

/// Plays the world that `build` makes, once for each seed and then once more, and checks what came of it.
///
/// `WEIR_TURMOIL_SEEDS` is how many seeds there are, `WEIR_TURMOIL_SEED` the only one.
pub(crate) fn each_seed(build: impl Fn(&mut World)) {
    seeds().into_iter().for_each(|seed| twice(seed, || World::play(seed, &build)));
}

/// The same in a network that counts octets.
pub(crate) fn each_byte_seed(build: impl Fn(&mut ByteWorld)) {
    seeds().into_iter().for_each(|seed| twice(seed, || ByteWorld::play(Pipes::new(seed), &build)));
}

/// Plays a world twice: both must tell the same story.
pub(crate) fn twice(seed: u64, play: impl Fn() -> (Story, Vec<Check>)) {
    let _again = Again { seed };
    let (mut story, checks) = play();
    story.verify();
    let (twin, _) = play();
    story.assert_same(&twin);
    checks.into_iter().for_each(|check| check(&story));
}

fn seeds() -> Vec<u64> {
    only().map_or_else(|| (0..number("WEIR_TURMOIL_SEEDS").unwrap_or(SEEDS)).collect(), |seed| vec![seed])
}

/// The only seed to play, if there is one.
pub(crate) fn only() -> Option<u64> {
    number("WEIR_TURMOIL_SEED")
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

/// Enough to see every kind of weather, few enough for every day.
const SEEDS: u64 = 20;

/// Says how to play a world again if playing it fails.
struct Again {
    seed: u64,
}

impl Drop for Again {
    #[allow(clippy::print_stderr, reason = "that is what it is for")]
    fn drop(&mut self) {
        if thread::panicking() {
            // The test's name is its thread's; with one thread there is no telling, and all tests are played.
            let thread = thread::current();
            let test = thread.name().filter(|name| name.contains("::"));
            let only = test.map(|name| format!(" -- --exact {name}")).unwrap_or_default();
            let seed = self.seed;
            eprintln!(
                "seed {seed} failed. Again: WEIR_TURMOIL_SEED={seed} cargo test -p sim-tests --test turmoil{only}"
            );
        }
    }
}

/// Numbers that follow from a seed, by splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `least..=most`.
    pub(crate) const fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }
}
