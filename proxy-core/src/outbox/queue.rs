//! Octets in order, partly copied and partly by reference.

use alloc::collections::{VecDeque, vec_deque};
use alloc::vec::Vec;
use bytes::Bytes;
use core::mem;

/// What a new buffer has room for: most heads, and a short body behind.
const BUFFER: usize = 2_048;

/// The largest buffer that is worth keeping for the next message.
const BUFFER_KEPT_MAX: usize = 2 * BUFFER;

/// Octets in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Queue {
    /// All that is copied, one piece behind the other.
    copied: Vec<u8>,
    /// How much of it was dropped.
    dropped: usize,
    /// What comes first. The rest of `copied` follows: often that is all there is.
    pieces: VecDeque<Piece>,
    /// How much of `copied`, from its start, stood in pieces.
    listed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    /// So many octets of `copied`.
    Copied(usize),
    Shared(Bytes),
}

impl Default for Queue {
    fn default() -> Self {
        Self { copied: Vec::with_capacity(BUFFER), dropped: 0, pieces: VecDeque::new(), listed: 0 }
    }
}

impl Queue {
    /// Lets `write` append octets, and says how many it did.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let before = self.copied.len();
        write(&mut self.copied);
        self.copied.len() - before
    }

    pub(super) fn push(&mut self, data: Bytes) {
        let before = self.copied.len() - self.listed.max(self.dropped);
        if before > 0 {
            self.pieces.push_back(Piece::Copied(before));
        }
        self.listed = self.copied.len();
        self.pieces.push_back(Piece::Shared(data));
    }

    /// How many pieces are by reference.
    pub(super) fn shared(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Shared(_))).count()
    }

    pub(super) fn clear(&mut self) {
        self.copied.clear();
        (self.dropped, self.listed) = (0, 0);
        // Seldom are there any: quicker than `clear`.
        while self.pieces.pop_front().is_some() {}
    }

    /// Drops the first `n` octets, and says how many pieces by reference went with them.
    pub(super) fn drop_front(&mut self, mut n: usize) -> usize {
        let mut shared = 0;
        while let Some(front) = self.pieces.front_mut() {
            let len = front.len();
            let part = n.min(len);
            match front {
                Piece::Copied(left) => {
                    *left -= part;
                    self.dropped += part;
                }
                Piece::Shared(data) => drop(data.split_to(part)),
            }
            if part < len {
                return shared;
            }
            n -= part;
            shared += usize::from(matches!(front, Piece::Shared(_)));
            self.pieces.pop_front();
        }
        self.dropped = self.copied.len().min(self.dropped + n);
        shared
    }

    /// All but the first `skip` octets.
    #[inline]
    pub(super) fn slices(&self, skip: usize) -> Slices<'_> {
        Slices {
            copied: self.copied.get(self.dropped..).unwrap_or_default(),
            pieces: (!self.pieces.is_empty()).then(|| self.pieces.iter()),
            skip,
        }
    }

    /// Whether it is worth keeping when it is empty.
    pub(crate) fn is_small(&self) -> bool {
        self.copied.capacity() <= BUFFER_KEPT_MAX
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Copied(len) => *len,
            Self::Shared(data) => data.len(),
        }
    }
}

/// What waits to be written to one connection, slice by slice, none of them empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices<'a> {
    /// What was copied and is in none of the pieces stands behind them.
    copied: &'a [u8],
    pieces: Option<vec_deque::Iter<'a, Piece>>,
    skip: usize,
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let piece = match self.pieces.as_mut().and_then(Iterator::next) {
                Some(Piece::Copied(len)) => {
                    let (piece, rest) = self.copied.split_at_checked(*len)?;
                    self.copied = rest;
                    piece
                }
                Some(Piece::Shared(data)) => data,
                None if self.copied.is_empty() => return None,
                None => mem::take(&mut self.copied),
            };
            match piece.get(self.skip..) {
                Some([]) | None => self.skip -= piece.len(),
                Some(rest) => {
                    self.skip = 0;
                    return Some(rest);
                }
            }
        }
    }
}
