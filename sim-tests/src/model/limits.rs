//! Which limits are in force: what the script sets, and the documented defaults for the rest.

use super::routes;
use crate::script::{Script, Timeouts};
use crate::time::{MS, Nanos};
use proxy_core::Timer;

impl Timeouts {
    /// All as usual.
    pub(crate) const UNSET: Self = Self {
        client_head: 0,
        client_body: 0,
        client_write: 0,
        client_keepalive: 0,
        queue: 0,
        connect: 0,
        write: 0,
        read: 0,
        head: 0,
        total: 0,
        stream_idle: 0,
        upstream_keepalive: 0,
        drain: 0,
    };

    /// What is set for a key; `None`: nothing.
    fn code(&self, key: &str) -> Option<u8> {
        let code = match key {
            "client.head" => self.client_head,
            "client.body" => self.client_body,
            "client.write" => self.client_write,
            "client.keepalive" => self.client_keepalive,
            "queue" => self.queue,
            "connect" => self.connect,
            "write" => self.write,
            "read" => self.read,
            "head" => self.head,
            "total" => self.total,
            "stream.idle" => self.stream_idle,
            "upstream.keepalive" => self.upstream_keepalive,
            "drain" => self.drain,
            _ => 0,
        };
        (code > 0).then_some(code)
    }
}

/// What is documented for a key, which the tests of `table` compare; `None` is off.
fn default(key: &str) -> Option<Nanos> {
    let limit = Timer::ALL.iter().find(|limit| limit.setting.is_some_and(|setting| setting.key == key));
    limit?
        .of(&proxy_core::Timeouts::default())
        .map(|limit| Nanos::try_from(limit.as_nanos()).unwrap_or(Nanos::MAX))
}

/// The limit under this key before a route is known; `None`: it is off.
pub(crate) fn limit(script: &Script, key: &str) -> Option<Nanos> {
    resolve(&script.timeouts, None, key)
}

impl Script {
    /// When a drain's time is over, if it is one day.
    pub(crate) fn drain_ends(&self) -> Option<Nanos> {
        Some(Nanos::from(self.drain_at?) * MS + limit(self, "drain")?)
    }
}

/// The limit under this key on the route that a request takes.
pub(crate) fn limit_of(script: &Script, id: u32, key: &str) -> Option<Nanos> {
    let place = routes::place_of(script, id).unwrap_or(0);
    limit_on(script, place, key)
}

/// The limit under this key on a route.
pub(crate) fn limit_on(script: &Script, place: usize, key: &str) -> Option<Nanos> {
    resolve(&script.timeouts, script.routes.get(place).map(|route| &route.timeouts), key)
}

fn resolve(everywhere: &Timeouts, here: Option<&Timeouts>, key: &str) -> Option<Nanos> {
    match here.and_then(|here| here.code(key)).or_else(|| everywhere.code(key)) {
        None => default(key),
        Some(OFF) => None,
        Some(code) => Some(Nanos::from(code) * UNIT),
    }
}

/// Whether some limit is off, so that somebody may wait for ever.
pub(crate) fn are_off(script: &Script) -> bool {
    let everywhere = [script.timeouts].into_iter().chain(script.routes.iter().map(|route| route.timeouts));
    let keys = || Timer::ALL.iter().filter_map(|limit| Some(limit.setting?.key));
    everywhere.into_iter().any(|timeouts| keys().any(|key| timeouts.code(key) == Some(OFF)))
}

/// How much of the `total` of a route may be over when its request's head is read and the route is known.
pub(crate) fn head_share(script: &Script) -> Nanos {
    let is_own = script.routes.iter().any(|route| route.timeouts.total > 0);
    let head = ["client.head", "total"].into_iter().filter_map(|key| limit(script, key)).min();
    if is_own { head.unwrap_or(Nanos::MAX / 2) } else { 0 }
}

/// Whether an exchange may go on for ever as long as something moves.
pub(crate) fn may_last(script: &Script) -> bool {
    let has_streams = script.routes.iter().any(|route| route.stream);
    are_off(script) || has_streams || script.answers.iter().any(|answer| answer.streams || answer.switches)
}

/// Whether nobody who is not at fault comes near any limit.
pub(crate) fn are_ample(script: &Script, id: u32) -> bool {
    let waits = ["client.head", "client.body", "client.write", "queue", "connect", "write", "read", "total"];
    let place = routes::place_of(script, id).unwrap_or(0);
    waits.iter().all(|key| {
        let default = default(key).unwrap_or(0);
        limit_on(script, place, key).is_none_or(|limit| limit >= default)
    })
}

/// A limit that is switched off.
const OFF: u8 = u8::MAX;

/// What limits count in.
const UNIT: Nanos = 250 * MS;
