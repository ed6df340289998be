//! Which route a request takes: the most specific host, then the longest path, never the order of the file.

use crate::config::{Config, Paths, Route};
use crate::http::{BadHead, normal_path};
use crate::ids::RouteId;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The routes of a configuration, ready to be searched.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Router {
    /// By exact host or by `*.suffix`.
    hosts: BTreeMap<String, Prefixes>,
    any: Prefixes,
}

/// Path prefixes with their route, longest first.
type Prefixes = Vec<(Vec<u8>, RouteId)>;

impl Router {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let mut router = Self { hosts: BTreeMap::new(), any: Prefixes::new() };
        for (id, route) in (0..).map(RouteId).zip(routes) {
            let paths = match &route.host {
                Some(host) => router.hosts.entry(host.to_ascii_lowercase()).or_default(),
                None => &mut router.any,
            };
            paths.push((prefix_of(route), id));
        }
        for paths in router.hosts.values_mut().chain([&mut router.any]) {
            paths.sort_by_key(|(path, _)| core::cmp::Reverse(path.len()));
        }
        router
    }

    /// The route for `host` (no port) and a path as it was sent. Routes whose paths are raw match it as it is, the others
    /// its normal form.
    ///
    /// # Errors
    /// The path has no normal form, and no route takes it raw.
    pub(crate) fn route(
        &self,
        routes: &[Route],
        host: &[u8],
        path: &[u8],
    ) -> Result<Option<RouteId>, BadHead> {
        // `OPTIONS *` speaks of the server as a whole (RFC 9112 §3.2.4): whoever has its root answers.
        let path = if path == b"*" { b"/" } else { path };
        let normal = normal_path(path);
        if let Ok(Cow::Borrowed(path)) = normal {
            return Ok(self.find(host, path));
        }
        let takes_raw = |id: &RouteId| routes.get(id.index()).is_some_and(|route| route.paths == Paths::Raw);
        match self.find(host, path).filter(takes_raw) {
            Some(id) => Ok(Some(id)),
            None => Ok(self.find(host, &normal?).filter(|id| !takes_raw(id))),
        }
    }

    /// The route for `host` and `path` by their octets. A host whose routes don't match the path falls through
    /// to the next less specific one.
    fn find(&self, host: &[u8], path: &[u8]) -> Option<RouteId> {
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

fn longest(paths: &Prefixes, path: &[u8]) -> Option<RouteId> {
    paths.iter().find(|(prefix, _)| is_prefix(prefix, path)).map(|(_, id)| *id)
}

/// The octets that a path must begin with.
fn prefix_of(route: &Route) -> Vec<u8> {
    let path = route.path.as_bytes();
    match route.paths {
        Paths::Raw => path.into(),
        // `Config::validate` refuses a path that has no normal form.
        Paths::Normal => normal_path(path).map_or_else(|_| path.into(), Cow::into_owned),
    }
}

/// Whether `prefix` covers whole segments of `path`.
fn is_prefix(prefix: &[u8], path: &[u8]) -> bool {
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => rest.is_empty() || prefix.ends_with(b"/") || rest.starts_with(b"/"),
    }
}

impl Config {
    /// The route that a request for `host` (no port) and `path` takes; `None` is a 404.
    ///
    /// # Errors
    /// The path has no normal form: 400.
    pub fn route_for(&self, host: &str, path: &str) -> Result<Option<RouteId>, BadHead> {
        Router::new(&self.routes).route(&self.routes, host.as_bytes(), path.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClusterId;
    use crate::timeouts::Timeouts;

    /// What the routes with these hosts and paths make of a request; those with `!` before their path take it raw.
    fn find(routes: &[(&str, &str)], host: &str, path: &str) -> Result<Option<usize>, BadHead> {
        let routes: Vec<_> = routes
            .iter()
            .map(|(host, path)| Route {
                host: (!host.is_empty()).then(|| (*host).into()),
                path: path.trim_start_matches('!').into(),
                paths: if path.starts_with('!') { Paths::Raw } else { Paths::Normal },
                cluster: ClusterId(0),
                timeouts: Timeouts::default(),
                stream: false,
                request_body_max: None,
            })
            .collect();
        let found = Router::new(&routes).route(&routes, host.as_bytes(), path.as_bytes());
        found.map(|id| id.map(RouteId::index))
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
        let find = |host: &str, path: &str| find(&routes, host, path);
        assert_eq!(find("shop.example.com", "/api/x"), Ok(Some(3)));
        assert_eq!(find("shop.example.com", "*"), Ok(Some(2)));
        assert_eq!(find("SHOP.example.com", "/cart"), Ok(Some(2)));
        assert_eq!(find("a.b.example.com", "/"), Ok(Some(1)));
        assert_eq!(find("example.com", "/"), Ok(Some(0)));
        assert_eq!(find("other", "/api/v2/y"), Ok(Some(4)));
    }

    #[test]
    fn a_prefix_ends_at_a_segment_border() {
        let find = |path: &str| find(&[("", "/api"), ("", "/files/")], "", path);
        assert_eq!(find("*"), Ok(None));
        assert_eq!(find("/api"), Ok(Some(0)));
        assert_eq!(find("/api/x"), Ok(Some(0)));
        assert_eq!(find("/apix"), Ok(None));
        assert_eq!(find("/files/x"), Ok(Some(1)));
        assert_eq!(find("/files"), Ok(None));
    }

    #[test]
    fn no_spelling_of_a_path_gets_past_a_prefix() {
        let find = |path: &str| find(&[("", "/api/"), ("", "/caf%c3%a9")], "", path);
        for path in ["/api/../admin", "/api/%2e%2e/admin", "/api/./../admin", "/%61dmin"] {
            assert_eq!(find(path), Ok(None), "{path}");
        }
        for path in ["/api/x", "/%61pi/x", "/x/../api/y", "/api/./x", "/api/a%2fb"] {
            assert_eq!(find(path), Ok(Some(0)), "{path}");
        }
        assert_eq!(find("/caf%C3%A9/x"), Ok(Some(1)));
        assert_eq!(find("/api/..%2fadmin"), Err(BadHead::AmbiguousPath));
        assert_eq!(find("/../api/"), Err(BadHead::PathClimbs));
    }

    #[test]
    fn a_route_with_raw_paths_takes_them_as_they_are() {
        let find = |path: &str| find(&[("", "!/raw/"), ("", "/")], "", path);
        for path in ["/raw/x", "/raw/../admin", "/raw/..%2fadmin"] {
            assert_eq!(find(path), Ok(Some(0)), "{path}");
        }
        assert_eq!(find("/x/../y"), Ok(Some(1)));
        assert_eq!(find("/x/..%2fraw/y"), Err(BadHead::AmbiguousPath));
        assert_eq!(find("/%72aw/x"), Ok(None), "what is raw only in its normal form is nobody's");
    }
}
