//! What is judged together: a session, the exchange that it serves and the connection that carries it.

use super::table::{Side, Table};
use crate::exchange::Exchange;
use crate::input::ConnId;
use crate::link::Link;
use crate::plan::Rules;
use crate::session::Session;

/// A session that serves an exchange, and what belongs to it just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) session: &'a Session,
    pub(super) exchange: &'a Exchange,
    pub(super) link: Option<&'a Link>,
}

/// A session that serves no exchange: nobody else has a say in what is wanted of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone<'a> {
    /// What holds while no route is known.
    pub(super) rules: &'a Rules,
    pub(super) session: &'a Session,
}

/// What a connection is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judged<'a> {
    /// The client of an exchange.
    Client(View<'a>),
    /// The connection that carries an exchange.
    Carrier(View<'a>),
    /// A client without one.
    Alone(Alone<'a>),
    /// A pooled connection.
    Pooled(&'a Link),
}

impl Table {
    /// How to judge a connection, if it lives.
    pub(super) fn judge<'a>(&'a self, unrouted: &'a Rules, conn: ConnId) -> Option<Judged<'a>> {
        Some(match &self.get(conn)?.side {
            Side::Downstream(session) => match session.exchange() {
                Some(id) => Judged::Client(self.view(self.exchange(id))),
                None => Judged::Alone(Alone { rules: unrouted, session }),
            },
            Side::Upstream(link) => match link.exchange() {
                Some(id) => Judged::Carrier(self.view(self.exchange(id))),
                None => Judged::Pooled(link),
            },
        })
    }

    fn view<'a>(&'a self, exchange: &'a Exchange) -> View<'a> {
        let session = self.session(exchange.client.conn).expect("an exchange has a client");
        View { session, exchange, link: exchange.link().map(|link| self.link(link)) }
    }
}
