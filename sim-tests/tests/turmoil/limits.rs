//! Limits on connections that count for all workers of a process, and the queue before them.

use crate::each_seed;
use crate::origin::{Conn, healthy};
use crate::wire::{Kind, get};
use crate::world::ask;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);
const WORK: Duration = Duration::from_millis(100);

/// Takes `WORK` for each request.
async fn working(mut conn: Conn) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        sleep(WORK).await;
        conn.answer(request.target()).await?;
    }
    Ok(())
}

#[test]
fn a_limit_of_one_connection_holds_across_two_workers_and_starves_neither() {
    each_seed(|world| {
        world.crew_size = 2;
        let server = world.serve(working);
        world.route("/", &[&server], |route, cluster| {
            cluster.endpoints[0].max_connections = Some(1);
            route.timeouts.queue = Some(Duration::from_secs(25));
        });
        let answers: Vec<_> = (0u16..6)
            .map(|number| {
                world.client(START, move |dial| async move {
                    let mut wire = dial.worker(number % 2).await?;
                    for request in 0..3 {
                        let target = format!("/{number}/{request}");
                        assert_eq!(ask(&mut wire, &get(&target)).await?.message.text(), target);
                    }
                    Ok(crate::origin::now())
                })
            })
            .collect();
        world.then(move |story| {
            answers.iter().for_each(|answer| assert!(answer.borrow().is_some()));
            assert_eq!(story.open_max(server.addr), 1, "more connections were open than may be");
            assert_eq!(server.seen().requests.len(), 18);
            // Each worker got the only connection again and again.
            assert!(story.outcomes().all(|outcome| outcome.reason.as_str() == "ok"));
        });
    });
}

#[test]
fn a_limit_of_two_is_used_to_the_full() {
    each_seed(|world| {
        world.crew_size = 2;
        let server = world.serve(working);
        world.route("/", &[&server], |_, cluster| cluster.endpoints[0].max_connections = Some(2));
        for worker in 0..2 {
            world.client(START, move |dial| async move {
                let mut wire = dial.worker(worker).await?;
                for request in 0..5 {
                    ask(&mut wire, &get(&format!("/{worker}/{request}"))).await?;
                }
                Ok(())
            });
        }
        world.then(move |story| {
            assert_eq!(story.open_max(server.addr), 2);
            assert_eq!(server.seen().connections, 2, "nobody had to give a connection up");
            assert!(story.outcomes().all(|outcome| outcome.times().queue == Duration::ZERO));
        });
    });
}

#[test]
fn what_is_queued_is_served_in_order() {
    each_seed(|world| {
        let server = world.serve(working);
        world.route("/", &[&server], |route, cluster| {
            cluster.endpoints[0].max_connections = Some(1);
            route.timeouts.queue = Some(Duration::from_secs(20));
        });
        let apart = world.weather.way() * 2;
        for number in 0..5 {
            world.asks(START + apart * number, &get(&format!("/{number}")));
        }
        world.then(move |_| {
            let seen = server.seen();
            let order: Vec<_> = seen.requests.iter().map(|(_, request)| request.target()).collect();
            assert_eq!(order, ["/0", "/1", "/2", "/3", "/4"]);
        });
    });
}

#[test]
fn what_is_over_the_queues_limit_is_a_503_at_once() {
    each_seed(|world| {
        let server = world.serve(|conn| async move { conn.hang().await });
        world.route("/", &[&server], |_, cluster| {
            cluster.endpoints[0].max_connections = Some(1);
            cluster.max_queue = 2;
        });
        let apart = world.weather.way() * 2;
        let first = world.asks(START, &get("/first"));
        let late: Vec<_> =
            (1u32..4).map(|number| world.asks(START + apart * number, &get(&format!("/{number}")))).collect();
        world.then(move |story| {
            assert_eq!(first.take().unwrap().message.status(), 504);
            let statuses = late.iter().map(|answer| answer.take().unwrap());
            let statuses: Vec<_> = statuses.map(|answer| (answer.message.status(), answer.took)).collect();
            assert!(statuses.iter().all(|(status, _)| *status == 503));
            assert_eq!(story.told("/1").1, "queue_timeout");
            assert_eq!(story.told("/2").1, "queue_timeout");
            assert_eq!(story.told("/3"), (503, "queue_full", "SQ".into()));
            assert!(statuses[2].1 < apart * 3, "it took {:?}", statuses[2].1);
        });
    });
}

#[test]
fn a_client_over_the_limit_waits_for_another_to_leave_on_whichever_worker() {
    each_seed(|world| {
        world.crew_size = 2;
        world.config.limits.client_connections = Some(1);
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        const STAY: Duration = Duration::from_secs(5);
        world.client(START, |dial| async move {
            let mut wire = dial.worker(0).await?;
            ask(&mut wire, &get("/first")).await?;
            sleep(STAY).await;
            Ok(())
        });
        let waits = [0, 1].map(|worker| {
            world.client(START * 6, move |dial| async move {
                let mut wire = dial.worker(worker).await?;
                wire.send(get(&format!("/{worker}"))).await?;
                let answer = wire.message(Kind::Response).await?.unwrap();
                assert_eq!(answer.text(), format!("/{worker}"));
                Ok(crate::origin::now())
            })
        });
        world.then(move |_| {
            for served in waits {
                let served = served.take().unwrap();
                assert!(served >= START + STAY, "it was served at {served:?}");
            }
        });
    });
}
