//! The command as a user types it: flags, files, exit codes, the demo, the log.

use crate::harness::origin::{Dead, Origin};
use crate::harness::process::{Output, poll_until, run};
use crate::harness::programs::{LIMIT, command, curl, requires};
use crate::harness::weir::{Weir, weir};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

#[test]
fn a_flag_that_does_not_exist_is_exit_2() {
    let output = weir(&["--no-such-flag"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("--no-such-flag"), "{}", output.stderr);

    let output = weir(&["--set", "timeouts.raed=2s"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("did you mean `read`?"), "{}", output.stderr);
}

#[test]
fn help_and_version_need_no_upstream() {
    assert!(weir(&["--help"]).ok().contains("weir demo"));
    assert!(weir(&["--version"]).ok().contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_mistake_in_a_config_file_is_shown_with_its_line_and_a_caret() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "listen = \"127.0.0.1:0\"\nto = \"127.0.0.1:9001\"\n\n[timeouts]\nraed = \"2s\"\nconnect = 5\n";
    let file = write(folder.path(), "weir.toml", text);
    for arguments in [&["-c", &file][..], &["run", "-c", &file], &["check", &file]] {
        let output = weir(arguments);
        assert_eq!(output.code, Some(78), "{output:?}");
        for wanted in ["weir.toml:5", "weir.toml:6", "raed", "`read`", "connect = 5", "^"] {
            assert!(output.stderr.contains(wanted), "{wanted:?} is not in: {}", output.stderr);
        }
    }
    let output = weir(&["-c", "no-such-file.toml"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("no-such-file.toml"), "{}", output.stderr);
}

#[test]
fn check_tells_what_a_good_file_does_and_what_it_costs_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "weir.toml", "listen = \"127.0.0.1:0\"\nto = \"127.0.0.1:9001\"\n");
    let report = weir(&["check", &file]);
    assert!(report.ok().contains("127.0.0.1:9001"), "{}", report.text());
    assert!(report.text().contains("memory"), "{}", report.text());
}

#[test]
fn a_config_file_routes_by_host_and_path_and_flags_win_over_it() {
    requires!(Curl);
    let (api, web, shop) = (Origin::named("api"), Origin::named("web"), Origin::named("shop"));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "listen = \"127.0.0.1:1\"\n\
         [upstream]\n\
         api = {{ servers = [\"{}\"] }}\nweb = {{ servers = [\"{}\"] }}\nshop = {{ servers = [\"{}\"] }}\n\
         [[route]]\nhost = \"example.com\"\npath = \"/\"\nto = \"web\"\n\
         [[route]]\nhost = \"example.com\"\npath = \"/api/\"\nto = \"api\"\n\
         [[route]]\nhost = \"shop.example.com\"\nto = \"shop\"\n",
        api.addr, web.addr, shop.addr
    );
    let file = write(folder.path(), "weir.toml", &text);
    let weir_ = Weir::start(&["-c", &file, "--listen", "127.0.0.1:0", "--log", "json"]);
    let get = |host: &str, path: &str| {
        let host = format!("Host: {host}");
        curl(&["-H", &host, "--write-out", " %{http_code}", &weir_.url(path)]).ok().to_owned()
    };
    assert_eq!(get("example.com", "/"), "web 200");
    assert_eq!(get("example.com", "/api/users?x=1"), "api 200");
    assert_eq!(get("EXAMPLE.com", "/apis"), "web 200");
    assert_eq!(get("shop.example.com", "/api/"), "shop 200");
    assert!(get("other.example.com", "/").ends_with(" 404"));
    assert_eq!(weir_.logged(|line| line["status"] == 404)["reason"], "no_route");

    let told = weir(&["route", &file, "GET", "http://example.com/api/users"]);
    assert!(told.ok().contains("api") && told.text().contains(&api.addr.to_string()), "{}", told.text());
}

#[test]
fn every_line_of_the_json_log_has_what_happened_and_why() {
    requires!(Curl);
    let (origin, dead) = (Origin::of_targets(), Dead::new());
    let fine = Weir::to(&[origin.addr], &[]);
    curl(&["--fail", "--data", "12345", &fine.url("/a%20b?c=1,2&d=%22")]).ok();
    let line = fine.logged(|_| true);
    for (key, wanted) in
        [("method", "POST"), ("reason", "ok"), ("flags", "--"), ("target", "/a%20b?c=1,2&d=%22")]
    {
        assert_eq!(line[key], wanted, "{key} in {line}");
    }
    assert_eq!((&line["status"], &line["received"]), (&200.into(), &5.into()), "{line}");
    assert!(line["ms"]["total"].is_number(), "{line}");
    assert_eq!(line["server"], origin.addr.to_string(), "{line}");

    let failing = Weir::to(&[dead.addr], &[]);
    curl(&[&failing.url("/")]).ok();
    let line = failing.logged(|_| true);
    assert_eq!((&line["reason"], &line["flags"]), (&"connect_refused".into(), &"SC".into()), "{line}");
    assert_eq!(line["attempts"][0]["result"], "connect_refused", "{line}");

    for weir in [fine, failing] {
        let lines = weir.stdout();
        assert_eq!(lines.len(), 1, "one request, one line: {lines:#?}");
        lines.iter().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
    }
}

#[test]
fn the_short_log_is_for_people_and_no_log_is_none() {
    requires!(Curl);
    let dead = Dead::new();
    let weir = Weir::to(&[dead.addr], &["--log", "short"]);
    curl(&[&weir.url("/path")]).ok();
    let line = poll_until(Duration::from_secs(10), || weir.stdout().first().cloned()).expect("a line");
    for wanted in ["502", "GET", "/path", "SC", "connect_refused"] {
        assert!(line.contains(wanted), "{wanted:?} is not in {line:?}");
    }

    let mut quiet = Weir::to(&[dead.addr], &["--log", "off"]);
    curl(&[&quiet.url("/")]).ok();
    quiet.signal("TERM");
    assert_eq!(quiet.wait(Duration::from_secs(10)).code(), Some(0));
    assert_eq!(quiet.stdout(), [""; 0]);
}

#[test]
fn the_demo_starts_and_each_command_that_it_prints_does_what_it_says() {
    requires!(Curl);
    let weir = Weir::start(&["demo", "--listen", "127.0.0.1:0", "--log", "off"]);
    let printed = || {
        let lines = weir.stdout().into_iter().filter(|line| line.contains("curl ")).collect::<Vec<_>>();
        (lines.len() >= 5).then_some(lines)
    };
    let lines = poll_until(Duration::from_secs(10), printed).expect("the demo prints commands to try");
    // The slowest of them takes 15 s: all at once.
    let tries = lines.into_iter().map(|line| thread::spawn(move || try_as_printed(&line)));
    tries.collect::<Vec<_>>().into_iter().for_each(|one| one.join().unwrap());
}

/// Runs `curl … # what to expect`.
fn try_as_printed(line: &str) {
    let (typed, promise) = line.split_once(" # ").unwrap_or_else(|| panic!("nothing is promised: {line}"));
    let endless = promise.contains("without end");
    let limit = if endless { "3" } else { "40" };
    let typed = format!("{} --no-progress-meter --noproxy '*' --max-time {limit}", typed.trim());
    let output = run(&mut command("sh", &["-c", &typed]), LIMIT);
    let status = |output: &Output| output.text().split(' ').nth(1).map(str::to_owned);
    let first_word = promise.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    match first_word {
        code if code.parse::<u16>().is_ok() => {
            assert_eq!(output.code, Some(0), "{line}: {output:?}");
            if !typed.contains("/dev/null") && code != "100" {
                assert_eq!(status(&output).as_deref(), Some(code), "{line}: {output:?}");
            }
        }
        "cut" => assert!(matches!(output.code, Some(18 | 56)), "{line}: {output:?}"),
        // 28: our own limit.
        _ if endless => {
            assert!(output.code == Some(28) && output.text().contains("data: "), "{line}: {output:?}");
        }
        _ => assert_eq!(status(&output).as_deref(), Some("504"), "{line}: {output:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).expect("the folder is ours");
    file.to_str().expect("temporary paths are text").to_owned()
}
