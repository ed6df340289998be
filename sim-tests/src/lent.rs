//! Read buffers that are lent to the core, and how many of them it still holds.

use bytes::Bytes;
use std::sync::Arc;

/// Knows how many buffers are out: for each connection the core may keep one waiting to be written.
#[derive(Debug, Default)]
pub(crate) struct Lender(Arc<()>);

/// One of them, as long as any octet of it is referred to.
struct Lent {
    octets: Bytes,
    _counted: Arc<()>,
}

impl Lender {
    /// Lends `octets`.
    pub(crate) fn lend(&self, octets: Bytes) -> Bytes {
        Bytes::from_owner(Lent { octets, _counted: Arc::clone(&self.0) })
    }

    /// How many buffers were not given back.
    pub(crate) fn out(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}
