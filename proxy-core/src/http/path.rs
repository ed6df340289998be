//! The path of a request as routes see it: in its normal form (RFC 3986 §6.2.2), so that no other spelling of a path gets past
//! a prefix. The octets that go on to the server stay the client's.
//!
//! Knows nothing of routes.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::memchr3_iter;

use super::bad_head::BadHead;

/// The normal form of `path`, which begins with `/`: unreserved characters are not percent-encoded, encodings are in upper
/// case, and `.` and `..` are gone.
///
/// # Errors
/// Where servers differ in where the path leads: it climbs out of the root, or a server that decodes an encoded slash, takes
/// `\` for `/`, cuts parameters off, or merges slashes would find dot segments that others don't.
pub fn normal_path(path: &[u8]) -> Result<Cow<'_, [u8]>, BadHead> {
    if is_normal(path) { Ok(Cow::Borrowed(path)) } else { normalised(path).map(Cow::Owned) }
}

/// Whether a path has nothing in it that could have to be changed. Nearly all have not.
fn is_normal(path: &[u8]) -> bool {
    let mut unusual = memchr3_iter(b'%', b'\\', b'.', path);
    !unusual.any(|at| {
        let before = at.checked_sub(1).and_then(|before| path.get(before));
        path.get(at) != Some(&b'.') || before == Some(&b'/')
    })
}

#[cold]
fn normalised(path: &[u8]) -> Result<Vec<u8>, BadHead> {
    let decoded = decoded(path);
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    for segment in decoded.split(|octet| *octet == b'/').skip(1) {
        ends_in_slash = true;
        match segment {
            b"." => {}
            b".." => match kept.pop() {
                None => return Err(BadHead::PathClimbs),
                // `/a//..` is `/a/`, or the root for those who merge slashes.
                Some([]) => return Err(BadHead::AmbiguousPath),
                Some(_) => {}
            },
            _ if hides_dots(segment) => return Err(BadHead::AmbiguousPath),
            _ => {
                kept.push(segment);
                ends_in_slash = false;
            }
        }
    }
    if ends_in_slash {
        kept.push(b"");
    }
    let mut normal = Vec::with_capacity(path.len());
    for segment in kept {
        normal.push(b'/');
        normal.extend_from_slice(segment);
    }
    Ok(normal)
}

/// `path` with its percent-encodings in their normal form. What only looks like one stays as it is.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let (b'%', Some([high, low])) = (*first, behind.first_chunk()) else {
            out.push(*first);
            continue;
        };
        match hexadecimal(*high).zip(hexadecimal(*low)) {
            None => {
                out.push(*first);
                continue;
            }
            Some((tens, ones)) if is_unreserved(tens << 4 | ones) => out.push(tens << 4 | ones),
            Some(_) => out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
        }
        rest = behind.get(2..).unwrap_or_default();
    }
    out
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 §2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Whether some server would find a dot segment in this one: behind an encoded slash, `\` or an encoded one, or before
/// parameters.
fn hides_dots(mut segment: &[u8]) -> bool {
    let mut is_first = true;
    loop {
        let (part, behind) = cut(segment);
        let name = part.split(|octet| *octet == b';').next().unwrap_or_default();
        let is_whole = is_first && behind.is_none() && name.len() == part.len();
        if matches!(name, b"." | b"..") && !is_whole {
            return true;
        }
        let Some(behind) = behind else { return false };
        (segment, is_first) = (behind, false);
    }
}

/// What stands before the first octet, or encoding, that some take for a slash, and what stands behind it.
fn cut(segment: &[u8]) -> (&[u8], Option<&[u8]>) {
    for at in 0..segment.len() {
        let (before, behind) = segment.split_at_checked(at).unwrap_or_default();
        let separator =
            [&b"\\"[..], b"%2F", b"%5C"].into_iter().find(|separator| behind.starts_with(separator));
        if let Some(separator) = separator {
            return (before, behind.get(separator.len()..));
        }
    }
    (segment, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn every_spelling_of_a_path_has_one_normal_form() {
        let cases = [
            ("/", "/"),
            ("/a/b.html", "/a/b.html"),
            ("/a//b/", "/a//b/"),
            ("/%61%2D%2e%5f%7E", "/a-._~"),
            ("/caf%c3%a9%2f", "/caf%C3%A9%2F"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/.", "/"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/%2e%2E/c", "/c"),
            ("/a/b/../../c", "/c"),
            ("/a/.../.b/..c", "/a/.../.b/..c"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a\\b", "/a\\b"),
            ("/a;b=..", "/a;b=.."),
        ];
        for (path, normal) in cases {
            let found = normal_path(path.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned());
            assert_eq!(found.as_deref(), Ok(normal), "{path}");
            assert_eq!(normal_path(normal.as_bytes()).as_deref(), Ok(normal.as_bytes()), "{normal} again");
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_for_some_has_none() {
        for path in ["/..", "/../a", "/a/../../b", "/%2e%2e/a", "/.%2e", "/a/../.."] {
            assert_eq!(normal_path(path.as_bytes()), Err(BadHead::PathClimbs), "{path}");
        }
        let ambiguous = [
            "/a/..%2fb",
            "/a/..%2Fb",
            "/a/%2e%2e%2fb",
            "/a%2f../b",
            "/a%2f..%2fb",
            "/a/.%2fb",
            "/a/..\\b",
            "/a\\..\\b",
            "/a%5c..%5Cb",
            "/a/..;x/b",
            "/a/..;/b",
            "/a/.;/b",
            "/a//../b",
        ];
        for path in ambiguous {
            assert_eq!(normal_path(path.as_bytes()), Err(BadHead::AmbiguousPath), "{path}");
        }
    }
}
