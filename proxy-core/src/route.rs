//! Which route a request takes: the most specific host, then the longest path, never the order of the file.

use crate::config::{Config, Route};
use crate::ids::RouteId;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The routes of a configuration, ready to be searched.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Router {
    /// By exact host or by `*.suffix`.
    hosts: BTreeMap<String, Paths>,
    any: Paths,
}

/// Path prefixes with their route, longest first.
type Paths = Vec<(String, RouteId)>;

impl Router {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let mut router = Self { hosts: BTreeMap::new(), any: Paths::new() };
        for (id, route) in (0..).map(RouteId).zip(routes) {
            let paths = match &route.host {
                Some(host) => router.hosts.entry(host.to_ascii_lowercase()).or_default(),
                None => &mut router.any,
            };
            paths.push((route.path.clone(), id));
        }
        for paths in router.hosts.values_mut().chain([&mut router.any]) {
            paths.sort_by_key(|(path, _)| core::cmp::Reverse(path.len()));
        }
        router
    }

    /// The route for `host` (no port) and `path`. A host whose routes don't match the path falls through
    /// to the next less specific one.
    pub(crate) fn find(&self, host: &[u8], path: &[u8]) -> Option<RouteId> {
        // `OPTIONS *` speaks of the server as a whole (RFC 9112 §3.2.4): whoever has its root answers.
        let path = if path == b"*" { b"/" } else { path };
        if self.hosts.is_empty() {
            return longest(&self.any, path);
        }
        let host = String::from_utf8_lossy(host).to_ascii_lowercase();
        candidates(&host)
            .filter_map(|candidate| self.hosts.get(candidate.as_str()))
            .chain([&self.any])
            .find_map(|paths| longest(paths, path))
    }
}

/// `a.b.c`, then `*.b.c`, then `*.c`.
fn candidates(host: &str) -> impl Iterator<Item = String> {
    let wildcards = host.match_indices('.').map(|(at, _)| {
        let mut wildcard = String::from("*");
        wildcard.push_str(host.get(at..).unwrap_or_default());
        wildcard
    });
    [String::from(host)].into_iter().chain(wildcards)
}

fn longest(paths: &Paths, path: &[u8]) -> Option<RouteId> {
    paths.iter().find(|(prefix, _)| is_prefix(prefix.as_bytes(), path)).map(|(_, id)| *id)
}

/// Whether `prefix` covers whole segments of `path`. Octet for octet: nothing is decoded or normalised, because the
/// path goes on untouched and must mean to us what it means to the origin.
fn is_prefix(prefix: &[u8], path: &[u8]) -> bool {
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => rest.is_empty() || prefix.ends_with(b"/") || rest.starts_with(b"/"),
    }
}

impl Config {
    /// The route that a request for `host` (no port) and `path` takes; `None` is a 404.
    pub fn route_for(&self, host: &str, path: &str) -> Option<RouteId> {
        Router::new(&self.routes).find(host.as_bytes(), path.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClusterId;
    use crate::timeouts::Timeouts;

    fn router(routes: &[(&str, &str)]) -> Router {
        let routes: Vec<_> = routes
            .iter()
            .map(|(host, path)| Route {
                host: (!host.is_empty()).then(|| (*host).into()),
                path: (*path).into(),
                cluster: ClusterId(0),
                timeouts: Timeouts::default(),
                stream: false,
                request_body_max: None,
            })
            .collect();
        Router::new(&routes)
    }

    #[test]
    fn the_most_specific_host_then_the_longest_path_wins_whatever_the_order() {
        let routes = [
            ("", "/"),
            ("*.example.com", "/"),
            ("shop.example.com", "/"),
            ("shop.example.com", "/api"),
            ("", "/api/v2"),
        ];
        let router = router(&routes);
        let find = |host: &str, path: &str| router.find(host.as_bytes(), path.as_bytes());
        assert_eq!(find("shop.example.com", "/api/x"), Some(RouteId(3)));
        assert_eq!(find("shop.example.com", "*"), Some(RouteId(2)));
        assert_eq!(find("SHOP.example.com", "/cart"), Some(RouteId(2)));
        assert_eq!(find("a.b.example.com", "/"), Some(RouteId(1)));
        assert_eq!(find("example.com", "/"), Some(RouteId(0)));
        assert_eq!(find("other", "/api/v2/y"), Some(RouteId(4)));
    }

    #[test]
    fn a_prefix_ends_at_a_segment_border() {
        let router = router(&[("", "/api"), ("", "/files/")]);
        let find = |path: &str| router.find(b"", path.as_bytes());
        assert_eq!(find("*"), None);
        assert_eq!(find("/api"), Some(RouteId(0)));
        assert_eq!(find("/api/x"), Some(RouteId(0)));
        assert_eq!(find("/apix"), None);
        assert_eq!(find("/files/x"), Some(RouteId(1)));
        assert_eq!(find("/files"), None);
    }
}
