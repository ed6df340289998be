//! Round-robin by weight, interleaved: A A B for weights 2 and 1 comes as A B A, not as a burst.
//!
//! Each turn every candidate gains its weight, and the one that has gained most pays for all: the "smooth" weighted
//! round-robin that nginx made known.

/// An endpoint's standing in the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Turn {
    weight: i64,
    gained: i64,
}

impl Turn {
    pub(super) fn new(weight: u32) -> Self {
        Self { weight: i64::from(weight), gained: 0 }
    }
}

/// Chooses among those of `members` for which `candidate` returns a turn. A tie goes to the first.
pub(super) fn next<T>(
    members: &mut [T],
    mut candidate: impl FnMut(u32, &mut T) -> Option<&mut Turn>,
) -> Option<u32> {
    let (mut best, mut total) = (None, 0);
    for (at, member) in (0u32..).zip(members.iter_mut()) {
        let Some(turn) = candidate(at, member) else { continue };
        turn.gained += turn.weight;
        total += turn.weight;
        if best.is_none_or(|(_, gained)| turn.gained > gained) {
            best = Some((at, turn.gained));
        }
    }
    let (at, _) = best?;
    if let Some(turn) = candidate(at, members.get_mut(at as usize)?) {
        turn.gained -= total;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn order(weights: &[u32], turns: usize, excluded: Option<u32>) -> String {
        let mut members: Vec<_> = weights.iter().map(|weight| Turn::new(*weight)).collect();
        (0..turns)
            .filter_map(|_| next(&mut members, |at, turn| (Some(at) != excluded).then_some(turn)))
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
}
