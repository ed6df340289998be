//! `weir demo`: a proxy and origins of every temper in one process, to be tried with curl.

mod echo;
mod origins;

use super::DemoArgs;
use super::layers::load_or_complain;
use super::output::{Exit, say};
use super::run::reachable;
use super::serve::serve_until_told;
use origins::{Origins, start};
use proxy_tokio::config_file::{Layer, Loaded};
use std::net::SocketAddr;

pub(super) fn demo(args: &DemoArgs) -> Exit {
    let origins = match start() {
        Ok(origins) => origins,
        Err(error) => {
            tracing::error!("the built-in origins can't be started: {error}");
            return Exit::Failed;
        }
    };
    let listen = Layer::values("--listen", "listen", vec![args.listen.clone()]);
    let text = config(&origins);
    match load_or_complain(&[Layer::file("demo", text), listen]) {
        Ok(loaded) => serve_until_told(&loaded, &args.process, greet),
        Err(exit) => exit,
    }
}

/// The demo's config file.
fn config(origins: &Origins) -> String {
    let Origins { echo, hanging, truncating, dead, .. } = origins;
    format!(
        r#"to = "echo"
[upstream]
echo = {{ servers = ["{echo}"] }}
hanging = {{ servers = ["{hanging}"] }}
truncating = {{ servers = ["{truncating}"] }}
dead = {{ servers = ["{dead}"] }}
half-dead = {{ servers = ["{dead}", "{echo}"] }}
[timeouts]
drain = "500ms"
[[route]]
path = "/hang"
to = "hanging"
timeouts = {{ read = "3s" }}
[[route]]
path = "/hang-15s"
to = "hanging"
[[route]]
path = "/drip"
to = "echo"
timeouts = {{ total = "5s" }}
[[route]]
path = "/truncate"
to = "truncating"
[[route]]
path = "/dead"
to = "dead"
[[route]]
path = "/half-dead"
to = "half-dead"
"#
    )
}

/// What to try, and what to expect of it.
const TRY: &[(&str, &str)] = &[
    ("/hello?a=1", "200: the origin tells what reached it"),
    ("/slow", "200 after 2 seconds"),
    ("/hang", "504 after 3 seconds: accepted, never answered (timeouts.read = 3s)"),
    ("/hang-15s", "the same with the default of 15 seconds"),
    ("/drip", "cut after 5 seconds: one octet at a time gets past `read`, not past `total`"),
    ("/dead", "502 at once: nobody listens there"),
    ("/half-dead", "200: one of two servers is dead, the other answers"),
    ("/truncate", "cut: 100 octets promised, 10 sent (curl says so)"),
    ("/stream", "an event a second, without end: `total` is off for event streams"),
    ("/big?mb=100 -o /dev/null", "100 MiB"),
];

fn greet(_: &Loaded, addrs: &[SocketAddr], _: usize) {
    let Some(addr) = addrs.first() else { return };
    let base = format!("http://{}", reachable(*addr));
    tracing::info!("listening on {addr}; Ctrl-C ends it");
    let rows = TRY.iter().map(|(target, what)| {
        let (url, flags) = target.split_once(' ').map_or((*target, ""), |(url, flags)| (url, flags));
        let command = format!("curl -iN '{base}{url}' {flags}");
        format!("  {:<56} # {what}\n", command.trim_end())
    });
    let upload =
        format!("  {:<56} # 200: a body is echoed too\n", format!("curl -i '{base}/form' -d 'a=1&b=2'"));
    say(&format!(
        "Try these in another terminal, and watch the log here:\n\n{}{upload}\n",
        rows.collect::<String>()
    ));
}
