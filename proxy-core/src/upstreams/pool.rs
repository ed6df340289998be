//! The idle connections to one endpoint.

use crate::input::ConnId;
use alloc::vec::Vec;

/// Idle connections; the one used last is used first, so that the others can expire.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Pool(Vec<ConnId>);

impl Pool {
    pub(super) fn put(&mut self, conn: ConnId) {
        self.0.push(conn);
    }

    pub(super) fn take(&mut self) -> Option<ConnId> {
        self.0.pop()
    }

    /// Takes out a connection that ended, if it is there.
    pub(super) fn remove(&mut self, conn: ConnId) {
        if let Some(at) = self.0.iter().rposition(|idle| *idle == conn) {
            self.0.remove(at);
        }
    }

    /// The one that has been idle for longest.
    pub(super) fn oldest(&self) -> Option<ConnId> {
        self.0.first().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ConnId> {
        self.0.iter().copied()
    }
}
