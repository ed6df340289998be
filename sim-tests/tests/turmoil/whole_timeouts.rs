//! The limits on exchanges as a whole: `total` in every phase, and `stream.idle` where it takes its place.

use crate::origin::{Conn, ENDLESS};
use crate::wire::{End, Kind, get};
use crate::world::{NARROW, ask};
use crate::xray::assert_due;
use crate::{World, each_seed};
use proxy_core::{Close, Timeouts};
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const TOTAL: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(300);

const START: Duration = Duration::from_millis(100);

/// Nothing but `total` ends a wait.
fn only_total(timeouts: &mut Timeouts) {
    timeouts.queue = None;
    timeouts.connect = None;
    timeouts.write = None;
    timeouts.read = None;
    timeouts.client.body = None;
    timeouts.client.write = None;
}

/// The target ran into `total`, 30 s after its first octet.
fn ends_at_total(world: &mut World, target: &'static str, status: u16) {
    world.then(move |story| {
        assert_eq!(story.told(target), (status, "total_timeout", "sT".into()), "{target}");
        let outcome = story.outcome(target);
        assert_due(outcome.ended.since(outcome.started), TOTAL);
    });
}

#[test]
fn total_is_over_while_a_request_is_queued() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.hang().await
        });
        world.route("/", &[&server], |route, cluster| {
            only_total(&mut route.timeouts);
            cluster.endpoints[0].max_connections = Some(1);
        });
        world.asks(START, &get("/first"));
        // It is answered before the first one's total is over and frees the connection.
        let answer = world.asks(Duration::ZERO, &get("/second"));
        world.then(move |_| assert_eq!(answer.take().unwrap().message.status(), 504));
        ends_at_total(world, "/second", 504);
    });
}

#[test]
fn total_is_over_while_connecting() {
    each_seed(|world| {
        let server = world.deaf();
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let answer = world.asks(START, &get("/deaf"));
        world.then(move |_| assert_eq!(answer.take().unwrap().message.status(), 504));
        ends_at_total(world, "/deaf", 504);
    });
}

#[test]
fn total_spans_all_attempts_to_connect() {
    each_seed(|world| {
        let servers: Vec<_> = (0..4).map(|_| world.deaf()).collect();
        world.route("/", &servers.iter().collect::<Vec<_>>(), |route, _| {
            only_total(&mut route.timeouts);
            route.timeouts.connect = Some(Duration::from_secs(9));
        });
        world.asks(START, &get("/deaf"));
        world.then(|story| assert_eq!(story.outcome("/deaf").attempts.len(), 4));
        ends_at_total(world, "/deaf", 504);
    });
}

#[test]
fn total_is_over_while_the_client_sends_its_body() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            Ok(())
        });
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let answer = world.asks(START, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhalf");
        world.then(move |_| assert_eq!(answer.take().unwrap().message.status(), 504));
        ends_at_total(world, "/slow", 504);
    });
}

#[test]
fn total_is_over_while_the_server_does_not_take_the_body() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|conn| async move { conn.hang().await });
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let status = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.upload("/stalls", ENDLESS).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().status())
        });
        world.then(move |_| assert_eq!(status.take(), Some(504)));
        ends_at_total(world, "/stalls", 504);
    });
}

#[test]
fn total_counts_the_time_that_the_head_took() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.hang().await
        });
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send("GET /late HTTP/1.1\r\n").await?;
            sleep(Duration::from_secs(9)).await;
            ask(&mut wire, "Host: a\r\n\r\n").await
        });
        world.then(move |_| {
            let answer = answer.take().unwrap();
            assert_eq!(answer.message.status(), 504);
            assert!(answer.took < TOTAL - Duration::from_secs(8), "it took {:?}", answer.took);
        });
        ends_at_total(world, "/late", 504);
    });
}

#[test]
fn total_is_over_in_the_response() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            loop {
                conn.say("1\r\nx\r\n").await?;
                sleep(Duration::from_secs(1)).await;
            }
        });
        world.route("/", &[&server], |_, _| {});
        let answer = world.asks(START, &get("/drips"));
        world.then(move |_| {
            let cut = answer.take().unwrap().message;
            assert_eq!((cut.status(), cut.end), (200, End::Short));
            assert!((28..=31).contains(&cut.content.len()), "{} octets came", cut.content.len());
        });
        ends_at_total(world, "/drips", 200);
    });
}

#[test]
fn total_is_over_while_the_client_takes_what_is_left_of_a_whole_response() {
    each_seed(|world| {
        world.narrow();
        // With its head, one write more than the way to the client holds.
        let (piece, pieces) = (16 * 1024, NARROW);
        let server = world.serve(move |mut conn| async move {
            conn.request().await?;
            conn.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", piece * pieces)).await?;
            for _ in 0..pieces {
                conn.say(vec![b'x'; piece]).await?;
                conn.arrived().await;
            }
            conn.hang().await
        });
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/stalls")).await?;
            sleep(TOTAL + Duration::from_secs(1)).await;
            Ok(wire.message(Kind::Response).await?.unwrap().end)
        });
        world.then(move |story| {
            assert_eq!(end.take(), Some(End::Reset));
            let link = story.xray().to(server.addr)[0];
            assert_eq!(link.closed().1, Close::Graceful, "its response was whole, and it idles in the pool");
            assert!(story.client_of("/stalls").octets_out < link.octets_in);
        });
        ends_at_total(world, "/stalls", 200);
    });
}

