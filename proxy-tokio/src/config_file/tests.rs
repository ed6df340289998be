use super::*;
use proxy_core::{ClusterId, Route, Timeouts};
use std::time::Duration;

/// Knows one name, with two addresses.
fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match name {
        "twins" => {
            Ok(vec![([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], port).into(), ([10, 0, 0, 1], port).into()])
        }
        _ => Err(io::Error::other("no such name")),
    }
}

fn file(text: &str) -> Result<Loaded, Problems> {
    load(&[Layer::file("weir.toml", text)], &resolve)
}

/// `to` is there, so that only `text` can be wrong.
fn with(text: &str) -> Loaded {
    match file(&format!("{text}\n")) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

/// Everything that is wrong, as `line:column message [label] (help)`.
fn problems(text: &str) -> Vec<String> {
    let problems = file(text).map(|loaded| panic!("{text} is fine: {loaded:?}")).unwrap_err();
    problems.iter().map(|problem| told(&problem)).collect()
}

fn told(problem: &Problem<'_>) -> String {
    let at = problem.at.map(|(_, line, column)| format!("{line}:{column} ")).unwrap_or_default();
    let label = if problem.label.is_empty() { String::new() } else { format!(" [{}]", problem.label) };
    let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{at}{}{label}{help}", problem.message)
}
#[test]
fn probe() {
    for text in [
        "to = 127.0.0.1:9001",
        "to = \"a:1\"\nread = 5s\n[timeouts]\nread = 5s\nwrite = 15s\ntotl=\"1s\"",
        "to = \"twins:1\nlisten = \":80\"",
        "[timeouts\nread = \"1s\"",
        "to = [\":1\" \":2\"]\nlisten=\":0\"\n",
        "to = \":1\"\nto = \":2\"",
        "[timeouts]\nread=15\nread=\"1s\"\n[timeouts]",
        "=",
        "to = \":1\"\nx\n",
        "to = \":1\"\r\n[limits]\r\nfields = 300 # hm\r\n",
    ] {
        println!("=== {text}\n{}", file(text).map(|_| ()).unwrap_err());
    }
}
