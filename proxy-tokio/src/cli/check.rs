//! `weir check`: everything that is wrong with a config file, or what it does, what it costs at most, and what may
//! surprise.

mod warnings;

use super::descriptors::descriptors;
use super::layers::loaded_file;
use super::output::{Exit, say};
use super::serve::one_per_core;
use super::table::{Labelled, counted, grouped};
use crate::log::{bytes, duration};
use proxy_core::{Balance, Cluster, Config, Limits, Route};
use proxy_tokio::config_file::Loaded;
use std::path::Path;
use warnings::warnings;

pub(super) fn check(path: &Path) -> Exit {
    let loaded = match loaded_file(path) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    // Without a limit that can be read there is nothing to compare with.
    let machine =
        Machine { cores: one_per_core(), descriptors_max: rlimit::Resource::NOFILE.get_hard().ok() };
    say(&format!("{} is fine.\n\n{}", path.display(), report(&loaded, &machine)));
    Exit::Ok
}

/// What a configuration is compared with.
struct Machine {
    cores: usize,
    descriptors_max: Option<u64>,
}

fn report(loaded: &Loaded, machine: &Machine) -> String {
    let config = &loaded.config;
    let mut rows = Labelled::default();
    for listener in &config.listeners {
        rows.row("listens", &format!("{} ({})", listener.bind, listener.name));
    }
    for route in &config.routes {
        rows.row("routes", &route_row(config, route));
    }
    for cluster in &config.clusters {
        rows.row("upstreams", &cluster_row(cluster));
    }
    for cluster in &config.clusters {
        rows.row("if down", &down_row(config, cluster));
    }
    let workers = loaded.settings.workers.map_or(machine.cores, usize::from);
    rows.row("workers", &grouped(workers as u64));
    rows.row("memory", &memory_row(&config.limits));
    rows.row("files", &files_row(config, workers, machine));
    for warning in warnings(loaded, workers, machine) {
        rows.row("warnings", &warning);
    }
    rows.into_text()
}

fn route_row(config: &Config, route: &Route) -> String {
    let cluster = config.clusters.get(route.cluster.index()).map_or("?", |cluster| &cluster.name);
    let stream = if route.stream { " (stream)" } else { "" };
    format!("{}{} → {cluster}{stream}", route.host.as_deref().unwrap_or("*"), route.path)
}

pub(super) fn cluster_row(cluster: &Cluster) -> String {
    let servers = cluster.endpoints.iter().map(|endpoint| {
        let weight = (endpoint.weight != 1).then(|| format!("weight {}", endpoint.weight));
        let connections =
            endpoint.max_connections.map(|max| format!("at most {}", counted(max as usize, "connection")));
        let notes: Vec<_> = [weight, connections].into_iter().flatten().collect();
        if notes.is_empty() {
            endpoint.addr.to_string()
        } else {
            format!("{} ({})", endpoint.addr, notes.join(", "))
        }
    });
    let servers = servers.collect::<Vec<_>>().join(", ");
    let balance = match (cluster.endpoints.len(), cluster.balance) {
        (..=1, _) => "",
        (_, Balance::RoundRobin) => ", in turn",
    };
    format!("{}: {}{balance}: {servers}", cluster.name, counted(cluster.endpoints.len(), "server"))
}

/// What happens to a request while servers are down: nobody checks them in between, so each request finds out.
fn down_row(config: &Config, cluster: &Cluster) -> String {
    let servers = cluster.endpoints.len();
    let name = &cluster.name;
    let attempts = counted(servers, "attempt");
    let Some(connect) = longest_connect(config, cluster) else {
        return format!(
            "{name}: at most {attempts}; timeouts.connect is off: the system decides when to give up"
        );
    };
    let one =
        format!("{name}: at most {attempts}; a server that does not answer costs {}", duration(connect));
    match u32::try_from(servers) {
        Ok(2..) => {
            let all = connect.saturating_mul(servers.try_into().unwrap_or(u32::MAX));
            format!("{one}, all of them {}", duration(all))
        }
        _ => one,
    }
}

/// The longest `connect` of the routes to a cluster; `None` if one of them has none.
fn longest_connect(config: &Config, cluster: &Cluster) -> Option<std::time::Duration> {
    let leads_here = |route: &&Route| {
        config.clusters.get(route.cluster.index()).is_some_and(|other| other.name == cluster.name)
    };
    let limits: Option<Vec<_>> =
        config.routes.iter().filter(leads_here).map(|route| route.timeouts.connect).collect();
    limits?.into_iter().max().or(config.timeouts.connect)
}

/// Memory of one client connection and the upstream connection that serves it, at most.
const fn connection_bytes(limits: &Limits) -> u64 {
    limits.connection_bytes_max() + STATE
}

/// Session, exchange, link and the driver's two slots, in octets, rounded up.
const STATE: u64 = 4 * 1024;

fn memory_row(limits: &Limits) -> String {
    let each = connection_bytes(limits);
    match limits.client_connections {
        Some(clients) => format!(
            "at most {}: {} client connections of {}, if all are as busy as can be",
            bytes(each.saturating_mul(clients.into())),
            grouped(clients.into()),
            bytes(each)
        ),
        None => format!("at most {} per client connection, of which there is no limit", bytes(each)),
    }
}

fn files_row(config: &Config, workers: usize, machine: &Machine) -> String {
    let needed = match descriptors(config, workers) {
        Some(needed) => format!("at most {} open", grouped(needed)),
        None => "two open per client connection, of which there is no limit".into(),
    };
    match machine.descriptors_max {
        Some(max) => format!("{needed}; {} are allowed", grouped(max)),
        None => needed,
    }
}

#[cfg(test)]
mod tests;
