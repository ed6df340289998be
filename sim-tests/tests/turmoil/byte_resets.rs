//! Resets in the middle, in every direction: who is cut can tell, and the other side is told at once.

use crate::byte_net::ByteStream;
use crate::each_byte_seed;
use crate::wire::{End, Kind, Wire, get};
use proxy_core::Close;
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const LENGTH: usize = 300_000;
/// How far it is when somebody resets it.
const PART: usize = 100_000;

async fn send(wire: &mut Wire<ByteStream>, octets: usize) -> io::Result<()> {
    for _ in 0..octets / 10_000 {
        wire.send([b'x'; 10_000]).await?;
    }
    Ok(())
}

fn head_of_response() -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")
}

fn head_of_upload(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n")
}

#[test]
fn a_server_that_resets_in_its_response_leaves_its_client_what_came() {
    each_byte_seed(|world| {
        let server = world.serve(|mut wire| async move {
            wire.message(Kind::Request).await?;
            wire.send(head_of_response()).await?;
            send(&mut wire, PART).await?;
            wire.stream.reset();
            Ok(())
        });
        world.route("/", server, |_, _| {});
        let answer = world.client(|mut wire| async move {
            wire.send(get("/cut")).await?;
            Ok(wire.message(Kind::Response).await?.unwrap())
        });
        world.then(move |story| {
            let answer = answer.take().unwrap();
            assert_eq!(answer.end, End::Short);
            assert!(answer.content.len() <= PART && answer.content.iter().all(|octet| *octet == b'x'));
            assert_eq!(story.told("/cut"), (200, "upstream_reset", "SD".into()));
            assert_eq!(story.client_of("/cut").closed().1, Close::Graceful, "the part is all there");
        });
    });
}

#[test]
fn a_client_that_resets_in_the_response_resets_the_server() {
    each_byte_seed(|world| {
        let server = world.serve(|mut wire| async move {
            wire.message(Kind::Request).await?;
            wire.send(head_of_response()).await?;
            loop {
                if let Err(error) = wire.send([b'x'; 10_000]).await {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                    return Ok(());
                }
            }
        });
        world.route("/", server, |_, _| {});
        world.client(|mut wire| async move {
            wire.send(get("/left")).await?;
            wire.exactly(PART).await?;
            wire.stream.reset();
            Ok(())
        });
        world.then(move |story| {
            assert_eq!(story.told("/left"), (200, "client_aborted", "CD".into()));
            assert_eq!(story.xray().to(server)[0].closed().1, Close::Abort);
        });
    });
}

#[test]
fn a_client_that_resets_in_its_upload_resets_the_server() {
    each_byte_seed(|world| {
        let server = world.serve(|mut wire| async move {
            let request = wire.message(Kind::Request).await?.unwrap();
            assert_eq!(request.end, End::Reset, "a part must not look like the whole");
            Ok(())
        });
        world.route("/", server, |_, _| {});
        world.client(|mut wire| async move {
            wire.send(head_of_upload("/left")).await?;
            send(&mut wire, PART).await?;
            wire.stream.reset();
            Ok(())
        });
        world.then(move |story| {
            assert_eq!(story.told("/left"), (499, "client_aborted", "CH".into()));
            assert_eq!(story.xray().to(server)[0].closed().1, Close::Abort);
        });
    });
}

#[test]
fn a_server_that_resets_in_the_upload_is_a_502_and_the_upload_is_not_sent_again() {
    each_byte_seed(|world| {
        let server = world.serve(|mut wire| async move {
            wire.exactly(PART).await?;
            wire.stream.reset();
            Ok(())
        });
        world.route("/", server, |_, _| {});
        let status = world.client(|mut wire| async move {
            wire.upload("/cut", LENGTH).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().status())
        });
        world.then(move |story| {
            assert_eq!(status.take(), Some(502));
            assert_eq!(story.told("/cut"), (502, "upstream_reset", "SH".into()));
            assert_eq!(story.xray().to(server).len(), 1);
        });
    });
}

#[test]
fn a_server_that_answers_and_then_resets_the_upload_is_heard() {
    each_byte_seed(|world| {
        let way = world.pipes.weather.way();
        let server = world.serve(move |mut wire| async move {
            wire.exactly(1_000).await?;
            wire.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .await?;
            sleep(way * 2).await;
            wire.stream.reset();
            Ok(())
        });
        world.route("/", server, |_, _| {});
        let status = world.client(|mut wire| async move {
            wire.upload("/large", LENGTH).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().status())
        });
        world.then(move |story| {
            assert_eq!(status.take(), Some(413));
            assert_eq!(story.told("/large"), (413, "ok", "--".into()));
        });
    });
}

#[test]
fn a_reset_reaches_a_connection_on_which_nothing_can_move() {
    each_byte_seed(|world| {
        // The client reads nothing, so we read nothing of the server: its reset must be noticed all the same, or at
        // the latest when the client goes on.
        let server = world.serve(|mut wire| async move {
            wire.message(Kind::Request).await?;
            wire.send(head_of_response()).await?;
            let filled = tokio::time::timeout(Duration::from_secs(3), send(&mut wire, LENGTH)).await;
            assert!(filled.is_err(), "all of it fits: nothing stalls");
            wire.stream.reset();
            pending().await
        });
        world.route("/", server, |_, _| {});
        let end = world.client(|mut wire| async move {
            wire.send(get("/stalls")).await?;
            sleep(Duration::from_secs(6)).await;
            Ok(wire.message(Kind::Response).await?.unwrap().end)
        });
        world.then(move |story| {
            assert_eq!(end.take(), Some(End::Short));
            assert_eq!(story.told("/stalls"), (200, "upstream_reset", "SD".into()));
        });
    });
}
