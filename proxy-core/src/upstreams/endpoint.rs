//! One address of a cluster: its pool and its permits.

use super::permits::{Permits, Taken};
use super::pool::Pool;
use super::{Demand, Leased};
use crate::config;
use crate::ids::EndpointId;
use crate::plan::EndpointName;
use crate::record::Reason;
use crate::time::Instant;
use alloc::sync::Arc;
use core::net::SocketAddr;

#[derive(Clone, Debug, Hash)]
pub(super) struct Endpoint {
    pub(super) name: Arc<EndpointName>,
    pub(super) pool: Pool,
    pub(super) permits: Permits,
    /// How requests to it end, and since when.
    last: Option<(Reason, Instant)>,
}

/// How an endpoint did last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its address.
    pub addr: SocketAddr,
    /// How the last request to it ended, and since when they end so; `None`: there was none.
    pub last: Option<(Reason, Instant)>,
}

impl Endpoint {
    pub(super) fn new(name: Arc<EndpointName>, config: &config::Endpoint) -> Self {
        Self { name, pool: Pool::default(), permits: Permits::new(config.max_connections), last: None }
    }

    /// A request ended so.
    pub(super) fn report(&mut self, result: Reason, now: Instant) {
        if self.last.is_none_or(|(last, _)| last != result) {
            self.last = Some((result, now));
        }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { addr: self.name.addr, last: self.last }
    }

    /// Whether a request can have a connection, now or once a permit that was not asked for yet is granted. None is
    /// spare.
    pub(super) fn may_serve(&self) -> bool {
        self.permits.may_connect() || !self.pool.is_empty()
    }

    /// An idle connection, if one will do; or else a new one, for which a spare permit is used up; or else a request for
    /// one, or if that was made already, the permit of an idle connection.
    pub(super) fn lease(&mut self, endpoint: EndpointId, demand: Demand) -> Leased {
        if demand == Demand::Any
            && let Some(conn) = self.pool.take()
        {
            return Leased::Idle { endpoint, conn };
        }
        match self.permits.take() {
            Taken::Permit => Leased::Fresh { endpoint },
            Taken::Ask => Leased::Ask { endpoint },
            Taken::Asked => self.pool.oldest().map_or(Leased::Wait, |conn| Leased::Evict { conn }),
        }
    }
}
