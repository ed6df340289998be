//! What is allowed in a configuration but probably not meant. Pure: no file, no system call.

use super::super::descriptors::descriptors;
use super::super::table::grouped;
use super::Machine;
use crate::log::duration;
use proxy_core::{ClusterId, Config, Limit, Route, RouteId, Timer};
use proxy_tokio::config_file::{Loaded, Origin, TimeoutSetting};
use std::time::Duration;

pub(super) fn warnings(loaded: &Loaded, workers: usize, machine: &Machine) -> Vec<String> {
    let config = &loaded.config;
    let mut warnings = Vec::new();
    for route in (0..config.routes.len()).map(RouteId::at) {
        warnings.extend(route_warnings(loaded, route));
    }
    warnings.extend(keepalive(loaded));
    warnings.extend(unused(config));
    warnings.extend(trusts_everybody(config));
    warnings.extend(no_bound(config));
    warnings.extend(files(config, workers, machine));
    // Several routes inherit one mistake.
    let mut seen = std::collections::BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    warnings
}

fn route_warnings(loaded: &Loaded, id: RouteId) -> Vec<String> {
    let Some(route) = loaded.config.routes.get(id.index()) else { return Vec::new() };
    let limit = |timer| loaded.origins.timeout(&route.timeouts, Some(id), timer);
    let Some(total) = limit(Timer::Total) else { return Vec::new() };
    let mut warnings = Vec::new();
    if route.stream {
        // A limit that was set for all is not meant for this one.
        let for_all = loaded.origins.timeout(&loaded.config.timeouts, None, Timer::Total);
        let is_own = is_said(&total) && for_all.is_none_or(|for_all| for_all.origin != total.origin);
        warnings.extend(is_own.then(|| {
            format!(
                "{total}: never ends anything on {}, because `stream = true` switches it off",
                name(route)
            )
        }));
        return warnings;
    }
    // `stream.idle` holds where `total` does not.
    let is_beside = |other: &&Limit| ![Timer::Total, Timer::StreamIdle].contains(&other.timer);
    let others = Timer::ALL.iter().filter(|other| other.runs.is_per_route()).filter(is_beside);
    let others = others.filter_map(|other| limit(other.timer));
    warnings.extend(others.filter_map(|other| never(&other, &total)));
    warnings.extend(too_many_to_try(&loaded.config, route));
    warnings.extend(endless(route));
    warnings
}

/// A limit that somebody set and that another always forestalls.
fn never(limit: &TimeoutSetting<'_>, total: &TimeoutSetting<'_>) -> Option<String> {
    let moot = limit.limit? >= total.limit? && is_said(limit);
    moot.then(|| format!("{limit}: never ends anything, because the whole request ends first ({total})"))
}

fn is_said(limit: &TimeoutSetting<'_>) -> bool {
    limit.limit.is_some() && *limit.origin != Origin::Default
}

fn too_many_to_try(config: &Config, route: &Route) -> Option<String> {
    let cluster = config.clusters.get(route.cluster.index())?;
    let (connect, total) = (route.timeouts.connect?, route.timeouts.total?);
    let all = connect.checked_mul(u32::try_from(cluster.endpoints.len()).ok()?)?;
    (all > total && cluster.endpoints.len() > 1).then(|| {
        format!(
            "{}: not every server can be tried: {} × {} to connect is more than the {} for the whole request",
            name(route),
            cluster.endpoints.len(),
            duration(connect),
            duration(total)
        )
    })
}

/// A silent server would hold its client for ever.
fn endless(route: &Route) -> Option<String> {
    let timeouts = &route.timeouts;
    let endless = timeouts.total.is_none() && timeouts.read.is_none() && timeouts.head.is_none();
    endless.then(|| {
        format!(
            "{}: timeouts.read, head and total are off: a server that falls silent is waited for forever",
            name(route)
        )
    })
}

/// Common servers close idle connections after 60 s (nginx: 75 s; Node.js: 5 s, and says so in its responses).
const KEEPALIVE_COMMON: Duration = Duration::from_secs(60);

fn keepalive(loaded: &Loaded) -> Option<String> {
    let setting = loaded.origins.timeout(&loaded.config.timeouts, None, Timer::UpstreamKeepAlive)?;
    (setting.limit? > KEEPALIVE_COMMON).then(|| {
        format!(
            "{setting}: longer than the 60s of common servers, so that pooled connections die in our hands"
        )
    })
}

fn unused(config: &Config) -> Vec<String> {
    let is_used = |id: ClusterId| config.routes.iter().any(|route| route.cluster == id);
    let unused = (0..).map(ClusterId).zip(&config.clusters).filter(|(id, _)| !is_used(*id));
    unused.map(|(_, cluster)| format!("no route leads to upstream `{}`", cluster.name)).collect()
}

fn trusts_everybody(config: &Config) -> Option<String> {
    let everybody = config.trusted_proxies.iter().find(|net| net.prefix_len() == 0)?;
    Some(format!("trusted_proxies: {everybody} is everybody: any client can say that it is another"))
}

fn no_bound(config: &Config) -> Option<String> {
    let unlimited = config.limits.client_connections.is_none();
    unlimited.then(|| "limits.client_connections is off: clients alone decide how much memory is used".into())
}

fn files(config: &Config, workers: usize, machine: &Machine) -> Option<String> {
    let (needed, max) = (descriptors(config, workers)?, machine.descriptors_max?);
    (needed > max).then(|| {
        format!(
            "{} file descriptors may be needed and only {} are allowed: lower limits.client_connections or raise \
             the hard limit (ulimit -Hn)",
            grouped(needed),
            grouped(max)
        )
    })
}

fn name(route: &Route) -> String {
    format!("{}{}", route.host.as_deref().unwrap_or("*"), route.path)
}
