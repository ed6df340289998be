//! The limits on waiting for a server: each ends the wait to the millisecond, and none a server that is just in time.

use crate::each_seed;
use crate::origin::{Conn, Door, ENDLESS, Place, endless, healthy, now};
use crate::story::Story;
use crate::wire::{End, Kind, get};
use crate::world::ask;
use crate::xray::assert_due;
use proxy_core::Close;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const QUEUE: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(1);
const WRITE: Duration = Duration::from_secs(15);
const READ: Duration = Duration::from_secs(15);
const KEEPALIVE: Duration = Duration::from_secs(55);

const START: Duration = Duration::from_millis(100);

/// Answers after `wait`.
async fn after(mut conn: Conn, wait: Duration) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        sleep(wait).await;
        conn.answer(request.target()).await?;
    }
    Ok(())
}

#[test]
fn a_request_that_is_queued_for_a_second_is_a_503() {
    each_seed(|world| {
        let server = world.serve(|conn| after(conn, Duration::from_secs(3)));
        world.route("/", &[&server], |_, cluster| cluster.endpoints[0].max_connections = Some(1));
        let first = world.asks(START, &get("/first"));
        let second = world.asks(START + world.weather.way() * 3, &get("/second"));
        world.then(move |story| {
            assert_eq!(first.take().unwrap().message.text(), "/first");
            let answer = second.take().unwrap().message;
            assert_eq!((answer.status(), answer.field("retry-after")), (503, Some("1")));
            assert_eq!(story.told("/second"), (503, "queue_timeout", "sQ".into()));
            assert_due(story.outcome("/second").times().queue, QUEUE);
            assert_eq!(server.seen().requests.len(), 1);
        });
    });
}

#[test]
fn a_request_that_is_queued_for_less_is_served_on_the_connection_that_became_free() {
    each_seed(|world| {
        let work = QUEUE - world.weather.way() * 2;
        let server = world.serve(move |conn| after(conn, work));
        world.route("/", &[&server], |_, cluster| cluster.endpoints[0].max_connections = Some(1));
        let first = world.asks(START, &get("/first"));
        let second = world.asks(START + world.weather.way() * 3, &get("/second"));
        world.then(move |story| {
            assert_eq!(first.take().unwrap().message.text(), "/first");
            assert_eq!(second.take().unwrap().message.text(), "/second");
            assert!(story.outcome("/second").times().queue > Duration::ZERO);
            assert_eq!(server.seen().connections, 1);
        });
    });
}

#[test]
fn each_attempt_to_connect_has_a_second_of_its_own() {
    each_seed(|world| {
        let places: Vec<Place> = (0..3).map(|_| world.deaf()).collect();
        world.route("/", &places.iter().collect::<Vec<_>>(), |_, _| {});
        let answer = world.asks(START, &get("/deaf"));
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/deaf"), (504, "connect_timeout", "sC".into()));
            let attempts = &story.outcome("/deaf").attempts;
            assert_eq!(attempts.len(), 3);
            attempts.iter().for_each(|attempt| assert_due(attempt.took, CONNECT));
        });
    });
}

#[test]
fn a_connection_that_stands_just_in_time_is_used() {
    each_seed(|world| {
        // Connecting begins after the client has: this is within a second of it.
        let server = world.serve_behind(Door::OpensAt(START + CONNECT), healthy);
        world.route("/", &[&server], |_, _| {});
        let answer = world.asks(START, &get("/late"));
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.text(), "/late");
            let waited = story.outcome("/late").times().connect;
            assert!(waited > CONNECT - story.weather.way() * 3, "it stood after {waited:?}");
        });
    });
}

#[test]
fn a_server_that_takes_nothing_is_a_504_after_fifteen_seconds() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|conn| async move { conn.hang().await });
        world.route("/", &[&server], |_, _| {});
        let status = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.upload("/stalls", ENDLESS).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().status())
        });
        world.then(move |story| {
            assert_eq!(status.take(), Some(504));
            assert_eq!(story.told("/stalls"), (504, "upstream_write_timeout", "sD".into()));
            let link = story.xray().to(server.addr)[0];
            assert_eq!(link.closed().1, Close::Abort);
            // What waits came after the server had taken the last octet.
            let last = story.client_of("/stalls").last_in_before(link.gone());
            let since = link.last_out.max(last).unwrap();
            assert_due(link.closed().0.since(since), WRITE);
        });
    });
}

