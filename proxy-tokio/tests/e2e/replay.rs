//! What happened on real sockets, played again without any.
#![allow(clippy::unwrap_used, reason = "the helpers are tests, too")]
#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use crate::harness::origin::{Dead, Origin, Server};
use crate::harness::process::{Output, Producer, run};
use crate::harness::programs::{LIMIT, Program, command, curl, curl_with_input, has, requires};
use crate::harness::weir::{Weir, weir};
use crate::harness::wire::{ask, connect};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn traffic_that_ends_in_many_ways_replays_to_the_same_state_in_every_worker() {
    let (origin, dead) = (Origin::of_targets(), Dead::new());
    let recording = Recording::start(&[origin.addr, dead.addr], &["--set", "timeouts.client.head=300ms"]);
    traffic(&recording.proxy);
    let inputs = recording.end_and_replay();
    // 200 requests of our own, and 500 of ab's: each is at least four inputs.
    let least = if has(Program::Ab) { 2_800 } else { 800 };
    assert!(inputs >= least, "only {inputs} inputs were recorded");
}

#[test]
fn curl_and_a_load_in_front_of_http_server_replay() {
    requires!(Curl, Python);
    let folder = folder_of_files();
    let origin = Server::files(folder.path());
    let recording = Recording::start(&[origin.addr], &[]);
    // Its queue of connections is five long, and it closes each after one answer.
    let requests = ask_for_files(&recording.proxy) + load(&recording.proxy, "/small.txt", 300, 4);
    recording.assert_sane(requests);
}

#[test]
fn curl_and_a_load_in_front_of_uvicorn_replay() {
    requires!(Curl, Uvicorn);
    let origin = Server::echo();
    let recording = Recording::start(&[origin.addr], &[]);
    let requests = ask_for_echoes(&recording.proxy) + load(&recording.proxy, "/load", 1_000, 16);
    recording.assert_sane(requests);
}

#[test]
fn curl_and_a_load_in_front_of_nginx_replay() {
    requires!(Curl, Nginx);
    let folder = folder_of_files();
    let origin = Server::nginx(folder.path());
    let recording = Recording::start(&[origin.addr], &[]);
    let requests = ask_for_files(&recording.proxy) + load(&recording.proxy, "/small.txt", 3_000, 16);
    recording.assert_sane(requests);
}

#[test]
fn a_journal_that_was_tampered_with_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let path = journal.to_str().unwrap();
    let origin = Origin::of_targets();
    let mut proxy = Weir::to(&[origin.addr], &["--workers", "1", "--journal", path]);
    ask(&mut connect(proxy.addr), "/tampered").unwrap();
    proxy.signal("TERM");
    proxy.wait(Duration::from_secs(10));

    let mut octets = fs::read(&journal).unwrap();
    let at = octets.windows(9).position(|window| window == b"/tampered").unwrap();
    octets[at + 1] = b'T';
    fs::write(&journal, octets).unwrap();
    let output = weir(&["replay", path]);
    assert_eq!(output.code, Some(4), "{}", output.stderr);

    fs::write(&journal, "GET / HTTP/1.1").unwrap();
    let output = weir(&["replay", path]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("not a journal"), "{}", output.stderr);
}

#[test]
fn a_journal_that_stops_short_is_told_and_ends_with_4() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let path = journal.to_str().unwrap();
    let origin = Origin::of_targets();
    let mut proxy = Weir::to(&[origin.addr], &["--workers", "1", "--journal", path]);
    ask(&mut connect(proxy.addr), "/").unwrap();
    proxy.signal("TERM");
    proxy.wait(Duration::from_secs(10));
    assert_eq!(weir(&["replay", path]).code, Some(0));

    let octets = fs::read(&journal).unwrap();
    for lost in [1, octets.len() / 3] {
        fs::write(&journal, &octets[..octets.len() - lost]).unwrap();
        let output = weir(&["replay", path]);
        assert_eq!(output.code, Some(4), "{lost} octets less: {} {}", output.text(), output.stderr);
        assert!(output.stderr.contains("truncated"), "{}", output.stderr);
    }
}

#[test]
fn the_journals_of_all_workers_are_found_by_the_name_that_was_given_and_are_their_owners_only() {
    let origin = Origin::of_targets();
    let mut recording = Recording::start(&[origin.addr], &[]);
    ask(&mut connect(recording.proxy.addr), "/").unwrap();
    recording.proxy.signal("TERM");
    recording.proxy.wait(Duration::from_secs(10));
    let output = weir(&["replay", recording.folder.path().join("journal").to_str().unwrap()]);
    let text = output.text();
    for worker in 0..WORKERS {
        assert!(text.contains(&format!("journal.{worker}: ")), "{text}");
        let journal = fs::metadata(recording.folder.path().join(format!("journal.{worker}"))).unwrap();
        assert_eq!(journal.permissions().mode() & 0o777, 0o600);
    }
}

