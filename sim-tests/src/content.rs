//! Content: every octet is a function of the request's number and of its place, so that any that goes astray is seen.

use std::sync::LazyLock;

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Request = 1,
    Response = 2,
}

/// All that a body could be made of, of which it is the beginning.
pub(crate) fn content(id: u32, body: Body) -> &'static [u8] {
    // Each body begins somewhere else in the same random octets.
    let at = (2 * id as usize + body as usize) * STRIDE % LONGEST;
    RANDOM.get(at..at + LONGEST).unwrap_or_default()
}

/// The first octet of `data` that is not the one that belongs there, as its place in the body.
pub(crate) fn first_wrong(id: u32, body: Body, offset: usize, data: &[u8]) -> Option<usize> {
    let expected = content(id, body).get(offset..).unwrap_or_default();
    if expected.starts_with(data) {
        return None;
    }
    let right = expected.iter().zip(data).take_while(|(expected, octet)| expected == octet).count();
    Some(offset + right)
}

/// Appends a body, in chunks if there are to be any.
pub(crate) fn push_body(out: &mut Vec<u8>, id: u32, body: Body, octets: usize, chunk: Option<usize>) {
    let octets = content(id, body).get(..octets).unwrap_or_default();
    let Some(chunk) = chunk else {
        return out.extend_from_slice(octets);
    };
    for piece in octets.chunks(chunk.max(1)) {
        push_hex(out, piece.len());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

fn push_hex(out: &mut Vec<u8>, n: usize) {
    let digits = (usize::BITS - n.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|at| b"0123456789abcdef"[n >> (4 * at) & 0xf]));
}

/// One more than a script's longest body, in octets.
const LONGEST: usize = 1 << 18;

/// Between the beginnings of two bodies: odd, so that they all differ.
const STRIDE: usize = 331;

static RANDOM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 1_u32;
    let mut next = || {
        // Xorshift: good enough that nothing in it looks like its neighbour.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..2 * LONGEST).map(|_| next()).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octet_elsewhere_or_of_another_body_is_seen() {
        let data = &content(17, Body::Response)[1_000..1_100];
        assert_eq!(first_wrong(17, Body::Response, 1_000, data), None);
        for (id, body, offset) in
            [(17, Body::Request, 1_000), (18, Body::Response, 1_000), (17, Body::Response, 1_001)]
        {
            assert!(first_wrong(id, body, offset, data).is_some_and(|at| at < offset + 8));
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_seen() {
        let whole = content(3, Body::Request);
        assert_eq!(first_wrong(3, Body::Request, LONGEST - 2, &whole[..3]), Some(LONGEST - 2));
        assert!(first_wrong(3, Body::Request, LONGEST, b"x").is_some());
    }

    #[test]
    fn chunks_are_told_in_hexadecimal() {
        for len in [1, 9, 15, 16, 255, 256, 65_535] {
            let mut out = Vec::new();
            push_hex(&mut out, len);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{len:x}"));
        }
    }
}
