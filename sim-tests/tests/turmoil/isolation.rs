//! Backpressure: who stalls, stalls its own peer and nobody else. How many octets are held on the way is counted in
//! `byte_windows`; here a connection holds so many writes.

use crate::World;
use crate::each_seed;
use crate::origin::{ENDLESS, endless, healthy};
use crate::story::Story;
use crate::wire::{End, Kind, get};
use crate::world::{NARROW, ask};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);

/// Clients that ask again and again while others stall; the longest that any of them waited.
fn busy_clients(world: &mut World) -> Vec<Rc<RefCell<Option<Duration>>>> {
    let server = world.serve(healthy);
    world.route("/busy", &[&server], |_, _| {});
    let client = |number: u32| {
        world.client(START * number, move |dial| async move {
            let mut wire = dial.proxy().await?;
            let mut longest = Duration::ZERO;
            for request in 0..20 {
                let target = format!("/busy/{number}/{request}");
                let answer = ask(&mut wire, &get(&target)).await?;
                assert_eq!(answer.message.text(), target);
                longest = longest.max(answer.took);
                sleep(Duration::from_millis(100)).await;
            }
            Ok(longest)
        })
    };
    (1..5).map(client).collect()
}

/// A request and its answer take four messages, and the first one a connect.
fn assert_unhindered(story: &Story, clients: Vec<Rc<RefCell<Option<Duration>>>>) {
    for client in clients {
        let longest = client.take().expect("the client is done");
        assert!(longest <= story.weather.way() * 5, "somebody waited {longest:?}");
    }
}

#[test]
fn a_client_that_does_not_read_stalls_its_own_server_and_nobody_else() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(endless);
        world.route("/", &[&server], |_, _| {});
        let stalling: Vec<_> = (0..3)
            .map(|number| {
                world.client(START, move |dial| async move {
                    let mut wire = dial.proxy().await?;
                    wire.send(get(&format!("/{number}"))).await?;
                    sleep(Duration::from_secs(8)).await;
                    let answer = wire.message(Kind::Response).await?.unwrap();
                    Ok((answer.content.len(), answer.end))
                })
            })
            .collect();
        let busy = busy_clients(world);
        world.then(move |story| {
            for client in stalling {
                assert_eq!(
                    client.take().unwrap(),
                    (ENDLESS, End::Whole),
                    "what was held back came in the end"
                );
            }
            assert_unhindered(story, busy);
            assert_held_little(story);
        });
    });
}

#[test]
fn a_server_that_does_not_read_stalls_its_own_client_and_nobody_else() {
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|mut conn| async move {
            sleep(Duration::from_secs(8)).await;
            let request = conn.request().await?.unwrap();
            conn.answer(&request.content.len().to_string()).await
        });
        world.route("/", &[&server], |_, _| {});
        let stalled: Vec<_> = (0..3)
            .map(|number| {
                world.client(START, move |dial| async move {
                    let mut wire = dial.proxy().await?;
                    wire.upload(&format!("/{number}"), ENDLESS).await?;
                    Ok(wire.message(Kind::Response).await?.unwrap().text())
                })
            })
            .collect();
        let busy = busy_clients(world);
        world.then(move |story| {
            for client in stalled {
                assert_eq!(client.take().unwrap(), ENDLESS.to_string());
            }
            assert_unhindered(story, busy);
            assert_held_little(story);
        });
    });
}

/// Of each stalled exchange a read or two, and not what its peer could have sent.
fn assert_held_little(story: &Story) {
    let held = story.xray().buffered_max as u64;
    let most = 3 * 2 * u64::from(story.config.limits.buffer_bytes + story.config.limits.head_bytes);
    assert!(held <= most, "{held} octets were held");
    assert!(most < ENDLESS as u64 && NARROW * 32 * 1024 < ENDLESS, "the test would prove nothing");
}
