//! `weir route`: which route, upstream and limits a request would get. The core's own matching decides.

use super::check::cluster_row;
use super::layers::loaded_file;
use super::output::{Exit, say};
use super::table::Labelled;
use crate::log::bytes;
use proxy_core::{RouteId, Timer};
use proxy_tokio::config_file::Loaded;
use std::path::Path;

pub(super) fn route(path: &Path, method: &str, url: &str) -> Exit {
    let place = match parse(url) {
        Ok(place) => place,
        Err(why) => {
            tracing::error!("{url:?} is no URL to look up: {why}");
            return Exit::Usage;
        }
    };
    let loaded = match loaded_file(path) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    match loaded.config.route_for(&place.host, &place.path) {
        Ok(Some(id)) => {
            say(&format!("{method} {url}\n{}", report(&loaded, id)));
            Exit::Ok
        }
        Ok(None) => {
            say(&format!("{method} {url}\nno route matches: 404 no_route\n"));
            Exit::Failed
        }
        Err(bad) => {
            say(&format!("{method} {url}\nrefused: 400 bad_request. {bad}\n"));
            Exit::Failed
        }
    }
}

/// The parts of a URL that routes look at.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// In lower case, without a port.
    host: String,
    path: String,
}

fn parse(url: &str) -> Result<Place, &'static str> {
    let rest = match url.split_once("://") {
        Some(("http" | "https", rest)) => rest,
        Some(_) => return Err("only http and https are proxied"),
        None => url,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err("it holds a user name");
    }
    // The colons of an IPv6 address stand in brackets; the port's comes after them.
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    Ok(Place { host: host.to_ascii_lowercase(), path: path.into() })
}

fn report(loaded: &Loaded, id: RouteId) -> String {
    let config = &loaded.config;
    let mut rows = Labelled::default();
    let Some(route) = config.routes.get(id.index()) else { return String::new() };
    rows.row("route", &format!("{}{}", route.host.as_deref().unwrap_or("*"), route.path));
    if let Some(cluster) = config.clusters.get(route.cluster.index()) {
        rows.row("upstream", &cluster_row(cluster));
    }
    let body =
        route.request_body_max.map_or_else(|| "of any size".into(), |max| format!("up to {}", bytes(max)));
    rows.row("body", &body);
    for setting in loaded.origins.timeouts(&route.timeouts, Some(id)) {
        let is_moot = route.stream && setting.timer == Timer::Total;
        let note = if is_moot { " — off here: stream = true" } else { "" };
        rows.row("limits", &format!("{setting}{note}"));
    }
    rows.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_routes_see_it() {
        let cases = [
            ("https://Shop.Example.com:8443/api/x?y=/z", "shop.example.com", "/api/x"),
            ("http://shop.example.com", "shop.example.com", "/"),
            ("shop.example.com/a#b", "shop.example.com", "/a"),
            ("/only/a/path", "", "/only/a/path"),
            ("http://[::1]:80/", "[::1]", "/"),
            ("http://[::1]/", "[::1]", "/"),
            ("http://host?query", "host", "/"),
        ];
        for (url, host, path) in cases {
            assert_eq!(parse(url), Ok(Place { host: host.into(), path: path.into() }), "{url}");
        }
        assert!(parse("ftp://host/").is_err());
        assert!(parse("http://me@host/").is_err());
    }
}
