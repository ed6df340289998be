//! The limits on waiting for a client: each ends the wait to the millisecond, and none a client that is just in time.

use crate::each_seed;
use crate::origin::{ENDLESS, endless, healthy};
use crate::story::Story;
use crate::wire::{End, Kind, get};
use crate::world::{Dial, ask};
use crate::xray::{LATE, assert_due};
use proxy_core::Close;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const HEAD: Duration = Duration::from_secs(10);
const BODY: Duration = Duration::from_secs(15);
const WRITE: Duration = Duration::from_secs(15);
const KEEPALIVE: Duration = Duration::from_secs(75);
const LINGER: Duration = Duration::from_secs(2);

const START: Duration = Duration::from_millis(100);

#[test]
fn a_head_that_drips_is_a_408_ten_seconds_after_its_first_octet() {
    each_seed(|world| {
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            for octet in "GET / HTTP".chars() {
                wire.send(octet.to_string()).await?;
                sleep(Duration::from_millis(900)).await;
            }
            let answer = wire.message(Kind::Response).await?;
            Ok((answer, wire.end().await))
        });
        world.then(move |story| {
            let (answer, end) = answer.take().unwrap();
            assert_eq!(answer.unwrap().status(), 408);
            assert_eq!(end, End::Short, "after the reply comes FIN");
            assert_eq!(story.told(""), (408, "client_head_timeout", "cR".into()));
            let outcome = story.outcome("");
            assert_due(outcome.ended.since(outcome.started), HEAD);
        });
    });
}

#[test]
fn a_head_that_is_complete_just_in_time_is_served() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send("GET /late HTTP/1.1\r\n").await?;
            sleep(dial.weather.in_time_for(HEAD)).await;
            ask(&mut wire, "Host: a\r\n\r\n").await
        });
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.text(), "/late");
            assert!(story.outcome("/late").times().head > HEAD - story.weather.way() * 2);
        });
    });
}

#[test]
fn a_body_that_stops_is_a_408_fifteen_seconds_after_its_last_octet() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let half = "POST /stops HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
        let answer = world.asks(START, half);
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.status(), 408);
            assert_eq!(story.told("/stops"), (408, "client_body_timeout", "cD".into()));
            let last = story.client_of("/stops").last_in().unwrap();
            assert_due(story.outcome("/stops").ended.since(last), BODY);
        });
    });
}

#[test]
fn without_a_least_rate_only_the_pause_counts() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(healthy);
        world.route("/", &[&server], |route, _| {
            route.timeouts.client.body_rate_min = 0;
            route.timeouts.total = None;
        });
        let stops = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send("POST /stops HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await?;
            sleep(dial.weather.in_time_for(BODY)).await;
            ask(&mut wire, "half").await
        });
        let in_time = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send("POST /drips HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await?;
            for octet in ["f", "o", "u"] {
                sleep(dial.weather.in_time_for(BODY)).await;
                wire.send(octet).await?;
            }
            sleep(dial.weather.in_time_for(BODY)).await;
            ask(&mut wire, "r").await
        });
        world.then(move |story| {
            assert_eq!(stops.take().unwrap().message.status(), 408);
            assert_eq!(story.told("/stops"), (408, "client_body_timeout", "cD".into()));
            let last = story.client_of("/stops").last_in().unwrap();
            assert_due(story.outcome("/stops").ended.since(last), BODY);
            assert_eq!(in_time.take().unwrap().message.text(), "/drips");
        });
    });
}

#[test]
fn a_body_slower_than_the_least_rate_is_a_408_and_one_that_keeps_it_is_served() {
    /// Sends 40 s of a body, so many octets every 200 ms.
    async fn drip(dial: Dial, target: &str, octets: usize) -> io::Result<u16> {
        const TIMES: usize = 200;
        let mut wire = dial.proxy().await?;
        let length = octets * TIMES;
        wire.send(format!("PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).await?;
        for _ in 0..TIMES {
            // The proxy may have given up.
            if wire.send("x".repeat(octets)).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(wire.message(Kind::Response).await?.map_or(0, |answer| answer.status()))
    }
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |route, _| route.timeouts.total = None);
        // The least rate is 500 octets a second.
        let slow = world.client(START, |dial| drip(dial, "/slow", 20));
        let fast = world.client(START, |dial| drip(dial, "/fast", 101));
        world.then(move |story| {
            assert_eq!(fast.take().unwrap(), 200);
            assert_eq!(slow.take().unwrap(), 408);
            assert_eq!(story.told("/slow"), (408, "client_body_timeout", "cD".into()));
            let outcome = story.outcome("/slow");
            let deserved = Duration::from_millis(outcome.received * 1_000 / 500);
            let waited = outcome.ended.since(outcome.started.after(outcome.times().head));
            assert_due(waited, BODY + deserved);
        });
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut_after_fifteen_seconds() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(endless);
        world.route("/", &[&server], |_, _| {});
        let end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/stalls")).await?;
            sleep(Duration::from_secs(20)).await;
            Ok(wire.message(Kind::Response).await?.unwrap().end)
        });
        world.then(move |story| {
            assert_eq!(end.take(), Some(End::Reset));
            assert_eq!(story.told("/stalls"), (200, "client_write_timeout", "cD".into()));
            let client = story.client_of("/stalls");
            assert_eq!(client.closed().1, Close::Abort);
            // What waits came after the client had taken the last octet.
            let since = story.xray().to(server.addr)[0].last_in().max(client.last_out).unwrap();
            assert_due(client.closed().0.since(since), WRITE);
        });
    });
}

