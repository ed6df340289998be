//! Several requests at once on one connection: answered in order, whatever their servers do.

use crate::World;
use crate::each_seed;
use crate::origin::{Place, healthy};
use crate::trouble::{Framed, Trouble, serve};
use crate::wire::{End, Kind, Message, get, with_chunks, with_length};
use crate::world::Dial;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);

/// Sends all at once and reads so many answers, and then the end if it comes.
async fn pipeline(dial: Dial, requests: String, answers: usize) -> io::Result<Vec<Message>> {
    let mut wire = dial.proxy().await?;
    wire.send(requests).await?;
    let mut all = Vec::new();
    while all.len() < answers {
        match wire.message(Kind::Response).await? {
            Some(answer) => all.push(answer),
            None => break,
        }
    }
    Ok(all)
}

fn ill(world: &mut World, trouble: Trouble) -> Place {
    world.serve(move |conn| serve(conn, trouble, Framed::Length, false))
}

#[test]
fn answers_come_in_the_order_of_the_requests_however_slow_the_first_one_is() {
    each_seed(|world| {
        let slow = world.serve(|mut conn| async move {
            conn.request().await?;
            sleep(Duration::from_secs(2)).await;
            conn.answer("/slow").await
        });
        let fast = world.serve(healthy);
        world.route("/slow", &[&slow], |_, _| {});
        world.route("/", &[&fast], |_, _| {});
        let requests = [
            get("/slow"),
            with_length("POST", "/post", "GET / HTTP/1.1\r\n\r\n"),
            with_chunks("POST", "/chunks", &["5\r\nhello", "\r\n0\r\n\r\n"]),
            get("/last"),
        ];
        let answers = world.client(START, move |dial| pipeline(dial, requests.concat(), 4));
        world.then(move |story| {
            let texts: Vec<_> = answers.take().unwrap().iter().map(Message::text).collect();
            assert_eq!(texts, ["/slow", "/post", "/chunks", "/last"]);
            assert_eq!(story.outcomes().count(), 4);
        });
    });
}

#[test]
fn fifty_requests_octet_by_octet_are_fifty_answers() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let answers = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            let requests: String = (0..50).map(|number| get(&format!("/{number}"))).collect();
            // In pieces that break every line somewhere.
            for piece in requests.as_bytes().chunks(7) {
                wire.send(piece).await?;
            }
            let mut texts = Vec::new();
            for _ in 0..50 {
                texts.push(wire.message(Kind::Response).await?.unwrap().text());
            }
            Ok(texts)
        });
        world.then(move |_| {
            let expected: Vec<_> = (0..50).map(|number| format!("/{number}")).collect();
            assert_eq!(answers.take().unwrap(), expected);
            assert_eq!(server.seen().connections, 1);
        });
    });
}

#[test]
fn a_failure_that_is_answered_does_not_stop_those_behind_it() {
    each_seed(|world| {
        let (dead, alive) = (world.nobody(), world.serve(healthy));
        world.route("/dead", &[&dead], |_, _| {});
        world.route("/alive", &[&alive], |_, _| {});
        let requests = get("/dead") + &get("/nowhere") + &get("/alive");
        let answers = world.client(START, move |dial| pipeline(dial, requests, 3));
        world.then(move |_| {
            let statuses: Vec<_> = answers.take().unwrap().iter().map(Message::status).collect();
            assert_eq!(statuses, [502, 404, 200]);
        });
    });
}

#[test]
fn behind_a_cut_answer_nothing_comes_and_nothing_is_sent() {
    each_seed(|world| {
        let (cut, alive) = (ill(world, Trouble::FinInBody), world.serve(healthy));
        world.route("/cut", &[&cut], |_, _| {});
        world.route("/", &[&alive], |_, _| {});
        let requests = get("/cut") + &with_length("POST", "/behind", "content");
        let answers = world.client(START, move |dial| pipeline(dial, requests, 1));
        world.then(move |story| {
            let answers = answers.take().unwrap();
            assert_eq!((answers[0].status(), answers[0].end), (200, End::Short));
            assert_eq!((alive.requests_for("/behind"), story.outcomes().count()), (0, 1));
        });
    });
}

#[test]
fn behind_a_request_that_says_close_nothing_is_served() {
    each_seed(|world| {
        let server = world.serve(healthy);
        world.route("/", &[&server], |_, _| {});
        let requests =
            "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned() + &get("/behind");
        let answers = world.client(START, move |dial| pipeline(dial, requests, 2));
        world.then(move |_| {
            let texts: Vec<_> = answers.take().unwrap().iter().map(Message::text).collect();
            assert_eq!(texts, ["/last"]);
            assert_eq!(server.requests_for("/behind"), 0);
        });
    });
}

#[test]
fn a_pipelined_request_does_not_use_up_the_time_of_the_one_before_it() {
    each_seed(|world| {
        // Two exchanges of 20 s each: `total` is 30 s, for each of them.
        let slow = world.serve(|mut conn| async move {
            while let Some(request) = conn.request().await? {
                for piece in ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "sl", "ow"] {
                    sleep(Duration::from_millis(6_666)).await;
                    conn.say(piece).await?;
                }
                assert!(request.target().starts_with('/'));
            }
            Ok(())
        });
        world.route("/", &[&slow], |_, _| {});
        let requests = get("/one") + &get("/two");
        let answers = world.client(START, move |dial| pipeline(dial, requests, 2));
        world.then(move |story| {
            let texts: Vec<_> = answers.take().unwrap().iter().map(Message::text).collect();
            assert_eq!(texts, ["slow", "slow"]);
            assert!(story.outcomes().all(|outcome| outcome.reason.as_str() == "ok"));
        });
    });
}
