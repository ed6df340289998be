//! Request ids: a different one each time, the same ones for the same seed.

/// SplitMix64 (Steele, Lea and Flood, 2014): every value once before any comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ids(u64);

impl Ids {
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

/// An id as the sixteen hexadecimal digits of `X-Request-Id`.
pub(crate) fn hex(id: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (at, digit) in (0u32..).zip(&mut digits) {
        let nibble = (id >> (60 - 4 * at)) & 0xf;
        *digit = b"0123456789abcdef"[usize::try_from(nibble).unwrap_or_default()];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_seed() {
        let (mut a, mut b) = (Ids::new(0), Ids::new(0));
        assert_eq!(a.next(), 0xe220_a839_7b1d_cdaf, "the first value of the published generator");
        assert_eq!(b.next(), 0xe220_a839_7b1d_cdaf);
        assert_ne!(a.next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        assert_eq!(&hex(0x0123_4567_89ab_cdef), b"0123456789abcdef");
        assert_eq!(&hex(7), b"0000000000000007");
    }
}
