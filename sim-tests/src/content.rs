//! Content: every octet is a function of the request's number, so that any that goes astray is seen.

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Request = 1,
    Response = 2,
}

/// The octet at `offset` of a body.
pub(crate) fn octet(id: u32, body: Body, offset: usize) -> u8 {
    let x = (u64::from(id) << 34) ^ ((body as u64) << 32) ^ offset as u64;
    let mixed = (x ^ (x >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}

/// The first octet of `data` that is not the one that belongs there, as its place in the body.
pub(crate) fn first_wrong(id: u32, body: Body, offset: usize, data: &[u8]) -> Option<usize> {
    data.iter()
        .enumerate()
        .map(|(at, byte)| (offset + at, byte))
        .find_map(|(at, byte)| (*byte != octet(id, body, at)).then_some(at))
}

pub(crate) fn push_body(out: &mut Vec<u8>, id: u32, body: Body, octets: usize, chunk: Option<usize>) {
    let Some(chunk) = chunk else {
        return out.extend((0..octets).map(|at| octet(id, body, at)));
    };
    let mut at = 0;
    while at < octets {
        let len = chunk.clamp(1, octets - at);
        out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
        out.extend((at..at + len).map(|at| octet(id, body, at)));
        out.extend_from_slice(b"\r\n");
        at += len;
    }
    out.extend_from_slice(b"0\r\n\r\n");
}
