//! Clients that leave, by FIN or by a reset, in every phase: a 499 in the log, and nothing of theirs is left behind.

use crate::each_seed;
use crate::net::Stream;
use crate::origin::{Conn, ENDLESS, Place, endless, healthy, now};
use crate::wire::{End, Kind, Wire, get};
use crate::{World, world::Dial};
use proxy_core::Close;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);
/// How long a client stays: everything is in its phase by then.
const STAY: Duration = Duration::from_millis(600);

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Fin,
    Reset,
}

const WAYS: [By; 2] = [By::Fin, By::Reset];

impl By {
    fn leave(self, wire: Wire<Stream>) {
        if self == Self::Reset {
            wire.stream.reset();
        }
    }

    fn path(self, phase: &str) -> String {
        format!("/{phase}/{self:?}")
    }
}

/// Sends this and leaves a while later.
async fn leave(dial: Dial, request: String, by: By) -> io::Result<()> {
    let mut wire = dial.proxy().await?;
    wire.send(request).await?;
    sleep(STAY).await;
    by.leave(wire);
    Ok(())
}

/// It is told that the client left, and as soon as the news can be here.
fn is_told(world: &mut World, target: String, status: u16, letters: &'static str, left: Duration) {
    world.then(move |story| {
        assert_eq!(story.told(&target), (status, "client_aborted", letters.into()), "{target}");
        let told = Duration::from_nanos(story.outcome(&target).ended.as_nanos());
        let latest = left + story.weather.way() * 3;
        assert!((left..=latest).contains(&told), "{target} was told at {told:?}, not at {left:?}");
    });
}

/// The connection to the server is reset, so that it stops working for nobody.
fn is_reset(world: &mut World, place: &Place) {
    let addr = place.addr;
    world.then(move |story| {
        let links = story.xray().to(addr);
        assert_eq!(links.last().expect("it was tried").closed().1, Close::Abort);
    });
}

#[test]
fn before_the_first_octet_of_a_request_there_is_nothing_to_tell() {
    each_seed(|world| {
        for by in WAYS {
            world.client(START, move |dial| leave(dial, String::new(), by));
        }
        world.then(|story| assert_eq!(story.outcomes().count(), 0));
    });
}

#[test]
fn in_the_head() {
    each_seed(|world| {
        for by in WAYS {
            world.client(START, move |dial| leave(dial, "GET / HTTP/1.1\r\nHo".into(), by));
        }
        world.then(|story| {
            let told: Vec<_> = story.outcomes().map(crate::story::told).collect();
            assert_eq!(told, vec![(499, "client_aborted", "CR".to_owned()); 2]);
        });
    });
}

#[test]
fn in_the_queue() {
    each_seed(|world| {
        for by in WAYS {
            let server = world.serve(|conn| async move { conn.hang().await });
            let path = by.path("queue");
            world.route(&path, &[&server], |route, cluster| {
                cluster.endpoints[0].max_connections = Some(1);
                route.timeouts.queue = None;
            });
            world.asks(START, &get(&format!("{path}/first")));
            let target = format!("{path}/second");
            let (request, at) = (get(&target), START * 10);
            world.client(at, move |dial| leave(dial, request, by));
            is_told(world, target, 499, "CQ", at + STAY);
            world.then(move |_| assert_eq!(server.seen().connections, 1));
        }
    });
}

#[test]
fn while_connecting() {
    each_seed(|world| {
        for by in WAYS {
            let (server, target) = (world.deaf(), by.path("connect"));
            world.route(&target, &[&server], |route, _| route.timeouts.connect = None);
            let request = get(&target);
            world.client(START, move |dial| leave(dial, request, by));
            is_told(world, target, 499, "CC", START + STAY);
            is_reset(world, &server);
        }
    });
}

/// Reads until the proxy ends the connection, and expects a reset.
async fn abandoned(mut conn: Conn) -> io::Result<()> {
    assert_eq!(conn.ended().await, End::Reset, "a part must not look like the whole");
    Ok(())
}

