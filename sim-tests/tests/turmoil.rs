//! The real driver in a simulated network, in virtual time: slow, hung, dead and silent servers. Each world is run
//! twice and must tell the same story.

#[path = "turmoil_world/mod.rs"]
mod turmoil_world;

use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use turmoil::net::TcpStream;
use turmoil_world::{Answer, World};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

/// Runs a world twice and returns what its client got. `build` adds servers, the proxy last.
fn twice(request: &'static str, build: impl Fn(&mut World)) -> Answer {
    let play = || {
        let mut world = World::new();
        build(&mut world);
        let answer = world.client("client", request);
        world.run();
        let trace = world.trace.borrow().clone();
        (answer.borrow().clone(), trace)
    };
    let (first, second) = (play(), play());
    assert_eq!(first, second, "the same world told two stories");
    first.0
}

/// Whether it took this long, give or take the network's milliseconds.
#[track_caller]
fn assert_took(answer: &Answer, seconds: u64) {
    let (least, most) =
        (Duration::from_secs(seconds), Duration::from_secs(seconds) + Duration::from_millis(30));
    assert!((least..most).contains(&answer.took), "it took {:?}: {}", answer.took, answer.text);
}

async fn healthy(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await?;
    pending().await
}

async fn slow(stream: TcpStream) -> io::Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    healthy(stream).await
}

async fn hung(_stream: TcpStream) -> io::Result<()> {
    pending().await
}

async fn half_dead(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await?;
    pending().await
}

async fn truncating(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await
}

#[test]
fn a_healthy_server_answers_at_once() {
    let answer = twice(GET, |world| {
        world.server("server", healthy);
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("200", true));
    assert_took(&answer, 0);
}

#[test]
fn a_slow_server_is_waited_for() {
    let answer = twice(GET, |world| {
        world.server("server", slow);
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("200", true));
    assert_took(&answer, 3);
}

#[test]
fn a_hung_server_is_a_504_after_fifteen_seconds() {
    let answer = twice(GET, |world| {
        world.server("server", hung);
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("504", true), "{}", answer.text);
    assert!(answer.text.contains("it did not answer (read)"), "{}", answer.text);
    assert_took(&answer, 15);
}

#[test]
fn a_dead_server_is_a_502_at_once() {
    let answer = twice(GET, |world| {
        world.dead_server("server");
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("502", true), "{}", answer.text);
    assert!(answer.text.contains("connection refused"), "{}", answer.text);
    assert_took(&answer, 0);
}

#[test]
fn a_server_that_swallows_connects_is_a_504_after_one_second() {
    let answer = twice(GET, |world| {
        world.server("server", healthy);
        world.proxy(&["server"]);
        world.sim.hold("proxy", "server");
    });
    assert_eq!((answer.status(), answer.whole), ("504", true), "{}", answer.text);
    assert_took(&answer, 1);
}

#[test]
fn a_server_that_falls_silent_in_the_body_cuts_the_answer() {
    let answer = twice(GET, |world| {
        world.server("server", half_dead);
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("200", false), "{}", answer.text);
    assert!(answer.text.ends_with("\r\n\r\nhe"), "{}", answer.text);
    assert_took(&answer, 15);
}

#[test]
fn a_server_that_closes_in_the_body_cuts_the_answer_at_once() {
    let answer = twice(GET, |world| {
        world.server("server", truncating);
        world.proxy(&["server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("200", false), "{}", answer.text);
    assert_took(&answer, 0);
}

#[test]
fn a_dead_server_is_passed_over_for_the_next_one_whatever_the_method() {
    let answer = twice(POST, |world| {
        world.dead_server("dead");
        world.server("server", healthy);
        world.proxy(&["dead", "server"]);
    });
    assert_eq!((answer.status(), answer.whole), ("200", true), "{}", answer.text);
    assert_took(&answer, 0);
}

#[test]
fn a_silent_server_is_passed_over_after_one_second() {
    let answer = twice(GET, |world| {
        world.server("silent", healthy);
        world.server("server", healthy);
        world.proxy(&["silent", "server"]);
        world.sim.hold("proxy", "silent");
    });
    assert_eq!((answer.status(), answer.whole), ("200", true), "{}", answer.text);
    assert_took(&answer, 1);
}

#[test]
fn a_drain_finishes_what_runs_and_then_the_worker_ends() {
    let play = || {
        let mut world = World::new();
        world.server("server", slow);
        world.proxy(&["server"]);
        let answer = world.client("client", GET);
        let crew = world.crew.clone().unwrap();
        world.sim.client("operator", async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            crew.drain();
            tokio::time::sleep(Duration::from_secs(4)).await;
            // Turmoil leaves unanswered whoever asks a host that has ended.
            let late = TcpStream::connect(("proxy", turmoil_world::PORT));
            let late = tokio::time::timeout(Duration::from_secs(1), late).await;
            assert!(!matches!(late, Ok(Ok(_))), "a drained proxy took a client");
            Ok(())
        });
        world.run();
        let trace = world.trace.borrow().clone();
        (answer.borrow().clone(), trace)
    };
    let (answer, trace) = play();
    assert_eq!((answer.status(), answer.whole), ("200", true), "{}", answer.text);
    assert!(answer.text.contains("Connection: close\r\n"), "{}", answer.text);
    assert_took(&answer, 3);
    assert_eq!(trace.last().map(String::as_str), Some("the worker ended"));
    assert_eq!(play(), (answer, trace), "the same world told two stories");
}