#[test]
fn a_client_that_takes_something_just_in_time_is_not_cut() {
    each_seed(|world| {
        world.coarse();
        world.narrow();
        let server = world.serve(endless);
        world.route("/", &[&server], |route, _| route.timeouts.total = None);
        let length = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/slow")).await?;
            for _ in 0..3 {
                sleep(dial.weather.in_time_for(WRITE)).await;
                wire.more().await?;
            }
            Ok(wire.message(Kind::Response).await?.map(|answer| (answer.content.len(), answer.end)))
        });
        world.then(move |story| {
            assert_eq!(length.take().unwrap(), Some((ENDLESS, End::Whole)));
            assert_eq!(story.told("/slow").1, "ok");
        });
    });
}

#[test]
fn a_client_is_not_blamed_while_the_server_does_not_take_what_it_sent() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|mut conn| async move {
            // Twice as long as the client may pause.
            sleep(Duration::from_secs(10)).await;
            let request = conn.request().await?.unwrap();
            conn.answer(&request.content.len().to_string()).await
        });
        world.route("/", &[&server], |route, _| route.timeouts.client.body = Some(Duration::from_secs(5)));
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.upload("/large", ENDLESS).await?;
            Ok(wire.message(Kind::Response).await?.unwrap())
        });
        world.then(move |_| assert_eq!(answer.take().unwrap().text(), ENDLESS.to_string()));
    });
}

#[test]
fn an_idle_client_is_closed_silently_after_seventy_five_seconds() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let silent = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            Ok((wire.stream.local_addr(), wire.message(Kind::Response).await?))
        });
        let idle = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &get("/once")).await?;
            wire.message(Kind::Response).await
        });
        world.then(move |story| {
            let (addr, answer) = silent.take().unwrap();
            assert_eq!((answer, idle.take().unwrap()), (None, None), "nobody is owed a word");
            for client in [story.xray().client(addr), story.client_of("/once")] {
                assert_eq!(client.closed().1, Close::Graceful);
                assert_due(client.idle(), KEEPALIVE);
            }
            assert_eq!(story.outcomes().count(), 1);
        });
    });
}

#[test]
fn an_idle_client_that_asks_just_in_time_is_served() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let first = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            sleep(dial.weather.in_time_for(KEEPALIVE)).await;
            ask(&mut wire, &get("/first")).await
        });
        let second = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &get("/warm")).await?;
            // The idle time began before the answer was here.
            sleep(dial.weather.in_time_for(KEEPALIVE) - dial.weather.way()).await;
            ask(&mut wire, &get("/second")).await
        });
        world.then(move |_| {
            assert_eq!(first.take().unwrap().message.text(), "/first");
            assert_eq!(second.take().unwrap().message.text(), "/second");
        });
    });
}

/// A request that is refused before its body is read.
const REFUSED: &str = "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";

#[test]
fn a_connection_that_is_closed_on_a_client_is_read_from_for_two_seconds() {
    each_seed(|world| {
        let end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            let answer = ask(&mut wire, REFUSED).await?;
            assert_eq!(answer.message.status(), 404);
            assert_eq!(wire.end().await, End::Short, "FIN comes at once");
            assert!(answer.took < Duration::from_secs(1));
            // What is still sent does not prolong it.
            for _ in 0..30 {
                sleep(Duration::from_millis(100)).await;
                let _ = wire.send("more of the body").await;
            }
            Ok(wire.stream.local_addr())
        });
        world.then(move |story| {
            let client = story.xray().client(end.take().unwrap());
            assert_due(client.closed().0.since(client.last_out.unwrap()), LINGER);
        });
    });
}

#[test]
fn a_connection_that_the_client_closes_too_is_read_from_no_longer() {
    each_seed(|world| {
        let addr = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, REFUSED).await?;
            Ok(wire.stream.local_addr())
        });
        world.then(move |story: &Story| {
            let client = story.xray().client(addr.take().unwrap());
            let lingered = client.closed().0.since(client.last_out.unwrap());
            assert!(lingered < story.weather.way() * 3 + LATE, "it lingered for {lingered:?}");
        });
    });
}

#[test]
fn without_limits_nobody_is_closed_on() {
    each_seed(|world| {
        world.coarse();
        world.config.timeouts.client.head = None;
        world.config.timeouts.client.keepalive = None;
        let server = world.serve(healthy);
        world.route("/", &[&server], |route, _| {
            route.timeouts.client.body = None;
            route.timeouts.total = None;
        });
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            sleep(KEEPALIVE + HEAD).await;
            let (start, end) = ("POST /patient HTTP/1.1\r\nHo", "st: a\r\nContent-Length: 2\r\n\r\na");
            wire.send(start).await?;
            sleep(HEAD * 2).await;
            wire.send(end).await?;
            sleep(BODY * 2).await;
            ask(&mut wire, "b").await
        });
        world.then(move |_| assert_eq!(answer.take().unwrap().message.text(), "/patient"));
    });
}
