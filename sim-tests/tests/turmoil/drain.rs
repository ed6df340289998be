//! A drain: what runs may finish, what idles is closed, nobody new is let in, and at its deadline all is cut.

use crate::each_seed;
use crate::origin::{Conn, healthy, now};
use crate::wire::{End, Kind, get};
use crate::world::ask;
use crate::xray::{LATE, assert_due};
use proxy_core::Close;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);
const DRAIN: Duration = Duration::from_secs(30);
/// When the drain begins.
const SIGNAL: Duration = Duration::from_secs(2);

/// Answers in two halves: what runs when the drain begins is in the middle of it.
async fn halves(mut conn: Conn) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        let (target, length) = (request.target(), request.target().len());
        sleep(SIGNAL).await;
        conn.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", length * 2)).await?;
        sleep(SIGNAL).await;
        conn.say(target).await?;
    }
    Ok(())
}

/// Waits for a head and says no more.
async fn hung(mut conn: Conn) -> io::Result<()> {
    conn.request().await?;
    conn.hang().await
}

#[test]
fn what_runs_is_finished_and_its_connection_closed() {
    each_seed(|world| {
        let server = world.serve(halves);
        world.route("/", &[&server], |_, _| {});
        let answers = ["/early", "/late"].map(|target| {
            // One has its head before the drain begins and is told nothing of it, the other is told to leave.
            let at = if target == "/early" { START } else { START + SIGNAL / 2 };
            world.client(at, move |dial| async move {
                let mut wire = dial.proxy().await?;
                wire.send(get(target)).await?;
                let answer = wire.message(Kind::Response).await?.unwrap();
                Ok((answer, wire.end().await, now()))
            })
        });
        world.drain_at(SIGNAL + Duration::from_millis(800));
        world.then(move |story| {
            let [early, late] = answers.map(|answer| answer.take().unwrap());
            assert_eq!((early.0.text().as_str(), early.1), ("/early/early", End::Short));
            assert_eq!((late.0.text().as_str(), late.1), ("/late/late", End::Short));
            assert_eq!((early.0.field("connection"), late.0.field("connection")), (None, Some("close")));
            let last = early.2.max(late.2);
            // Whoever was told to leave may need a while: it is lingered for.
            let lingering = Duration::from_secs(2) + story.weather.way() * 2;
            assert!(story.ended < last + lingering, "it ended at {:?}, not at {last:?}", story.ended);
        });
    });
}

#[test]
fn what_idles_is_closed_at_once_on_both_sides() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let idle = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &get("/once")).await?;
            Ok((wire.end().await, now()))
        });
        let silent = world.client(START, |dial| async move { Ok(dial.proxy().await?.end().await) });
        world.drain_at(SIGNAL);
        world.then(move |story| {
            assert_eq!((idle.take().unwrap().0, silent.take().unwrap()), (End::Short, End::Short));
            let drained = story.client_of("/once").closed();
            assert_eq!(drained.1, Close::Graceful);
            let link = story.xray().to(server.addr)[0];
            assert_eq!(link.closed(), drained, "the pool was emptied at another time");
            assert!(story.ended <= SIGNAL + story.weather.tick * 2, "it ended at {:?}", story.ended);
        });
    });
}

#[test]
fn nobody_new_is_let_in_while_it_lasts() {
    each_seed(|world| {
        let server = world.serve(halves);
        world.route("/", &[&server], |_, _| {});
        let running = world.asks(START, &get("/runs"));
        world.drain_at(SIGNAL);
        let late = world.client(SIGNAL + Duration::from_secs(1), |dial| async move {
            Ok(dial.proxy().await.map(|_| ()).map_err(|error| error.kind()))
        });
        world.then(move |_| {
            assert_eq!(late.take(), Some(Err(ErrorKind::ConnectionRefused)));
            assert_eq!(running.take().unwrap().message.text(), "/runs/runs");
        });
    });
}

#[test]
fn whoever_comes_as_it_begins_is_served_or_turned_away_and_never_cut() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        // Something to do, so that the proxy lives on while the late ones come.
        let slow = world.serve(halves);
        world.route("/slow", &[&slow], |_, _| {});
        world.asks(START, &get("/slow"));
        let clients: Vec<_> = (0..60)
            .map(|number| {
                let at = SIGNAL - Duration::from_millis(800) + Duration::from_millis(20) * number;
                world.client(at, move |dial| async move {
                    let Ok(mut wire) = dial.proxy().await else { return Ok("turned away") };
                    // It may be closed on before the request is out.
                    let _ = wire.send(get(&format!("/{number}"))).await;
                    Ok(match wire.message(Kind::Response).await? {
                        None => "closed on",
                        Some(answer) if answer.end == End::Whole && answer.status() == 200 => "served",
                        Some(answer) => panic!("{answer:?}"),
                    })
                })
            })
            .collect();
        world.drain_at(SIGNAL);
        world.then(move |_| {
            let ends: Vec<_> = clients.iter().map(|client| client.take().unwrap()).collect();
            assert!(ends.contains(&"served") && ends.contains(&"turned away"), "{ends:?}");
        });
    });
}

