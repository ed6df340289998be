//! What is judged together: a session, the exchange that it serves and the connection that carries it.

use super::deadlines::Shortest;
use super::{Core, Side};
use crate::config::Config;
use crate::exchange::Exchange;
use crate::input::ConnId;
use crate::link::Link;
use crate::session::Session;

/// A session that serves an exchange, and what belongs to it just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) config: &'a Config,
    pub(super) shortest: &'a Shortest,
    pub(super) session: &'a Session,
    pub(super) exchange: &'a Exchange,
    pub(super) link: Option<&'a Link>,
}

/// A session that serves no exchange: nobody else has a say in what is wanted of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone<'a> {
    pub(super) config: &'a Config,
    pub(super) shortest: &'a Shortest,
    pub(super) session: &'a Session,
}

impl Core {
    /// The view of the session on `conn`, or of the one whose request `conn` carries, if it serves an exchange.
    pub(super) fn view(&self, conn: ConnId) -> Option<View<'_>> {
        let (session, exchange) = match self.side(conn)? {
            Side::Downstream(session) => (&**session, self.exchange(session.exchange()?)?),
            Side::Upstream(link) => {
                let exchange = self.exchange(link.exchange()?)?;
                (self.session(exchange.session)?, exchange)
            }
        };
        let link = exchange.link().and_then(|link| self.link(link));
        Some(View { config: &self.config, shortest: &self.shortest, session, exchange, link })
    }

    pub(super) fn alone<'a>(&'a self, session: &'a Session) -> Alone<'a> {
        Alone { config: &self.config, shortest: &self.shortest, session }
    }
}