#[test]
fn while_sending_the_body() {
    each_seed(|world| {
        for by in WAYS {
            for fields in ["Content-Length: 9\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"]
            {
                let server = world.serve(abandoned);
                let target = format!("{}/{}", by.path("body"), fields.len());
                world.route(&target, &[&server], |_, _| {});
                let request = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{fields}");
                world.client(START, move |dial| leave(dial, request, by));
                is_told(world, target, 499, "CH", START + STAY);
                is_reset(world, &server);
            }
        }
    });
}

#[test]
fn while_waiting_for_the_head() {
    each_seed(|world| {
        for by in WAYS {
            let (server, target) = (world.serve(abandoned), by.path("head"));
            world.route(&target, &[&server], |_, _| {});
            let request = get(&target);
            world.client(START, move |dial| leave(dial, request, by));
            is_told(world, target, 499, "CH", START + STAY);
            is_reset(world, &server);
        }
    });
}

#[test]
fn in_the_response() {
    each_seed(|world| {
        for by in WAYS {
            let server = world.serve(|mut conn| async move {
                conn.request().await?;
                conn.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart").await?;
                abandoned(conn).await
            });
            let target = by.path("response");
            world.route(&target, &[&server], |_, _| {});
            let request = get(&target);
            world.client(START, move |dial| async move {
                let mut wire = dial.proxy().await?;
                wire.send(request).await?;
                sleep(STAY).await;
                wire.more().await?;
                by.leave(wire);
                Ok(())
            });
            is_told(world, target, 200, "CD", START + STAY);
            is_reset(world, &server);
        }
    });
}

#[test]
fn with_the_response_held_back_because_it_does_not_read() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(endless);
        world.route("/", &[&server], |_, _| {});
        world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(get("/stalls")).await?;
            sleep(Duration::from_secs(5)).await;
            wire.stream.reset();
            Ok(())
        });
        // A writer that is blocked must still hear of its reader's death.
        is_told(world, "/stalls".into(), 200, "CD", START + Duration::from_secs(5));
        is_reset(world, &server);
        world.then(move |story| assert!(story.xray().to(server.addr)[0].octets_in < ENDLESS as u64));
    });
}

#[test]
fn a_client_that_said_close_or_speaks_1_0_is_only_done_sending() {
    each_seed(|world| {
        let slow = world.serve(|mut conn| async move {
            let target = conn.request().await?.unwrap().target().to_owned();
            sleep(STAY * 2).await;
            conn.answer(&target).await
        });
        world.route("/", &[&slow], |_, _| {});
        let requests = [
            ("/close", "GET /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            ("/1.0", "GET /1.0 HTTP/1.0\r\n\r\n"),
        ];
        for (target, request) in requests {
            let answer = world.client(START, move |dial| async move {
                let mut wire = dial.proxy().await?;
                wire.send(request).await?;
                wire.finish().await?;
                Ok(wire.message(Kind::Response).await?.unwrap())
            });
            world.then(move |story| {
                assert_eq!(answer.take().unwrap().text(), target);
                assert_eq!(story.told(target), (200, "ok", "--".into()));
            });
        }
    });
}

#[test]
fn whoever_left_does_not_disturb_those_who_stay() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let hung = world.serve(abandoned);
        world.route("/hung", &[&hung], |_, _| {});
        for number in 0..10 {
            let by = WAYS[number as usize % 2];
            let at = START + Duration::from_millis(37) * number;
            world.client(at, move |dial| leave(dial, get("/hung"), by));
        }
        let answers = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            let began = now();
            for number in 0..20 {
                let target = format!("/{number}");
                let answer = crate::world::ask(&mut wire, &get(&target)).await?;
                assert_eq!(answer.message.text(), target);
                assert!(answer.took < dial.weather.way() * 6, "it took {:?}", answer.took);
            }
            Ok(now() - began)
        });
        world.then(move |_| assert!(answers.take().is_some()));
    });
}
