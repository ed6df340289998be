//! The next server, when one can't be reached, and the second try, when a pooled connection proves dead.

use crate::each_seed;
use crate::origin::{Door, Place, healthy};
use crate::trouble::{CONTENT, Framed, Trouble, serve};
use crate::wire::{get, with_chunks, with_length};
use crate::world::ask;
use crate::xray::assert_due;
use proxy_core::{AttemptResult, NetError};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::sleep;

const CONNECT: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_millis(100);

/// Every request that has a body and may not be sent twice, and one that may.
fn requests(path: &str) -> [(String, String); 3] {
    let target = |method: &str| format!("{path}/{method}");
    [
        (target("get"), get(&target("get"))),
        (target("post"), with_length("POST", &target("post"), CONTENT)),
        (target("chunks"), with_chunks("POST", &target("chunks"), &["hello, ", "world"])),
    ]
}

#[test]
fn a_server_that_refuses_is_passed_over_for_the_next_one_whatever_the_method() {
    each_seed(|world| {
        for (target, request) in requests("") {
            let (dead, alive) = (world.nobody(), world.serve(healthy));
            world.route(&target, &[&dead, &alive], |_, _| {});
            let answer = world.asks(START, &request);
            world.then(move |story| {
                let answer = answer.take().unwrap();
                assert_eq!((answer.message.status(), answer.message.text()), (200, target.clone()));
                assert!(answer.took < story.weather.way() * 8, "{target} took {:?}", answer.took);
                assert_eq!(alive.requests_for(&target), 1);
                let first = &story.outcome(&target).attempts[0];
                // Either may come first.
                if story.outcome(&target).attempts.len() == 2 {
                    assert_eq!(first.result, AttemptResult::ConnectFailed(NetError::Refused));
                }
            });
        }
    });
}

#[test]
fn both_orders_of_a_dead_and_a_live_server_come_up() {
    each_seed(|world| {
        let (dead, alive) = (world.nobody(), world.serve(healthy));
        world.route("/", &[&dead, &alive], |_, _| {});
        for number in 0..4 {
            let request = format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
            world.asks(START + Duration::from_millis(10) * number, &request);
        }
        world.then(|story| {
            let tries = |number: u32| story.outcome(&format!("/{number}")).attempts.len();
            let all: Vec<_> = (0..4).map(tries).collect();
            assert!(all.contains(&2), "the dead server was never tried: {all:?}");
            assert!(story.outcomes().all(|outcome| outcome.status == Some(200)));
        });
    });
}

#[test]
fn when_every_server_refuses_each_was_tried_once() {
    each_seed(|world| {
        let dead: Vec<Place> = (0..3).map(|_| world.nobody()).collect();
        world.route("/", &dead.iter().collect::<Vec<_>>(), |_, _| {});
        let answer = world.asks(START, &with_length("POST", "/dead", CONTENT));
        world.then(move |story| {
            assert_eq!(answer.take().unwrap().message.status(), 502);
            assert_eq!(story.told("/dead"), (502, "connect_refused", "SC".into()));
            let mut tried: Vec<_> =
                story.outcome("/dead").attempts.iter().map(|attempt| attempt.endpoint.id.index()).collect();
            tried.sort_unstable();
            assert_eq!(tried, [0, 1, 2]);
        });
    });
}

#[test]
fn a_server_that_does_not_answer_is_passed_over_after_a_second() {
    each_seed(|world| {
        for (target, request) in requests("") {
            let (deaf, alive) = (world.deaf(), world.serve(healthy));
            world.route(&target, &[&deaf, &alive], |_, _| {});
            let answer = world.asks(START, &request);
            world.then(move |story| {
                assert_eq!(answer.take().unwrap().message.text(), target);
                assert_eq!(alive.requests_for(&target), 1);
                let attempts = &story.outcome(&target).attempts;
                if let [first, second] = &attempts[..] {
                    assert_due(first.took, CONNECT);
                    assert_eq!(first.result, AttemptResult::ConnectFailed(NetError::TimedOut));
                    assert_eq!(second.result, AttemptResult::Ok);
                }
            });
        }
    });
}

#[test]
fn the_last_of_several_troubles_is_the_one_that_is_told() {
    each_seed(|world| {
        let (deaf, dead) = (world.deaf(), world.nobody());
        world.route("/", &[&deaf, &dead], |_, _| {});
        let answer = world.asks(START, &get("/both"));
        world.then(move |story| {
            let attempts = &story.outcome("/both").attempts;
            let last = attempts.last().unwrap();
            let (status, reason) = match last.result {
                AttemptResult::ConnectFailed(NetError::Refused) => (502, "connect_refused"),
                AttemptResult::ConnectFailed(NetError::TimedOut) => (504, "connect_timeout"),
                other => panic!("{other:?}"),
            };
            assert_eq!(attempts.len(), 2);
            assert_eq!(answer.take().unwrap().message.status(), status);
            assert_eq!(story.told("/both").1, reason);
        });
    });
}

#[test]
fn a_request_that_reached_a_server_is_not_tried_elsewhere() {
    each_seed(|world| {
        for trouble in [Trouble::FinBeforeHead, Trouble::ResetBeforeHead, Trouble::Garbage] {
            for (target, request) in requests(&format!("/{trouble:?}")) {
                let ill = || move |conn| serve(conn, trouble, Framed::Length, false);
                let (one, two) = (world.serve(ill()), world.serve(ill()));
                world.route(&target, &[&one, &two], |_, _| {});
                let answer = world.asks(START, &request);
                world.then(move |story| {
                    assert_eq!(answer.take().unwrap().message.status(), 502, "{target}");
                    assert_eq!(story.outcome(&target).attempts.len(), 1, "{target}");
                    assert_eq!(one.requests_for(&target) + two.requests_for(&target), 1, "{target}");
                });
            }
        }
    });
}

#[test]
fn a_request_on_a_stale_connection_may_find_its_server_gone_and_the_next_one_well() {
    each_seed(|world| {
        for (target, request) in requests("") {
            let is_post = request.starts_with("POST");
            let place = |world: &mut crate::World| {
                let first = Cell::new(true);
                // The only connection ends with its second request; then nobody is there.
                world.serve_behind(Door::ClosesAfter(1), move |conn| {
                    serve(conn, Trouble::FinBeforeHead, Framed::Length, first.replace(false))
                })
            };
            let (leaving, staying) = (place(world), world.serve(healthy));
            world.route(&format!("{target}/only"), &[&leaving], |_, _| {});
            world.route(&target, &[&leaving, &staying], |_, _| {});
            let warm_up = get(&format!("{target}/warm"));
            let answer = world.client(START, move |dial| async move {
                let mut wire = dial.proxy().await?;
                // Both servers' connections are in the pool.
                for _ in 0..2 {
                    ask(&mut wire, &warm_up).await?;
                    sleep(dial.weather.way() * 2).await;
                }
                ask(&mut wire, &request).await
            });
            world.then(move |story| {
                let answer = answer.take().unwrap().message;
                let sent = leaving.requests_for(&target) + staying.requests_for(&target);
                let met_the_leaving_one = leaving.requests_for(&target) > 0;
                if is_post && met_the_leaving_one {
                    assert_eq!((answer.status(), sent), (502, 1), "{target}");
                } else {
                    assert_eq!(answer.status(), 200, "{target}");
                }
                assert!(sent == 1 || !is_post, "{target} was sent {sent} times");
                if met_the_leaving_one && !is_post {
                    assert_eq!(story.outcome(&target).attempts[0].result, AttemptResult::Stale);
                }
            });
        }
    });
}
