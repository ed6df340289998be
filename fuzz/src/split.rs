//! Ways to cut an input into the pieces in which it might arrive. A function of the octets alone, so that a
//! seed stays readable text and a crash repeats.

/// The whole, one octet at a time, in halves, and at a few places that the octets' hash chooses.
pub fn all(octets: &[u8]) -> Vec<Vec<&[u8]>> {
    if octets.is_empty() {
        return vec![vec![octets]];
    }
    let mut ways = vec![vec![octets], octets.chunks(1).collect()];
    if octets.len() > 1 {
        ways.push(at(octets, vec![octets.len() / 2]));
    }
    let mut random = Random::of(octets);
    for cuts in [1, 3, 7] {
        ways.push(some(octets, cuts, &mut random));
    }
    ways
}

/// `cuts` cuts at places that `random` chooses. Never an empty piece, but for an empty whole.
pub fn some<'a>(octets: &'a [u8], cuts: usize, random: &mut Random) -> Vec<&'a [u8]> {
    at(octets, (0..cuts).map(|_| random.below(octets.len() + 1)).collect())
}

fn at(octets: &[u8], mut places: Vec<usize>) -> Vec<&[u8]> {
    places.extend([0, octets.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|ends| &octets[ends[0]..ends[1]]).collect()
}

/// A stream of numbers that the input determines.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// Seeded with the FNV-1a hash of `octets`.
    pub fn of(octets: &[u8]) -> Self {
        let start = 0xcbf2_9ce4_8422_2325u64;
        Self(
            octets
                .iter()
                .fold(start, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
