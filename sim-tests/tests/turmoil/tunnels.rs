//! After a 101: octets both ways without a message, each way ended by itself.

use crate::each_seed;
use crate::net::Stream;
use crate::origin::{Conn, now};
use crate::wire::Wire;
use crate::wire::{End, Kind};
use crate::world::{Dial, ask};
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const START: Duration = Duration::from_millis(100);
const UPGRADE: &str = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

async fn switch(conn: &mut Conn) -> io::Result<()> {
    let request = conn.request().await?.expect("it was asked");
    assert_eq!((request.field("upgrade"), request.field("connection")), (Some("echo"), Some("upgrade")));
    conn.say(SWITCH).await
}

async fn upgraded(dial: &Dial) -> io::Result<Wire<Stream>> {
    let mut wire = dial.proxy().await?;
    let answer = ask(&mut wire, UPGRADE).await?.message;
    assert_eq!((answer.status(), answer.field("upgrade")), (101, Some("echo")));
    Ok(wire)
}

#[test]
fn octets_go_both_ways_and_each_way_ends_by_itself() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            switch(&mut conn).await?;
            while conn.wire.more().await? > 0 {}
            let heard = conn.wire.take();
            // The client has ended its way; ours goes on.
            sleep(Duration::from_secs(3)).await;
            conn.say(heard).await?;
            conn.say("!").await
        });
        world.route("/", &[&server], |_, _| {});
        let said = world.client(START, |dial| async move {
            let mut wire = upgraded(&dial).await?;
            for word in ["any ", "\0\r\n\r\n", " octets"] {
                wire.send(word).await?;
                sleep(dial.weather.way()).await;
            }
            wire.finish().await?;
            let end = wire.end().await;
            Ok((wire.take(), end))
        });
        world.then(move |story| {
            let (said, end) = said.take().unwrap();
            assert_eq!((said.as_slice(), end), (&b"any \0\r\n\r\n octets!"[..], End::Short));
            assert_eq!(story.told("/tunnel"), (101, "ok", "--".into()));
        });
    });
}

#[test]
fn the_server_may_end_its_way_first() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            switch(&mut conn).await?;
            conn.say("all I have").await?;
            conn.wire.finish().await?;
            let heard = conn.wire.exactly(5).await?;
            assert_eq!((heard.as_slice(), conn.ended().await), (&b"later"[..], End::Short));
            Ok(())
        });
        world.route("/", &[&server], |_, _| {});
        let said = world.client(START, |dial| async move {
            let mut wire = upgraded(&dial).await?;
            assert_eq!(wire.end().await, End::Short);
            sleep(Duration::from_secs(3)).await;
            wire.send("later").await?;
            wire.finish().await?;
            Ok(wire.take())
        });
        world.then(move |story| {
            assert_eq!(said.take().unwrap(), b"all I have");
            assert_eq!(story.told("/tunnel"), (101, "ok", "--".into()));
        });
    });
}

#[test]
fn what_was_sent_too_early_on_either_side_is_the_tunnels_first() {
    each_seed(|world| {
        let server = world.serve(|mut conn| async move {
            conn.request().await?;
            conn.say(SWITCH.to_owned() + "server first").await?;
            assert_eq!(conn.wire.exactly(12).await?, b"client first");
            Ok(())
        });
        world.route("/", &[&server], |_, _| {});
        let heard = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            wire.send(UPGRADE.to_owned() + "client first").await?;
            assert_eq!(wire.message(Kind::Response).await?.unwrap().status(), 101);
            wire.exactly(12).await
        });
        world.then(move |_| assert_eq!(heard.take().unwrap(), b"server first"));
    });
}

#[test]
fn a_reset_of_one_end_reaches_the_other() {
    each_seed(|world| {
        let resetting = world.serve(|mut conn| async move {
            switch(&mut conn).await?;
            conn.say("part").await?;
            conn.reset();
            Ok(())
        });
        let deserted = world.serve(|mut conn| async move {
            switch(&mut conn).await?;
            assert_eq!(conn.ended().await, End::Reset);
            Ok(())
        });
        world.route("/tunnel/by-server", &[&resetting], |_, _| {});
        world.route("/tunnel/by-client", &[&deserted], |_, _| {});
        let by_server = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &UPGRADE.replace("/tunnel", "/tunnel/by-server")).await?;
            let end = wire.end().await;
            Ok((wire.take(), end))
        });
        world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            ask(&mut wire, &UPGRADE.replace("/tunnel", "/tunnel/by-client")).await?;
            wire.stream.reset();
            Ok(())
        });
        world.then(move |story| {
            assert_eq!(by_server.take().unwrap(), (b"part".to_vec(), End::Reset));
            assert_eq!(story.told("/tunnel/by-server"), (101, "upstream_reset", "SD".into()));
            assert_eq!(story.told("/tunnel/by-client"), (101, "client_aborted", "CD".into()));
        });
    });
}

#[test]
fn an_upgrade_that_the_server_declines_is_a_request_like_any_other() {
    each_seed(|world| {
        let server = world.serve(crate::origin::healthy);
        world.route("/", &[&server], |_, _| {});
        let answers = world.client(START, |dial| async move {
            let mut wire = dial.proxy().await?;
            let first = ask(&mut wire, UPGRADE).await?.message;
            let second = ask(&mut wire, &crate::wire::get("/next")).await?.message;
            Ok((first.status(), first.text(), second.text()))
        });
        world.then(move |_| {
            assert_eq!(answers.take().unwrap(), (200, "/tunnel".into(), "/next".into()));
        });
    });
}

#[test]
fn much_goes_through_both_ways_at_once_however_narrow_they_are() {
    /// A piece, and how many of them.
    const PIECE: usize = 16 * 1024;
    const PIECES: usize = 100;
    each_seed(|world| {
        world.narrow();
        let server = world.serve(|mut conn| async move {
            switch(&mut conn).await?;
            // An echo: what comes out must have gone in.
            let mut passed = 0;
            while passed < PIECE * PIECES {
                let octets = conn.wire.exactly(PIECE).await?;
                passed += octets.len();
                conn.say(octets).await?;
            }
            Ok(())
        });
        world.route("/", &[&server], |_, _| {});
        let took = world.client(START, |dial| async move {
            let began = now();
            let wire = upgraded(&dial).await?;
            let (mut reader, mut writer) = tokio::io::split(wire.stream);
            let send = async {
                for number in 0..PIECES {
                    let piece = [u8::try_from(number).unwrap(); PIECE];
                    tokio::io::AsyncWriteExt::write_all(&mut writer, &piece).await?;
                }
                io::Result::Ok(())
            };
            let receive = async {
                let mut all = vec![0; PIECE * PIECES];
                tokio::io::AsyncReadExt::read_exact(&mut reader, &mut all).await?;
                for (number, piece) in all.chunks(PIECE).enumerate() {
                    assert!(
                        piece.iter().all(|octet| usize::from(*octet) == number),
                        "piece {number} is wrong"
                    );
                }
                io::Result::Ok(())
            };
            tokio::try_join!(send, receive)?;
            Ok(now() - began)
        });
        world.then(move |_| assert!(took.take().unwrap() < Duration::from_secs(60)));
    });
}
