//! What is judged together: a session, the exchange that it serves and the connection that carries it.

use super::{Core, Side};
use crate::config::Config;
use crate::exchange::Exchange;
use crate::input::ConnId;
use crate::link::Link;
use crate::session::Session;

/// A session and what belongs to it just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) config: &'a Config,
    pub(super) session: &'a Session,
    pub(super) exchange: Option<&'a Exchange>,
    pub(super) link: Option<&'a Link>,
}

impl Core {
    /// The view of the session on `conn`, or of the one whose request `conn` carries.
    pub(super) fn view(&self, conn: ConnId) -> Option<View<'_>> {
        let (session, exchange) = match self.side(conn)? {
            Side::Downstream(session) => (&**session, session.exchange().and_then(|id| self.exchange(id))),
            Side::Upstream(link) => {
                let exchange = self.exchange(link.exchange()?)?;
                (self.session(exchange.session)?, Some(exchange))
            }
        };
        let link = exchange.and_then(Exchange::link).and_then(|link| self.link(link));
        Some(View { config: &self.config, session, exchange, link })
    }
}
