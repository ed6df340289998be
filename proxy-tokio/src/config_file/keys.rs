//! The keys that stand in tables of their own, by their full names: to say where one belongs that stands elsewhere.

use proxy_core::{Limit, Setting, Timer};

/// Where a key belongs that is known, but not here.
pub(super) fn elsewhere(key: &str) -> Option<&'static str> {
    let timeouts = settings().map(|(_, setting)| setting.path).chain(["timeouts.client.body_rate"]);
    timeouts.chain(LIMITS).find(|path| path.strip_suffix(key).is_some_and(|rest| rest.ends_with('.')))
}

/// The full names of the keys in `[limits]`.
const LIMITS: [&str; 6] = [
    "limits.client_connections",
    "limits.head_bytes",
    "limits.fields",
    "limits.target_bytes",
    "limits.buffer_bytes",
    "limits.request_body",
];

/// All limits on waiting that can be set.
pub(super) fn settings() -> impl Iterator<Item = (&'static Limit, Setting)> {
    Timer::ALL.iter().filter_map(|limit| Some((limit.timer.limit(), limit.setting?)))
}
