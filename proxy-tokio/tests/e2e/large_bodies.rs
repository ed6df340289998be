//! Bodies much larger than the proxy's memory, hashed at both ends.
#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use crate::harness::origin::Server;
use crate::harness::process::{Producer, run, run_with_input};
use crate::harness::programs::{LIMIT, curl_command, curl_with_input, long_or, python, requires, script};
use crate::harness::weir::Weir;
use std::time::Instant;

/// The most that the proxy may ever hold, with its code and stacks, whatever passes through it.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn a_gibibyte_comes_down_whole_and_the_memory_stays_flat() {
    requires!(Curl, Python);
    let origin = Server::stream();
    let weir = Weir::to(&[origin.addr], &[]);
    let length = length();
    let started = Instant::now();
    let url = weir.url(&format!("/{length}"));
    let (_curl, pipe) = Producer::spawn(&mut curl_command(&["--fail", &url]));
    let got = run_with_input(&mut python(&[&script("stream.py"), "hash"]), pipe, LIMIT);
    let took = started.elapsed();
    assert_eq!(got.ok(), expected(length));
    report("down", length, took.as_secs_f64(), &weir);
}

#[test]
fn a_gibibyte_goes_up_whole_and_the_memory_stays_flat() {
    requires!(Curl, Python);
    let origin = Server::stream();
    let weir = Weir::to(&[origin.addr], &[]);
    let length = length();
    let started = Instant::now();
    let (_stream, pipe) =
        Producer::spawn(&mut python(&[&script("stream.py"), "generate", &length.to_string()]));
    let got = curl_with_input(&["--fail", "--upload-file", "-", &weir.url("/")], pipe);
    let took = started.elapsed();
    assert_eq!(got.ok(), expected(length));
    report("up", length, took.as_secs_f64(), &weir);
}

#[test]
fn a_chunked_body_is_the_same_after_we_framed_it_anew() {
    requires!(Curl, Python);
    let origin = Server::stream();
    let weir = Weir::to(&[origin.addr], &[]);
    let length = 30 << 20;
    let (_curl, pipe) =
        Producer::spawn(&mut curl_command(&["--fail", &weir.url(&format!("/chunked/{length}"))]));
    let got = run_with_input(&mut python(&[&script("stream.py"), "hash"]), pipe, LIMIT);
    assert_eq!(got.ok(), expected(length));
}

fn length() -> u64 {
    long_or(1 << 30, 256 << 20)
}

fn expected(length: u64) -> String {
    run(&mut python(&[&script("stream.py"), "expect", &length.to_string()]), LIMIT).ok().to_owned()
}

#[track_caller]
fn report(way: &str, length: u64, seconds: f64, weir: &Weir) {
    let peak = weir.peak_rss();
    println!("{way}: {} MiB in {seconds:.1} s, the proxy's peak {} KiB", length >> 20, peak >> 10);
    assert!(peak < MEMORY_MAX, "{} KiB", peak >> 10);
}
