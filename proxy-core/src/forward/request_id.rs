//! A request's id as text.

/// The sixteen hexadecimal digits of `X-Request-Id`.
pub(crate) fn request_id(id: u64) -> [u8; 16] {
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
    use crate::rng::Rng;

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        assert_eq!(&request_id(0x0123_4567_89ab_cdef), b"0123456789abcdef");
        assert_eq!(&request_id(7), b"0000000000000007");
        let mut rng = Rng::new(1);
        for id in (0..1_000).map(|_| rng.next()).chain([0, u64::MAX]) {
            assert_eq!(request_id(id), *alloc::format!("{id:016x}").as_bytes());
        }
    }
}