#[test]
fn a_head_that_had_begun_is_still_served() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let answer = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send("GET /begun HTTP/1.1\r\n").await?;
            sleep(SIGNAL * 2).await;
            ask(&mut wire, "Host: a\r\n\r\n").await
        });
        world.drain_at(SIGNAL);
        world.then(move |_| {
            let answer = answer.take().unwrap().message;
            assert_eq!((answer.text().as_str(), answer.field("connection")), ("/begun", Some("close")));
        });
    });
}

#[test]
fn at_its_deadline_everything_is_cut_in_whatever_phase() {
    const UPGRADE: &str = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    const POST: &str = "POST /sending HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\npart";
    each_seed(|world| {
        // Nothing but the drain ends anything.
        let timeouts = &mut world.config.timeouts;
        (timeouts.total, timeouts.read, timeouts.connect, timeouts.queue) = (None, None, None, None);
        (timeouts.client.body, timeouts.client.head) = (None, None);
        let deaf = world.deaf();
        let silent = world.serve(hung);
        let responding = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart").await?;
            conn.hang().await
        });
        let switching = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await?;
            conn.hang().await
        });
        world.route("/queued", &[&silent], |_, cluster| cluster.endpoints[0].max_connections = Some(1));
        let asks = [
            ("/connecting", &deaf, get("/connecting"), 0, "KC"),
            ("/sending", &silent, POST.to_owned(), 0, "KH"),
            ("/awaiting", &silent, get("/awaiting"), 0, "KH"),
            ("/responding", &responding, get("/responding"), 200, "KD"),
            ("/tunnel", &switching, UPGRADE.to_owned(), 101, "KD"),
        ];
        let mut ends = Vec::new();
        let mut cut = |world: &mut crate::World, at, request: String| {
            ends.push(world.client(at, move |dial| async move {
                let mut wire = dial.proxy().await?;
                wire.send(request).await?;
                Ok((wire.end().await, now()))
            }));
        };
        for (target, place, request, status, letters) in asks {
            world.route(target, &[place], |_, _| {});
            cut(world, START, request);
            world.then(move |story| {
                assert_eq!(story.told(target), (status, "draining", letters.into()), "{target}");
            });
        }
        cut(world, START, get("/queued/first"));
        cut(world, START + world.weather.way() * 3, get("/queued/second"));
        cut(world, START, "GET /reading HTTP/1.1\r\nHo".to_owned());
        world.drain_at(SIGNAL);
        world.then(move |story| {
            assert_eq!(story.told("/queued/second"), (0, "draining", "KQ".into()));
            assert_eq!(story.told(""), (0, "draining", "KR".into()));
            let begun = SIGNAL + DRAIN;
            for outcome in story.outcomes() {
                let at = Duration::from_nanos(outcome.ended.as_nanos());
                assert!((begun..=begun + story.weather.tick + LATE).contains(&at), "{outcome:?} at {at:?}");
            }
            for end in ends {
                let (end, at) = end.take().unwrap();
                assert!(at < begun + story.weather.way() * 2, "{end:?} at {at:?}");
            }
            assert!(story.ended <= begun + story.weather.tick * 2 + LATE, "it ended at {:?}", story.ended);
        });
    });
}

#[test]
fn a_second_order_to_drain_changes_nothing() {
    each_seed(|world| {
        world.config.timeouts.drain = Some(Duration::from_secs(5));
        let server = world.serve(hung);
        world.route("/", &[&server], |_, _| {});
        let end = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/hung")).await?;
            Ok(wire.end().await)
        });
        world.drain_at(SIGNAL);
        world.drain_at(SIGNAL + Duration::from_secs(4));
        world.then(move |story| {
            assert_eq!(end.take(), Some(End::Reset));
            let outcome = story.outcome("/hung");
            let drained = Duration::from_nanos(outcome.ended.as_nanos()) - SIGNAL;
            assert!(drained < Duration::from_secs(5) + story.weather.tick + LATE, "it took {drained:?}");
        });
    });
}

#[test]
fn without_a_limit_it_lasts_as_long_as_what_runs() {
    each_seed(|world| {
        world.config.timeouts.drain = None;
        let server = world.serve(hung);
        world.route("/", &[&server], |_, _| {});
        let answer = world.asks(START, &get("/hung"));
        world.drain_at(SIGNAL);
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/hung").1, "upstream_read_timeout");
            assert_due(story.xray().to(server.addr)[0].idle(), Duration::from_secs(15));
        });
    });
}

#[test]
fn every_worker_drains() {
    each_seed(|world| {
        world.crew_size = 2;
        let server = world.serve(halves);
        world.route("/", &[&server], |_, _| {});
        let answers = [0, 1].map(|worker| {
            world.client(START, move |dial| async move {
                let mut wire = dial.worker(worker).await?;
                Ok(ask(&mut wire, &get(&format!("/{worker}"))).await?.message.text())
            })
        });
        world.drain_at(SIGNAL);
        world.then(move |story| {
            let [zero, one] = answers.map(|answer| answer.take().unwrap());
            assert_eq!((zero.as_str(), one.as_str()), ("/0/0", "/1/1"));
            assert!(story.ended < SIGNAL * 3 + Duration::from_secs(3), "it ended at {:?}", story.ended);
        });
    });
}
