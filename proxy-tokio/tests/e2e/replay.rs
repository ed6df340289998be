//! What happened on real sockets, played again without any.
#![allow(clippy::unwrap_used, reason = "the helpers are tests, too")]

use crate::harness::origin::{Dead, Origin};
use crate::harness::process::run;
use crate::harness::programs::{Program, command, curl, has};
use crate::harness::weir::{Weir, weir};
use crate::harness::wire::{ask, connect};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

#[test]
fn a_journal_of_real_traffic_replays_to_the_same_state_in_every_worker() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let (origin, dead) = (Origin::of_targets(), Dead::new());
    let mut proxy = Weir::to(
        &[origin.addr, dead.addr],
        &["--workers", "2", "--journal", journal.to_str().unwrap(), "--set", "timeouts.client.head=300ms"],
    );
    traffic(&proxy);
    proxy.signal("TERM");
    assert_eq!(proxy.wait(Duration::from_secs(10)).code(), Some(0), "{:#?}", proxy.stderr());

    let inputs: u64 = (0..2).map(|worker| replayed(&folder.path().join(format!("journal.{worker}")))).sum();
    assert!(inputs > 1_000, "only {inputs} inputs were recorded");
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

/// Replays a journal and returns how many inputs it held.
fn replayed(journal: &Path) -> u64 {
    let output = weir(&["replay", journal.to_str().unwrap()]);
    let text = output.ok().split(": ").nth(1).unwrap_or_default();
    text.split(' ').next().unwrap_or_default().replace(',', "").parse().unwrap()
}
