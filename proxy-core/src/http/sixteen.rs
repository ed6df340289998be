//! Finds the first octet of a class, sixteen octets at a time.
//!
//! Knows the classes of octets that names, targets and values nearly always consist of. What else they may hold is for the
//! slow path (`strict.rs`).

use wide::u8x16;

/// How many octets `find` needs in front of it to go on: sixteen to look at, and two more on either side of them.
pub(super) const WINDOW: usize = 18;

/// Searches `text`, from `before` octets on, for the first octet of the class `stops`. Returns its distance from there, and
/// `text` from `before` octets ahead of it, which is at least three octets long. `None` if it is not there, or too near to
/// the end of `text`.
#[inline(always)]
pub(super) fn find(text: &[u8], before: usize, stops: impl Fn(u8x16) -> u32) -> Option<(usize, &[u8])> {
    let mut rest = text;
    loop {
        let window: &[u8; WINDOW] = rest.first_chunk()?;
        let hits = stops(u8x16::new(*window.get(before..)?.first_chunk()?));
        if hits != 0 {
            let place = hits.trailing_zeros() as usize % 16;
            return Some((text.len() - rest.len() + place, rest.get(place..)?));
        }
        rest = rest.get(16..)?;
    }
}

/// All but letters and `-`, of which most names consist.
#[inline(always)]
pub(super) fn not_letter_or_hyphen(octets: u8x16) -> u32 {
    let letter = in_range(octets | u8x16::splat(0x20), b'a', b'z');
    let hyphen = octets.simd_eq(u8x16::splat(b'-'));
    (letter | hyphen).to_bitmask() ^ 0xffff
}

/// All but what a query usually holds: visible ASCII without `!`, `"` and `#`.
#[inline(always)]
pub(super) fn not_query(octets: u8x16) -> u32 {
    in_range(octets, b'$', b'~').to_bitmask() ^ 0xffff
}

/// All but what a path usually holds: the same without `?`.
#[inline(always)]
pub(super) fn not_path(octets: u8x16) -> u32 {
    (in_range(octets, b'$', b'~') & !octets.simd_eq(u8x16::splat(b'?'))).to_bitmask() ^ 0xffff
}

/// All but letters, digits, `-` and `.`, of which host names consist.
#[inline(always)]
pub(super) fn not_host(octets: u8x16) -> u32 {
    let letter = in_range(octets | u8x16::splat(0x20), b'a', b'z');
    let other = in_range(octets, b'-', b'9') & !octets.simd_eq(u8x16::splat(b'/'));
    (letter | other).to_bitmask() ^ 0xffff
}

/// Control characters.
#[inline(always)]
pub(super) fn control(octets: u8x16) -> u32 {
    (in_range(octets, 0, 0x1f) | octets.simd_eq(u8x16::splat(0x7f))).to_bitmask()
}

#[inline(always)]
fn in_range(octets: u8x16, first: u8, last: u8) -> u8x16 {
    let from_first = octets - u8x16::splat(first);
    from_first.min(u8x16::splat(last - first)).simd_eq(from_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts each octet at each of sixteen places among octets that are no hit.
    fn hits(classify: impl Fn(u8x16) -> u32, among: u8, expected: impl Fn(u8) -> bool) {
        for octet in 0..=255 {
            for place in 0..16 {
                let mut sixteen = [among; 16];
                sixteen[place] = octet;
                let found = classify(u8x16::new(sixteen));
                assert_eq!(found, u32::from(expected(octet)) << place, "{octet:#x} at {place}");
            }
        }
    }

    #[test]
    fn sixteen_octets_at_once_are_classified_like_one_by_one() {
        for among in [b'a', b'Z', b'-'] {
            hits(not_letter_or_hyphen, among, |octet| !octet.is_ascii_alphabetic() && octet != b'-');
        }
        for among in [b'$', b'~', b'0'] {
            let is_usual = |octet: u8| octet.is_ascii_graphic() && !b"!\"#".contains(&octet);
            hits(not_query, among, |octet| !is_usual(octet));
            hits(not_path, among, |octet| !is_usual(octet) || octet == b'?');
        }
        for among in [b'a', b'Z', b'0', b'-', b'.'] {
            hits(not_host, among, |octet| !octet.is_ascii_alphanumeric() && !b"-.".contains(&octet));
        }
        for among in [b' ', b'~', 0x80, 0xff] {
            hits(control, among, |octet| octet < 0x20 || octet == 0x7f);
        }
    }

    #[test]
    fn an_octet_is_found_wherever_it_is_but_at_the_end() {
        for before in [0, 1] {
            for len in 0..70 {
                for place in before..len {
                    let mut text = [b'x'; 70];
                    text[place] = b'\n';
                    let text = &text[..len];
                    let sixteens = (place - before) / 16;
                    let expected =
                        (len - sixteens * 16 >= WINDOW).then(|| (place - before, &text[place - before..]));
                    assert_eq!(find(text, before, control), expected, "{place} of {len}, {before}");
                }
                assert_eq!(find(&[b'x'; 70][..len], before, control), None);
            }
        }
    }
}