#[test]
fn a_server_that_takes_something_just_in_time_is_waited_for() {
    each_seed(|world| {
        world.coarse();
        world.narrow();
        let pause = world.weather.in_time_for(WRITE);
        let server = world.serve(move |mut conn| async move {
            for _ in 0..3 {
                sleep(pause).await;
                conn.wire.more().await?;
            }
            let request = conn.request().await?.unwrap();
            conn.answer(&request.content.len().to_string()).await
        });
        world.route("/", &[&server], |route, _| route.timeouts.total = None);
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.upload("/slow", ENDLESS).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().text())
        });
        world.then(move |_| assert_eq!(answer.take(), Some(ENDLESS.to_string())));
    });
}

#[test]
fn a_server_that_falls_silent_is_given_up_fifteen_seconds_after_its_last_octet() {
    each_seed(|world| {
        let in_head = world.serve(|mut conn| async move {
            conn.request().await?;
            sleep(Duration::from_secs(7)).await;
            conn.say("HTTP/1.1 200 OK\r\n").await?;
            conn.hang().await
        });
        let in_body = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").await?;
            sleep(Duration::from_secs(7)).await;
            conn.say("a").await?;
            conn.hang().await
        });
        world.route("/head", &[&in_head], |_, _| {});
        world.route("/body", &[&in_body], |_, _| {});
        let head = world.asks(START, &get("/head"));
        let body = world.asks(START, &get("/body"));
        world.then(move |story| {
            assert_eq!(head.take().unwrap().message.status(), 504);
            let cut = body.take().unwrap().message;
            assert_eq!((cut.status(), cut.text().as_str(), cut.end), (200, "a", End::Short));
            assert_eq!(story.told("/head"), (504, "upstream_read_timeout", "sH".into()));
            assert_eq!(story.told("/body"), (200, "upstream_read_timeout", "sD".into()));
            for server in [in_head, in_body] {
                assert_due(story.xray().to(server.addr)[0].idle(), READ);
            }
        });
    });
}

#[test]
fn a_server_that_says_something_just_in_time_is_waited_for() {
    each_seed(|world| {
        world.coarse();
        let pause = world.weather.in_time_for(READ);
        let server = world.serve(move |mut conn| async move {
            conn.request().await?;
            for piece in ["HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n\r\n", "o", "k"] {
                // The request may have taken its time, too.
                sleep(pause - conn.weather.way()).await;
                conn.say(piece).await?;
            }
            Ok(())
        });
        world.route("/", &[&server], |route, _| route.timeouts.total = None);
        let answer = world.asks(START, &get("/drip"));
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.text(), "ok");
            assert_eq!(story.told("/drip"), (200, "ok", "--".into()));
        });
    });
}

#[test]
fn whoever_is_asked_whether_to_continue_is_waited_for_and_not_the_client() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            while conn.wire.more().await? > 0 {}
            Ok(())
        });
        world.route("/", &[&server], |route, _| {
            route.timeouts.client.body = Some(Duration::from_secs(5));
        });
        let expecting = "POST /asks HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        let answer = world.asks(START, expecting);
        world.then(move |story: &Story| {
            assert_eq!(answer.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/asks"), (504, "upstream_read_timeout", "sH".into()));
            assert_due(story.xray().to(server.addr)[0].idle(), READ);
        });
    });
}

#[test]
fn a_server_is_not_blamed_while_the_client_does_not_take_what_it_sent() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(endless);
        world.route("/", &[&server], |route, _| {
            route.timeouts.client.write = None;
            route.timeouts.total = None;
        });
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/stalls")).await?;
            sleep(READ * 2).await;
            Ok(wire.message(Kind::Response).await?.unwrap())
        });
        world.then(move |story| {
            let answer = answer.take().unwrap();
            assert_eq!((answer.content.len(), answer.end), (ENDLESS, End::Whole));
            assert_eq!(story.told("/stalls").1, "ok");
        });
    });
}

#[test]
fn after_the_client_was_slow_a_server_has_its_time_anew() {
    /// Less than `endless` sends, and more than the buffers hold.
    const PIECES: usize = 40;
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n")).await?;
            for _ in 0..PIECES {
                conn.say([b'x'; 32 * 1024]).await?;
            }
            conn.hang().await
        });
        world.route("/", &[&server], |route, _| route.timeouts.total = None);
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/stalls")).await?;
            sleep(Duration::from_secs(10)).await;
            Ok(wire.message(Kind::Response).await?.unwrap())
        });
        world.then(move |story| {
            let cut = answer.take().unwrap();
            assert_eq!((cut.content.len(), cut.end), (PIECES * 32 * 1024, End::Short));
            assert_eq!(story.told("/stalls"), (200, "upstream_read_timeout", "sD".into()));
            let link = story.xray().to(server.addr)[0];
            let since = link.last_in().max(story.client_of("/stalls").last_out).unwrap();
            assert_due(link.closed().0.since(since), READ);
        });
    });
}

