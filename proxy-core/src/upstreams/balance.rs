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

/// Chooses among those of `members` that are a `candidate`, and says which it is. A tie goes to the first.
pub(super) fn next<T>(
    members: &mut [T],
    candidate: impl Fn(u32, &T) -> bool,
    turn: impl Fn(&mut T) -> &mut Turn,
) -> Option<(u32, &mut T)> {
    let (mut best, mut most, mut total) = (None, i64::MIN, 0);
    for (at, member) in (0u32..).zip(members.iter_mut()) {
        if !candidate(at, member) {
            continue;
        }
        let turn = turn(member);
        turn.gained += turn.weight;
        total += turn.weight;
        if turn.gained > most {
            (best, most) = (Some(at), turn.gained);
        }
    }
    let at = best?;
    let member = members.get_mut(at as usize)?;
    turn(member).gained -= total;
    Some((at, member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn order(weights: &[u32], turns: usize, excluded: Option<u32>) -> String {
        let mut members: Vec<_> = weights.iter().map(|weight| Turn::new(*weight)).collect();
        (0..turns)
            .filter_map(|_| next(&mut members, |at, _| Some(at) != excluded, |turn| turn).map(|(at, _)| at))
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
