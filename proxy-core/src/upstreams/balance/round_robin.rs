//! Round-robin by weight, interleaved: A A B for weights 2 and 1 comes as A B A, not as a burst.
//!
//! Each turn every candidate gains its weight, and the one that has gained most pays for all: the "smooth" weighted
//! round-robin that nginx made known.

use alloc::vec::Vec;

/// The members' standings in the rotation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::upstreams) struct RoundRobin {
    turns: Vec<Turn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Turn {
    weight: i64,
    gained: i64,
}

impl RoundRobin {
    /// Workers whose `seed`s differ start at different members, or all their first requests would meet at one.
    pub(super) fn new(weights: impl Iterator<Item = u32>, seed: u64) -> Self {
        let turns = weights.map(|weight| Turn { weight: i64::from(weight), gained: 0 }).collect::<Vec<_>>();
        let start = seed.checked_rem(turns.len() as u64).unwrap_or(0);
        let mut rotation = Self { turns };
        for _ in 0..start {
            rotation.choose(|_| true);
        }
        rotation
    }

    /// Chooses among the members that are a `candidate`, and says which it is. A tie goes to the first.
    pub(super) fn choose(&mut self, candidate: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut best, mut most, mut total) = (None, i64::MIN, 0);
        for (at, turn) in (0u32..).zip(&mut self.turns) {
            if !candidate(at) {
                continue;
            }
            turn.gained += turn.weight;
            total += turn.weight;
            if turn.gained > most {
                (best, most) = (Some(at), turn.gained);
            }
        }
        let chosen = best?;
        self.turns.get_mut(chosen as usize)?.gained -= total;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn order(weights: &[u32], turns: usize, excluded: Option<u32>) -> String {
        let mut rotation = RoundRobin::new(weights.iter().copied(), 0);
        (0..turns)
            .filter_map(|_| rotation.choose(|at| Some(at) != excluded))
            .filter_map(|at| char::from_u32(u32::from(b'A') + at))
            .collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(order(&[1, 1, 1], 7, None), "ABCABCA");
    }

    #[test]
    fn weights_are_interleaved() {
        assert_eq!(order(&[2, 1], 6, None), "ABAABA");
        assert_eq!(order(&[5, 1, 1], 7, None), "AABACAA");
    }

    #[test]
    fn the_others_share_the_turns_of_one_that_is_left_out() {
        assert_eq!(order(&[1, 1, 1], 4, Some(1)), "ACAC");
        assert_eq!(order(&[1], 2, Some(0)), "");
    }

    #[test]
    fn workers_start_at_different_members() {
        let first = |seed| RoundRobin::new([1, 1, 1].into_iter(), seed).choose(|_| true);
        assert_eq!([first(0), first(1), first(2), first(3)], [Some(0), Some(1), Some(2), Some(0)]);
    }
}
