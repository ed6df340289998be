//! Messages that no script can compose, each with what must become of it. Data, judged by the RFCs and not by the proxy.
//!
//! In `wire`, `$` stands for the request's number and `~` for the filler that [`Fill`] describes.

pub(crate) mod requests;
pub(crate) mod responses;

/// Stands in the place of `~`: what brings a message to a limit, or past it by so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// There is none.
    Nothing,
    /// The head has so many octets more than `limits.head_bytes`.
    Head(i32),
    /// The request-target has so many octets more than its limit.
    Target(i32),
    /// There are so many field lines more than `limits.fields`.
    Fields(i32),
    /// So many octets, whatever the limits.
    Octets(usize),
}

/// The limits on heads that are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadSizes {
    pub(crate) head: usize,
    pub(crate) target: usize,
    pub(crate) fields: usize,
}

/// Writes `wire` down for request `id`.
pub(crate) fn write(out: &mut Vec<u8>, wire: &[u8], fill: Fill, id: u32, sizes: HeadSizes) {
    let from = out.len();
    for byte in wire {
        match byte {
            b'$' => out.extend_from_slice(id.to_string().as_bytes()),
            byte => out.push(*byte),
        }
    }
    let Some(at) = out[from..].iter().position(|byte| *byte == b'~').map(|at| from + at) else { return };
    let filler = filler(&out[from..], at - from, fill, sizes);
    out.splice(at..=at, filler);
}

/// What stands in the place of `~` when request `id` is written down.
pub(crate) fn filler_of(wire: &str, fill: Fill, id: u32, sizes: HeadSizes) -> String {
    let message = wire.replace('$', &id.to_string()).into_bytes();
    let Some(at) = message.iter().position(|byte| *byte == b'~') else { return String::new() };
    String::from_utf8(filler(&message, at, fill, sizes)).unwrap_or_default()
}

/// The octets in the place of the `~` at `at`.
fn filler(message: &[u8], at: usize, fill: Fill, sizes: HeadSizes) -> Vec<u8> {
    let fitting = |limit: usize, over: i32, taken: usize| {
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX) + i64::from(over);
        usize::try_from(wanted).unwrap_or(0).saturating_sub(taken)
    };
    match fill {
        Fill::Nothing => Vec::new(),
        Fill::Octets(octets) => vec![b'f'; octets],
        Fill::Head(over) => vec![b'f'; fitting(sizes.head, over, head_len(message) - 1)],
        Fill::Target(over) => {
            let (before, behind) = message.split_at(at);
            let start = before.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
            let rest = behind.iter().position(|byte| *byte == b' ').unwrap_or(behind.len());
            vec![b'f'; fitting(sizes.target, over, at - start + rest - 1)]
        }
        Fill::Fields(over) => {
            let lines = message[..head_len(message)].split(|byte| *byte == b'\n').count() - 3;
            b"f:\r\n".repeat(fitting(sizes.fields, over, lines))
        }
    }
}

/// Octets up to the end of the empty line.
pub(crate) fn head_len(message: &[u8]) -> usize {
    message.windows(4).position(|window| window == b"\r\n\r\n").map_or(message.len(), |at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SIZES: HeadSizes = HeadSizes { head: 1_024, target: 512, fields: 100 };

    fn written(wire: &[u8], fill: Fill) -> String {
        let mut out = b"before".to_vec();
        write(&mut out, wire, fill, 17, SIZES);
        String::from_utf8(out.split_off(6)).unwrap()
    }

    #[test]
    fn a_filled_message_is_as_long_as_it_should_be() {
        let wire = b"GET /$~ HTTP/1.1\r\nHost: sim\r\n\r\nbody";
        assert_eq!(written(wire, Fill::Nothing), "GET /17 HTTP/1.1\r\nHost: sim\r\n\r\nbody");
        assert_eq!(written(wire, Fill::Head(1)).find("\r\n\r\n"), Some(1_024 + 1 - 4));
        assert_eq!(written(wire, Fill::Target(0)).split(' ').nth(1).map(str::len), Some(512));
        let lines = written(b"GET /$ HTTP/1.1\r\nHost: sim\r\n~\r\n", Fill::Fields(1));
        assert_eq!(lines.matches(':').count(), 101);
        assert!(lines.ends_with("f:\r\n\r\n"), "{lines}");
    }

    #[test]
    fn every_entry_has_a_name_of_its_own() {
        let names = requests::ALL.iter().map(|entry| entry.name);
        let names = names.chain(responses::ALL.iter().map(|entry| entry.name)).collect::<Vec<_>>();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(requests::ALL.len() < 255 && responses::ALL.len() < 255, "scripts name them by one octet");
    }
}
