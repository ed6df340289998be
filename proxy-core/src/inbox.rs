//! Octets that were received and are not understood yet. Knows nothing of their meaning.

use bytes::{Buf, Bytes, BytesMut};
use core::mem;

/// What one connection received and nobody took yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Inbox {
    /// The rest of one read, by reference.
    Lent(Bytes),
    /// Collected from several reads, or kept past the read that brought it.
    Owned(BytesMut),
}

impl Default for Inbox {
    fn default() -> Self {
        Self::Lent(Bytes::new())
    }
}

impl Inbox {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if self.is_empty() {
            *self = Self::Lent(bytes);
        } else {
            self.append(&bytes);
        }
    }

    #[cold]
    fn append(&mut self, bytes: &[u8]) {
        self.keep();
        if let Self::Owned(buffer) = self {
            buffer.extend_from_slice(bytes);
        }
    }

    /// Takes the first `len` octets.
    pub(crate) fn take(&mut self, len: usize) -> Bytes {
        match self {
            Self::Lent(bytes) => bytes.split_to(len),
            Self::Owned(bytes) => bytes.split_to(len).freeze(),
        }
    }

    pub(crate) fn skip(&mut self, len: usize) {
        match self {
            Self::Lent(bytes) => bytes.advance(len),
            Self::Owned(bytes) => bytes.advance(len),
        }
    }

    /// Lends everything to a decoder, which takes what is its own off the front.
    #[inline]
    pub(crate) fn lend(&mut self) -> &mut Bytes {
        if let Self::Owned(bytes) = self {
            *self = Self::Lent(freeze(bytes));
        }
        match self {
            Self::Lent(bytes) => bytes,
            Self::Owned(_) => unreachable!("made lent above"),
        }
    }

    /// Called when waiting begins: what stays is copied out of the read buffer, which even one octet would pin.
    #[inline]
    pub(crate) fn keep(&mut self) {
        match self {
            Self::Lent(bytes) if bytes.is_empty() => *self = Self::default(),
            Self::Lent(bytes) => *self = Self::Owned(copy(bytes)),
            Self::Owned(_) => {}
        }
    }
}

#[cold]
fn copy(bytes: &Bytes) -> BytesMut {
    BytesMut::from(bytes.as_ref())
}

#[cold]
fn freeze(bytes: &mut BytesMut) -> Bytes {
    mem::take(bytes).freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_never_pins_the_read_buffer() {
        let read = Bytes::from(alloc::vec![b'x'; 100]);
        let mut inbox = Inbox::default();
        inbox.push(read.clone());
        inbox.skip(10);
        inbox.keep();
        assert!(read.is_unique());
        assert_eq!(inbox.len(), 90);
    }

    #[test]
    fn what_several_reads_brought_is_one_run_of_octets() {
        let mut inbox = Inbox::default();
        for part in ["ab", "cd", "ef"] {
            inbox.push(Bytes::from_static(part.as_bytes()));
        }
        inbox.skip(1);
        assert_eq!(inbox.take(2), "bc");
        assert_eq!(inbox.lend(), &"def");
    }
}