#[test]
fn a_head_that_drips_is_a_504_when_its_time_is_over() {
    const HEAD: Duration = Duration::from_secs(5);
    /// Sends a head line by line, for so long.
    async fn drip(mut conn: Conn, duration: Duration) -> io::Result<()> {
        conn.request().await?;
        conn.say("HTTP/1.1 200 OK\r\n").await?;
        for line in 0..9 {
            sleep(duration / 9).await;
            conn.say(format!("X-Line-{line}: x\r\n")).await?;
        }
        conn.say("Content-Length: 2\r\n\r\nok").await?;
        conn.hang().await
    }
    each_seed(|world| {
        let late = world.serve(|conn| drip(conn, HEAD * 2));
        let in_time = world.weather.in_time_for(HEAD) - world.weather.way();
        let early = world.serve(move |conn| drip(conn, in_time));
        world.route("/late", &[&late], |route, _| route.timeouts.head = Some(HEAD));
        world.route("/early", &[&early], |route, _| route.timeouts.head = Some(HEAD));
        world.route("/off", &[&late], |_, _| {});
        let (late, early, off) = (
            world.asks(START, &get("/late")),
            world.asks(START, &get("/early")),
            world.asks(START, &get("/off")),
        );
        world.then(move |story| {
            assert_eq!(late.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/late"), (504, "upstream_head_timeout", "sH".into()));
            assert_due(story.outcome("/late").times().first_byte, HEAD);
            assert_eq!(early.take().unwrap().message.text(), "ok");
            assert_eq!(off.take().unwrap().message.text(), "ok", "it is off unless it is set");
        });
    });
}

#[test]
fn a_pooled_connection_is_closed_after_fifty_five_seconds() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        world.asks(START, &get("/once"));
        let later = START + KEEPALIVE * 2;
        world.asks(later, &get("/later"));
        world.then(move |story| {
            let links = story.xray().to(server.addr);
            assert_eq!(links.len(), 2);
            assert_eq!(links[0].closed().1, Close::Graceful);
            assert_due(links[0].idle(), KEEPALIVE);
            assert!(!story.outcome("/later").attempts[0].reused);
        });
    });
}

#[test]
fn a_pooled_connection_is_used_again_until_then() {
    each_seed(|world| {
        world.coarse();
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        world.asks(START, &get("/once"));
        // The idle time begins after the client has asked.
        world.asks(START + KEEPALIVE - world.weather.way() * 2, &get("/later"));
        world.then(move |story| {
            assert!(story.outcome("/later").attempts[0].reused);
            assert_eq!(server.seen().connections, 1);
        });
    });
}

#[test]
fn a_servers_own_hint_less_a_second_ends_a_pooled_connection_earlier() {
    /// Answers with a hint.
    async fn hinting(mut conn: Conn, seconds: u64) -> io::Result<Duration> {
        while conn.request().await?.is_some() {
            let field = format!("Keep-Alive: timeout={seconds}, max=100");
            conn.say(format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 0\r\n\r\n")).await?;
        }
        Ok(now())
    }
    each_seed(|world| {
        world.coarse();
        // Longer than our own limit, shorter, and so short that nothing is left of it.
        let servers = [100, 5, 1]
            .map(|seconds| world.serve(move |conn| async move { hinting(conn, seconds).await.map(|_| ()) }));
        for (path, server) in ["/100", "/5", "/1"].into_iter().zip(&servers) {
            world.route(path, &[server], |_, _| {});
            world.asks(START, &get(path));
        }
        // Keeps the world going.
        world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &get("/nowhere")).await?;
            sleep(KEEPALIVE + Duration::from_secs(3)).await;
            Ok(())
        });
        world.then(move |story| {
            let expected = [KEEPALIVE, Duration::from_secs(4), Duration::ZERO];
            for (server, limit) in servers.iter().zip(expected) {
                assert_due(story.xray().to(server.addr)[0].idle(), limit);
            }
        });
    });
}
