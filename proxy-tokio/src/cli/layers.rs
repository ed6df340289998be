//! From flags, environment and files to the layers of a configuration, the weakest first.

use super::RunArgs;
use super::output::{Exit, color_on, complain};
use proxy_tokio::config_file::{Layer, Loaded, Problems, load};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Where requests go if neither a file nor a flag says so.
const TO_DEFAULT: &str = "127.0.0.1:9001";

/// Reads what the flags of `run` ask for; complains if that cannot work.
pub(super) fn loaded(args: &RunArgs) -> Result<Loaded, Exit> {
    let mut layers = match &args.config {
        Some(path) => vec![file(path)?],
        None => vec![Layer::values("default", "to", vec![TO_DEFAULT.into()])],
    };
    layers.extend(flags(args));
    load_or_complain(&layers)
}

/// Reads one file, without flags.
pub(super) fn loaded_file(path: &Path) -> Result<Loaded, Exit> {
    load_or_complain(&[file(path)?])
}

/// Reads the layers; complains of everything that is wrong with them.
pub(crate) fn load_or_complain(layers: &[Layer]) -> Result<Loaded, Exit> {
    load(layers, &resolve).map_err(|problems| {
        complain(&problems.render(color_on(&io::stderr())));
        complain(&summary(&problems));
        if problems.only_in_flags() { Exit::Usage } else { Exit::Config }
    })
}

fn summary(problems: &Problems) -> String {
    match problems.len() {
        1 => "1 error; nothing was started\n".into(),
        Problems::MAX => format!("{} errors and perhaps more; nothing was started\n", Problems::MAX),
        n => format!("{n} errors; nothing was started\n"),
    }
}

fn file(path: &Path) -> Result<Layer, Exit> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Layer::file(name, text)),
        Err(error) => {
            tracing::error!("cannot read the config file {name}: {error}");
            Err(Exit::Config)
        }
    }
}

/// What the flags say, one layer each.
pub(super) fn flags(args: &RunArgs) -> Vec<Layer> {
    let sets = args.set.iter().map(|text| Layer::assignment("--set", text));
    let listen = match &args.host {
        Some(host) => vec![bind(host, args.port.as_deref().unwrap_or(PORT_DEFAULT))],
        None => args.listen.clone(),
    };
    let listen_flag = if args.host.is_some() { "HOST PORT" } else { "--listen" };
    let values = [(listen_flag, "listen", listen), ("--to", "to", args.to.clone())];
    let values = values
        .into_iter()
        .filter(|(_, _, values)| !values.is_empty())
        .map(|(flag, key, values)| Layer::values(flag, key, values));
    sets.chain(values).collect()
}

/// The port that goes with a lone HOST.
const PORT_DEFAULT: &str = "8080";

fn bind(host: &str, port: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Asks the operating system, once, at the start.
fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (name, port).to_socket_addrs().map(Iterator::collect)
}
