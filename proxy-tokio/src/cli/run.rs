//! `weir` and `weir run`: a proxy until somebody ends it.

use super::layers::loaded;
use super::output::Exit;
use super::serve::serve_until_told;
use super::{Cli, RunArgs};
use clap::CommandFactory;
use proxy_tokio::config_file::Loaded;
use std::net::SocketAddr;

pub(super) fn run(args: &RunArgs) -> Exit {
    if let Some(command) = args.host.as_deref().and_then(mistyped_command) {
        tracing::error!("there is no such command; did you mean `weir {command}`?");
        return Exit::Usage;
    }
    match loaded(args) {
        Ok(loaded) => serve_until_told(&loaded, &args.process, greet),
        Err(exit) => exit,
    }
}

/// The command that somebody meant who wrote what we take for a HOST.
fn mistyped_command(host: &str) -> Option<String> {
    let commands = Cli::command();
    let near = |name: &&str| host != *name && strsim::damerau_levenshtein(host, name) <= 2;
    commands.get_subcommands().map(clap::Command::get_name).find(near).map(String::from)
}

/// Says what was started, and how to try it.
fn greet(loaded: &Loaded, addrs: &[SocketAddr], workers: usize) {
    let listening = list(addrs.iter().map(SocketAddr::to_string));
    let workers = if workers == 1 { "1 worker".into() } else { format!("{workers} workers") };
    tracing::info!("{listening} → {} ({workers})", destination(loaded));
    if let Some(addr) = addrs.first() {
        tracing::info!("try: curl -i http://{}/", reachable(*addr));
    }
}

fn destination(loaded: &Loaded) -> String {
    let config = &loaded.config;
    match (config.routes.as_slice(), config.clusters.as_slice()) {
        ([_], [cluster]) => list(cluster.endpoints.iter().map(|endpoint| endpoint.addr.to_string())),
        (routes, clusters) => format!("{} routes to {} upstreams", routes.len(), clusters.len()),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// An address that curl can connect to: no wildcard.
pub(crate) fn reachable(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() { format!("localhost:{}", addr.port()) } else { addr.to_string() }
}
