//! The character classes and small productions of RFC 9110 §5.6 that more than one file needs.
//!
//! Knows no field by name.

/// `tchar` (RFC 9110 §5.6.2).
pub(super) fn is_tchar(octet: u8) -> bool {
    TCHAR[octet as usize]
}

/// Whether `text` is a `token` (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_tchar)
}

/// `OWS` is made of these two (RFC 9110 §5.6.3).
pub(super) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// What a field value or a reason phrase may hold: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5).
pub(super) fn is_value_octet(octet: u8) -> bool {
    matches!(octet, b'\t' | 0x20..=0x7e | 0x80..)
}

/// `VCHAR`: visible ASCII.
pub(super) fn is_visible(octet: u8) -> bool {
    matches!(octet, 0x21..=0x7e)
}

/// `text` without the optional whitespace around it.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// The elements of a comma-separated list; empty ones are skipped (RFC 9110 §5.6.1.2).
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&octet| octet == b',').map(trim).filter(|element| !element.is_empty())
}

/// `1*DIGIT` and nothing else. `None` for anything else, and above `u64`.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    // Fewer than twenty can't overflow.
    if digits.is_empty() || digits.len() >= 20 {
        return long_decimal(digits);
    }
    let (mut number, mut is_decimal) = (0u64, true);
    for octet in digits {
        let digit = octet.wrapping_sub(b'0');
        is_decimal &= digit < 10;
        number = number.wrapping_mul(10).wrapping_add(digit.into());
    }
    is_decimal.then_some(number)
}

#[cold]
fn long_decimal(digits: &[u8]) -> Option<u64> {
    let first = digits.first().filter(|octet| octet.is_ascii_digit())?;
    digits.iter().skip(1).try_fold(u64::from(first - b'0'), |number, &octet| match octet {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(octet - b'0')),
        _ => None,
    })
}

const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0x21u8;
    while octet < 0x7f {
        table[octet as usize] = octet.is_ascii_alphanumeric()
            || matches!(octet, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
            || matches!(octet, b'^' | b'_' | b'`' | b'|' | b'~');
        octet += 1;
    }
    table
};
