//! Servers that die: silently, with the network holding everything back, or audibly, with their kernel closing what
//! they had open. And servers that come back.

use crate::each_seed;
use crate::origin::{Conn, Door, healthy};
use crate::story::Story;
use crate::wire::{End, get, with_length};
use crate::world::{Dial, PROXY, ask};
use crate::xray::assert_due;
use crate::{World, wire};
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);
const READ: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(1);
/// When the server dies.
const DEATH: Duration = Duration::from_secs(3);

const MORTAL: &str = "mortal";

/// Dies without a word: nothing of what it sent or was sent arrives any more.
fn dies_silently(world: &mut World) {
    world.at(DEATH, |sim| sim.hold(PROXY, MORTAL));
    world.at(DEATH + Duration::from_millis(500), |sim| sim.crash(MORTAL));
}

/// Its process ends, and its kernel closes its connections.
fn dies_audibly(world: &mut World) {
    world.at(DEATH, |sim| sim.crash(MORTAL));
}

/// Where a server is when it dies: waiting for requests, or with one on its hands.
async fn mortal(mut conn: Conn) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        match request.target().rsplit('/').next().unwrap_or_default() {
            "before-head" => conn.hang().await?,
            "after-head" => {
                conn.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await?;
                conn.hang().await?;
            }
            "in-body" => {
                conn.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart").await?;
                conn.hang().await?;
            }
            _ => conn.answer("well").await?,
        }
    }
    Ok(())
}

/// Asks something now, and something else on the same connection when the server is dead.
async fn outlive(dial: Dial, before: String, after: String) -> io::Result<wire::Message> {
    let mut client = dial.proxy().await?;
    ask(&mut client, &before).await?;
    sleep(DEATH + Duration::from_secs(1) - crate::origin::now()).await;
    Ok(ask(&mut client, &after).await?.message)
}

#[test]
fn a_silent_death_is_found_out_by_waiting_for_the_last_time() {
    each_seed(|world| {
        let server = world.serve_on(MORTAL, Door::Open, mortal);
        dies_silently(world);
        let phases = [
            ("/before-head", 504, "sH", ""),
            ("/after-head", 200, "sD", ""),
            ("/in-body", 200, "sD", "part"),
        ];
        for (target, status, letters, part) in phases {
            world.route(target, &[&server], |_, _| {});
            let answer = world.asks(START, &get(target));
            world.then(move |story| {
                let answer = answer.take().unwrap();
                assert_eq!(answer.message.status(), status, "{target}");
                assert_eq!(story.told(target), (status, "upstream_read_timeout", letters.into()));
                if status == 200 {
                    assert_eq!((answer.message.text().as_str(), answer.message.end), (part, End::Short));
                }
            });
        }
        world.then(move |story| {
            let cut = story.xray().to(server.addr);
            assert_eq!(cut.len(), 3);
            cut.iter().for_each(|link| assert_due(link.idle(), READ));
        });
    });
}

#[test]
fn a_pooled_connection_to_the_silently_dead_swallows_a_request() {
    each_seed(|world| {
        dies_silently(world);
        for (target, request) in [("/get", get("/get")), ("/post", with_length("POST", "/post", "content"))] {
            let server = world.serve_on(MORTAL, Door::Open, mortal);
            world.route(target, &[&server], |_, _| {});
            let warm_up = get(&format!("{target}/warm"));
            let answer = world.client(START, |dial| outlive(dial, warm_up, request));
            world.then(move |story: &Story| {
                // It was sent, and nobody knows how far it came: it is not sent again, whatever the method.
                assert_eq!(answer.take().unwrap().status(), 504);
                assert_eq!(story.told(target), (504, "upstream_read_timeout", "sH".into()));
                assert_eq!(story.outcome(target).attempts.len(), 1);
                assert_eq!(server.requests_for(target), 0);
                assert_due(story.xray().to(server.addr)[0].idle(), READ);
            });
        }
    });
}

#[test]
fn connecting_to_the_silently_dead_is_given_up_after_a_second_or_goes_elsewhere() {
    each_seed(|world| {
        let dead = world.serve_on(MORTAL, Door::Open, mortal);
        let alive = world.serve(healthy);
        dies_silently(world);
        world.route("/only", &[&dead], |_, _| {});
        world.route("/both", &[&dead, &alive], |_, _| {});
        let only = world.asks(DEATH + Duration::from_secs(1), &get("/only"));
        let both = world.asks(DEATH + Duration::from_secs(1), &get("/both"));
        world.then(move |story| {
            assert_eq!(only.take().unwrap().message.status(), 504);
            assert_eq!(story.told("/only"), (504, "connect_timeout", "sC".into()));
            assert_due(story.outcome("/only").attempts[0].took, CONNECT);
            assert_eq!(both.take().unwrap().message.text(), "/both");
        });
    });
}

#[test]
fn an_audible_death_ends_what_was_going_on_at_once() {
    each_seed(|world| {
        let server = world.serve_on(MORTAL, Door::Open, mortal);
        dies_audibly(world);
        let phases = [
            ("/before-head", 502, "SH", ""),
            ("/after-head", 200, "SD", ""),
            ("/in-body", 200, "SD", "part"),
        ];
        for (target, status, letters, part) in phases {
            world.route(target, &[&server], |_, _| {});
            let answer = world.asks(START, &get(target));
            world.then(move |story| {
                let answer = answer.take().unwrap();
                assert_eq!(answer.message.status(), status, "{target}");
                assert_eq!(story.told(target), (status, "upstream_closed_early", letters.into()));
                assert!(answer.took < DEATH + story.weather.way() * 4, "it took {:?}", answer.took);
                if status == 200 {
                    assert_eq!((answer.message.text().as_str(), answer.message.end), (part, End::Short));
                }
            });
        }
    });
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    each_seed(|world| {
        let server = world.serve_on(MORTAL, Door::Open, healthy);
        let alive = world.serve(healthy);
        world.route("/only", &[&server], |_, _| {});
        world.route("/both", &[&server, &alive], |_, _| {});
        dies_audibly(world);
        // While it is down, nobody takes what is sent to its host: connecting is not answered.
        world.at(DEATH * 2, |sim| sim.bounce(MORTAL));
        let times = [("before", START), ("during", DEATH + Duration::from_secs(1)), ("after", DEATH * 3)];
        for (when, at) in times {
            for path in ["/only", "/both"] {
                let target = format!("{path}/{when}");
                let answer = world.asks(at, &get(&target));
                let is_down = when == "during" && path == "/only";
                world.then(move |_| {
                    let status = answer.take().unwrap().message.status();
                    assert_eq!(status, if is_down { 504 } else { 200 }, "{target}");
                });
            }
        }
        world.then(move |_| assert_eq!(server.requests_for("/only/after"), 1));
    });
}
