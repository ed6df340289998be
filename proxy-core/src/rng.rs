//! Numbers that look random: different ones each time, the same ones for the same seed.

/// SplitMix64 (Steele, Lea and Flood, 2014): every value once before any comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rng(u64);

impl Rng {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_seed() {
        let (mut a, mut b) = (Rng::new(0), Rng::new(0));
        assert_eq!(a.next(), 0xe220_a839_7b1d_cdaf, "the first value of the published generator");
        assert_eq!(b.next(), 0xe220_a839_7b1d_cdaf);
        assert_ne!(a.next(), 0xe220_a839_7b1d_cdaf);
    }
}
