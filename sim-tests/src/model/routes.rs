//! Which route a request takes, by docs/configuration: the most specific host, then the longest path.

use crate::catalogue::requests::Fate;
use crate::script::{Route, Script, Timeouts};
use crate::wording;

/// Hosts that routes are for; `None` is any.
const ROUTE_HOSTS: [Option<&str>; 5] = [None, Some("sim"), Some("*.sim"), Some("a.sim"), Some("*.a.sim")];

/// Paths that routes are for.
const ROUTE_PATHS: [&str; 4] = ["/", "/r", "/r/", "/r/s"];

impl Route {
    /// The host that it is for.
    pub(crate) fn host(&self) -> Option<&'static str> {
        ROUTE_HOSTS[usize::from(self.host) % ROUTE_HOSTS.len()]
    }

    /// The path that it is for.
    pub(crate) fn path(&self) -> &'static str {
        ROUTE_PATHS[usize::from(self.path) % ROUTE_PATHS.len()]
    }

    /// How specific it is for a request that it matches; `None`: it does not match.
    fn fit(&self, host: &str, path: &str) -> Option<(usize, usize)> {
        let for_host = match self.host() {
            None => 0,
            Some(wildcard) if wildcard.starts_with('*') => {
                let end = host.len().checked_sub(wildcard.len() - 1).filter(|at| *at > 0)?;
                host.get(end..)?.eq_ignore_ascii_case(&wildcard[1..]).then_some(wildcard.len())?
            }
            Some(exact) => exact.eq_ignore_ascii_case(host).then_some(usize::MAX)?,
        };
        let rest = path.strip_prefix(self.path())?;
        let is_at_border = rest.is_empty() || rest.starts_with('/') || self.path().ends_with('/');
        is_at_border.then_some((for_host, self.path().len()))
    }
}

/// The routes of the configuration. A script without any has one for everything.
pub(crate) fn all(script: &Script) -> &[Route] {
    const EVERYTHING: &[Route] =
        &[Route { host: 0, path: 0, cluster: 0, stream: false, body_max: 0, timeouts: Timeouts::UNSET }];
    if script.routes.is_empty() { EVERYTHING } else { &script.routes }
}

/// No configuration has two routes for the same: the first counts.
pub(crate) fn drop_ties(routes: &mut Vec<Route>) {
    let mut seen = Vec::new();
    routes.retain(|route| {
        let key = (route.host(), route.path());
        let is_new = !seen.contains(&key);
        seen.push(key);
        is_new
    });
}

/// The place of the route that a request takes.
pub(crate) fn place_of(script: &Script, id: u32) -> Option<usize> {
    if script.routes.is_empty() {
        return Some(0);
    }
    let (host, path) = whereto(script, id);
    find(all(script), without_port(host).trim_end_matches('.'), &path)
}

/// The place of the most specific route.
fn find(routes: &[Route], host: &str, path: &str) -> Option<usize> {
    let fits = routes.iter().enumerate().filter_map(|(at, route)| Some((route.fit(host, path)?, at)));
    fits.max_by_key(|(fit, _)| *fit).map(|(_, at)| at)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The host that a request is for, and its path as far as it matters: no route knows the numbers of requests.
fn whereto(script: &Script, id: u32) -> (&'static str, String) {
    let (host, target) = match script.raw_request(id).map(|raw| raw.fate) {
        None => (wording::host(script, id), wording::before_number(script, id)),
        Some(Fate::Forwarded(raw)) => (raw.host, raw.line.split(' ').nth(1).unwrap_or_default()),
        Some(_) => ("sim", "/"),
    };
    let path = target.split('?').next().unwrap_or_default();
    // `OPTIONS *` is for the server as a whole, which is who has its root.
    (host, if path == "*" { "/".to_owned() } else { normal(path) })
}

/// A path without dot segments (RFC 3986 §5.2.4). The catalogue has none that ends in one.
fn normal(path: &str) -> String {
    let decoded = path.replace("%2e", ".").replace("%2E", ".").replace("%72", "r");
    let mut kept = Vec::new();
    for segment in decoded.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_host_then_the_longest_path_wins() {
        let route = |host, path| Route { host, path, ..Route::default() };
        // Any, sim, *.sim, a.sim and *.a.sim; / and /r.
        let routes = [route(0, 0), route(2, 1), route(3, 0), route(0, 1), route(4, 1)];
        let found = |host, path| find(&routes, host, path);
        assert_eq!(found("a.sim", "/r/5"), Some(2));
        assert_eq!(found("b.sim", "/r/5"), Some(1));
        assert_eq!(found("b.sim", "/5"), Some(0));
        assert_eq!(found("b.a.sim", "/r/5"), Some(4));
        assert_eq!(found("sim", "/r/5"), Some(3));
        assert_eq!(found("sim", "/rs/5"), Some(0));
        assert_eq!(find(&routes[1..3], "sim", "/r/5"), None);
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        assert_eq!(without_port("sim:80"), "sim");
        assert_eq!(without_port("sim:"), "sim");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("sim"), "sim");
    }
}