/// Requests that end in every way that takes no time, and a load if there is a program for it.
fn traffic(proxy: &Weir) {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let addr = proxy.addr;
            thread::spawn(move || {
                let mut client = connect(addr);
                for request in 0..50 {
                    ask(&mut client, &format!("/{request}")).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut late = connect(proxy.addr);
    late.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    if has(Program::Curl) {
        curl(&["--silent", "--show-error", "--data", "a body", &proxy.url("/posted")]).ok();
    }
    if has(Program::Ab) {
        let load = ["-q", "-k", "-n", "500", "-c", "20", &proxy.url("/load")];
        run(&mut command("ab", &load), Duration::from_secs(30)).ok();
    }
    // Its time runs out while the proxy lives.
    thread::sleep(Duration::from_millis(400));
}

/// A proxy of two workers that keep their journals.
struct Recording {
    proxy: Weir,
    folder: TempDir,
}

const WORKERS: usize = 2;

impl Recording {
    fn start(origins: &[SocketAddr], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let journal = ["--workers", "2", "--log", "off", "--journal", journal.to_str().unwrap()];
        let proxy = Weir::to(origins, &[&journal, arguments].concat());
        Self { proxy, folder }
    }

    /// Ends the proxy, replays every worker's journal and returns how many inputs they held.
    fn end_and_replay(mut self) -> u64 {
        self.proxy.signal("TERM");
        assert_eq!(self.proxy.wait(Duration::from_secs(10)).code(), Some(0), "{:#?}", self.proxy.stderr());
        let journals = (0..WORKERS).map(|worker| self.folder.path().join(format!("journal.{worker}")));
        journals.map(|journal| replayed(&journal)).sum()
    }

    /// Ends and replays. A request is at least what each side sent and what each side took; more are the connections'
    /// comings and goings, and long bodies, but no worker wakes for nothing.
    fn assert_sane(self, requests: u64) {
        let inputs = self.end_and_replay();
        println!("{requests} requests, {inputs} inputs");
        assert!(inputs >= requests * 4, "{requests} requests left only {inputs} inputs");
        // The large files are worth up to some thousand: 7 MB, in pieces of a few KiB at worst, each read and written.
        assert!(inputs <= requests * 8 + 4_000, "{requests} requests left {inputs} inputs");
    }
}

/// Small and large files; the large one is more than the kernel's buffers hold.
fn folder_of_files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.txt"), "small\n").unwrap();
    fs::write(folder.path().join("large.bin"), vec![b'x'; 6_000_000]).unwrap();
    folder
}

/// Files as curl asks for them; how many requests that were.
fn ask_for_files(proxy: &Weir) -> u64 {
    let (small, large, missing) = (proxy.url("/small.txt"), proxy.url("/large.bin"), proxy.url("/missing"));
    assert_eq!(curl(&["--fail", &small]).ok(), "small\n");
    assert!(curl(&["--fail", "--head", &small]).ok().contains("200"));
    assert_eq!(curl(&["--fail", "--http1.0", &small]).ok(), "small\n");
    // Three requests on one connection.
    assert_eq!(curl(&["--fail", &small, &small, &small]).ok(), "small\nsmall\nsmall\n");
    assert_eq!(curl(&["--output", "/dev/null", "--write-out", "%{http_code}", &missing]).ok(), "404");
    assert_eq!(
        curl(&["--fail", "--output", "/dev/null", "--write-out", "%{size_download}", &large]).ok(),
        "6000000"
    );
    // It leaves in the middle of the download: nobody takes what it would write.
    let pipe = format!("curl -q --silent --noproxy '*' {large} | head -c 1000 | wc -c");
    assert_eq!(run(&mut command("sh", &["-c", &pipe]), LIMIT).ok().trim(), "1000");
    9
}

/// Requests with bodies, as curl sends them; how many that were.
fn ask_for_echoes(proxy: &Weir) -> u64 {
    let url = proxy.url("/echo");
    let echoed = |output: &Output, body: &str| {
        assert!(output.ok().contains(&format!("\"body\": \"{body}\"")), "{}", output.text());
    };
    echoed(&curl(&["--fail", "--data", "a body", &url]), "a body");
    let (_producer, pipe) =
        Producer::spawn(&mut command("sh", &["-c", "for i in 1 2 3; do printf $i; sleep 0.1; done"]));
    echoed(&curl_with_input(&["--fail", "--upload-file", "-", &url], pipe), "123");
    echoed(&curl(&["--fail", "--data", "go on", "-H", "Expect: 100-continue", &url]), "go on");
    echoed(&curl(&["--fail", "--http1.0", "--data", "old", &url]), "old");
    assert!(curl(&["--fail", "--head", &url]).ok().contains("200"));
    assert!(curl(&["--fail", &url, &url]).ok().matches("GET").count() == 2);
    // It leaves before there is an answer.
    let aborted = curl(&["--max-time", "0.4", &proxy.url("/echo?sleep=2")]);
    assert_eq!(aborted.code, Some(28), "{}", aborted.stderr);
    8
}

/// So many requests by ab, and for a second by wrk, if they are there, from so many clients at once; how many that were.
fn load(proxy: &Weir, path: &str, count: u64, clients: u64) -> u64 {
    let (url, clients) = (proxy.url(path), clients.to_string());
    let mut requests = 0;
    if has(Program::Ab) {
        let number = count.to_string();
        let report = run(&mut command("ab", &["-q", "-k", "-c", &clients, "-n", &number, &url]), LIMIT);
        let failed = report.ok().lines().find_map(|line| line.strip_prefix("Failed requests:"));
        assert_eq!(failed.map(str::trim), Some("0"), "{}", report.text());
        requests += count;
    }
    if has(Program::Wrk) {
        let report = run(&mut command("wrk", &["-t", "2", "-c", &clients, "-d", "1s", &url]), LIMIT);
        let line = report.ok().lines().find(|line| line.contains(" requests in "));
        requests += line.unwrap().trim().split(' ').next().unwrap().parse::<u64>().unwrap();
    }
    requests
}

/// Replays a journal and returns how many inputs it held.
fn replayed(journal: &Path) -> u64 {
    let output = weir(&["replay", journal.to_str().unwrap()]);
    let text = output.ok().split(": ").nth(1).unwrap_or_default().replace(',', "");
    let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [inputs, checkpoints] = numbers[..] else { panic!("it says {text:?}") };
    assert!(checkpoints > 0, "nothing was compared");
    inputs
}