#[test]
fn what_is_done_just_in_time_for_total_is_whole() {
    each_seed(|world| {
        let pause = world.weather.in_time_for(TOTAL) - world.weather.way() * 2;
        let server = world.serve(move |mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").await?;
            sleep(pause).await;
            conn.say("k").await
        });
        world.route("/", &[&server], |route, _| only_total(&mut route.timeouts));
        let answer = world.asks(START, &get("/late"));
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.text(), "ok");
            assert_eq!(story.told("/late").1, "ok");
        });
    });
}

/// Says this, waits, says that, and then nothing more.
async fn say_twice(mut conn: Conn, first: &str, pause: Duration, second: &str) -> io::Result<()> {
    conn.request().await?;
    conn.say(first).await?;
    sleep(pause).await;
    conn.say(second).await?;
    conn.hang().await
}

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

fn upgrade(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
}

#[test]
fn a_stream_in_which_nothing_moves_is_cut_after_five_minutes_and_not_before() {
    each_seed(|world| {
        world.coarse();
        let pause = world.weather.in_time_for(IDLE);
        let events = world.serve(move |conn| say_twice(conn, EVENTS, pause, "data: x\n\n"));
        let stream = world.serve(move |conn| say_twice(conn, LENGTH, pause, "x"));
        let tunnel = world.serve(move |conn| say_twice(conn, SWITCH, pause, "x"));
        world.route("/events", &[&events], |_, _| {});
        world.route("/stream", &[&stream], |route, _| route.stream = true);
        world.route("/tunnel", &[&tunnel], |_, _| {});
        let events_end = world.asks(START, &get("/events"));
        let stream_end = world.asks(START, &get("/stream"));
        let tunnel_end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            assert_eq!(ask(&mut wire, &upgrade("/tunnel")).await?.message.status(), 101);
            assert_eq!(wire.exactly(1).await?, b"x");
            Ok(wire.end().await)
        });
        world.then(move |story| {
            let (events_end, stream_end) = (events_end.take().unwrap(), stream_end.take().unwrap());
            assert_eq!(
                (events_end.message.text().as_str(), events_end.message.end),
                ("data: x\n\n", End::Short)
            );
            assert_eq!((stream_end.message.text().as_str(), stream_end.message.end), ("x", End::Short));
            assert_eq!(tunnel_end.take(), Some(End::Reset));
            for (target, status, server) in
                [("/events", 200, &events), ("/stream", 200, &stream), ("/tunnel", 101, &tunnel)]
            {
                assert_eq!(story.told(target), (status, "stream_idle_timeout", "sD".into()));
                assert!(story.outcome(target).streamed);
                let moved = story.client_of(target).moved().max(story.xray().to(server.addr)[0].moved());
                assert_due(story.xray().to(server.addr)[0].gone().since(moved), IDLE);
            }
        });
    });
}

#[test]
fn in_a_tunnel_either_side_keeps_it_alive() {
    each_seed(|world| {
        world.coarse();
        const SHORT: Duration = Duration::from_secs(20);
        let pause = world.weather.in_time_for(SHORT);
        let server = world.serve(move |mut conn| async move {
            conn.request().await?;
            conn.say(SWITCH).await?;
            // The client speaks three times, then it is our turn.
            conn.wire.exactly(3).await?;
            sleep(pause).await;
            conn.say("x").await?;
            conn.hang().await
        });
        world.route("/", &[&server], |route, _| route.timeouts.stream_idle = Some(SHORT));
        let end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &upgrade("/tunnel")).await?;
            for octet in ["a", "b", "c"] {
                sleep(dial.weather.in_time_for(SHORT) - dial.weather.way()).await;
                wire.send(octet).await?;
            }
            assert_eq!(wire.exactly(1).await?, b"x");
            Ok(wire.end().await)
        });
        world.then(move |story| {
            assert_eq!(end.take(), Some(End::Reset));
            assert_eq!(story.told("/tunnel"), (101, "stream_idle_timeout", "sD".into()));
        });
    });
}

#[test]
fn a_stream_has_no_total_but_its_server_must_answer_in_time() {
    each_seed(|world| {
        world.coarse();
        let hung = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.hang().await
        });
        let steady = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            for _ in 0..45 {
                conn.say("1\r\nx\r\n").await?;
                sleep(Duration::from_secs(1)).await;
            }
            conn.say("0\r\n\r\n").await
        });
        world.route("/hung", &[&hung], |route, _| route.stream = true);
        world.route("/steady", &[&steady], |route, _| route.stream = true);
        let hung_end = world.asks(START, &get("/hung"));
        let steady_end = world.asks(START, &get("/steady"));
        world.then(move |story| {
            assert_eq!(hung_end.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/hung"), (504, "upstream_read_timeout", "sH".into()));
            let whole = steady_end.take().unwrap();
            assert_eq!((whole.message.content.len(), whole.message.end), (45, End::Whole));
            assert!(whole.took > TOTAL);
        });
    });
}

#[test]
fn without_total_a_slow_exchange_goes_on() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            sleep(TOTAL + Duration::from_secs(5)).await;
            conn.answer("late").await
        });
        world.route("/", &[&server], |route, _| {
            route.timeouts.read = None;
            route.timeouts.total = None;
        });
        let answer = world.asks(START, &get("/"));
        world.then(move |_| assert_eq!(answer.take().unwrap().message.text(), "late"));
    });
}
