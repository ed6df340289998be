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
    let (high, low) = digits.split_at_mut(8);
    high.copy_from_slice(&eight_digits(id >> 32));
    low.copy_from_slice(&eight_digits(id & 0xffff_ffff));
    digits
}

/// The digits of 32 bits, all at once: written on every request.
fn eight_digits(number: u64) -> [u8; 8] {
    // Each hexadecimal digit in an octet of its own.
    let halves = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let octets = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let digits = (octets | octets << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // One for each that is ten or more: 6 more carries into the next bit.
    let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let ascii = digits + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
    ascii.to_be_bytes()
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
        let mut ids = Ids::new(1);
        for id in (0..1_000).map(|_| ids.next()).chain([0, u64::MAX]) {
            assert_eq!(hex(id), *alloc::format!("{id:016x}").as_bytes());
        }
    }
}
