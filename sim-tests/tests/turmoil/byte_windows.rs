//! Backpressure, octet by octet: who is slow slows its own peer down, no more is held on the way than there is room
//! for, and a write that is taken in part goes on where it stopped.

use crate::byte_net::{ByteStream, Pipes};
use crate::seeds::{only, twice};
use crate::story::Story;
use crate::wire::{End, Kind, Wire, get, with_chunks};
use crate::world::ask;
use crate::xray::assert_due;
use crate::{ByteWorld, each_byte_seed};
use proxy_core::Close;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

const STALL: Duration = Duration::from_secs(15);
const LENGTH: usize = 400_000;

/// Octets that one end has sent and the other has not read yet, now and at most.
#[derive(Clone, Debug, Default)]
struct UnderWay(Rc<Cell<(usize, usize)>>);

impl UnderWay {
    fn sent(&self, octets: usize) {
        let (now, most) = self.0.get();
        self.0.set((now + octets, most.max(now + octets)));
    }

    fn read(&self, octets: usize) {
        let (now, most) = self.0.get();
        self.0.set((now - octets, most));
    }

    fn most(&self) -> usize {
        self.0.get().1
    }
}

/// Sends a body of `LENGTH`, counting what the kernel takes.
async fn send_body(wire: &mut Wire<ByteStream>, under_way: &UnderWay) -> io::Result<()> {
    let mut left = LENGTH;
    while left > 0 {
        let n = wire.stream.write(&[b'x'; 20_000][..left.min(20_000)]).await?;
        under_way.sent(n);
        left -= n;
    }
    Ok(())
}

/// Reads a body of `LENGTH` slowly, all that the kernel holds at a time: smaller reads would not open a shut window.
async fn read_body(
    wire: &mut Wire<ByteStream>,
    head: &str,
    pipes: Pipes,
    under_way: &UnderWay,
) -> io::Result<()> {
    let mut buffer = vec![0; pipes.receive_buffer];
    let mut octets = Vec::new();
    let mut read = 0;
    while read < LENGTH {
        sleep(pipes.weather.way() * 2).await;
        let n = wire.stream.read(&mut buffer).await?;
        assert_ne!(n, 0, "it ended after {read} octets");
        octets.extend_from_slice(&buffer[..n]);
        let body =
            octets.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| octets.len() - at - 4);
        under_way.read(body - read);
        read = body;
    }
    assert!(octets.starts_with(head.as_bytes()), "{:?}", String::from_utf8_lossy(&octets[..100]));
    Ok(())
}

/// What is under way fits into the kernels' buffers on both sides of the proxy and what the proxy says that it holds.
fn assert_bounded(story: &Story, pipes: Pipes, under_way: &UnderWay) {
    let limits = &story.config.limits;
    let kernels = pipes.hold() * 2;
    // One read, and a head's worth.
    let ours = (limits.buffer_bytes + limits.head_bytes) as usize;
    let most = under_way.most();
    assert!(most <= kernels + ours, "{most} octets were under way, not {kernels} + {ours}");
    assert!(story.xray().buffered_max <= ours, "{} octets were held", story.xray().buffered_max);
    assert!((ours as u64) < limits.connection_bytes_max(), "it is less than what `weir check` prints");
    assert!(most < LENGTH, "everything fits: this proves nothing");
}

#[test]
fn a_slow_client_slows_its_server_down_and_gets_everything() {
    each_byte_seed(|world| {
        let (pipes, under_way) = (world.pipes, UnderWay::default());
        let sending = under_way.clone();
        let server = world.serve(move |mut wire| {
            let under_way = sending.clone();
            async move {
                wire.message(Kind::Request).await?;
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await?;
                send_body(&mut wire, &under_way).await
            }
        });
        world.route("/", server, |route, _| route.timeouts.total = None);
        let reading = under_way.clone();
        let done = world.client(move |mut wire| async move {
            wire.send(get("/large")).await?;
            read_body(&mut wire, "HTTP/1.1 200 OK\r\n", pipes, &reading).await
        });
        world.then(move |story| {
            assert!(done.take().is_some());
            assert_eq!(story.told("/large"), (200, "ok", "--".into()));
            assert_bounded(story, pipes, &under_way);
        });
    });
}

#[test]
fn a_slow_server_slows_its_client_down_and_gets_everything() {
    each_byte_seed(|world| {
        let (pipes, under_way) = (world.pipes, UnderWay::default());
        let reading = under_way.clone();
        let server = world.serve(move |mut wire| {
            let under_way = reading.clone();
            async move {
                read_body(&mut wire, "POST /large HTTP/1.1\r\n", pipes, &under_way).await?;
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await?;
                pending().await
            }
        });
        world.route("/", server, |route, _| route.timeouts.total = None);
        let sending = under_way.clone();
        let answer = world.client(move |mut wire| async move {
            wire.send(format!("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n")).await?;
            send_body(&mut wire, &sending).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().text())
        });
        world.then(move |story| {
            assert_eq!(answer.take().unwrap(), "done");
            assert_bounded(story, pipes, &under_way);
        });
    });
}

/// A client that asks again and again; how often it was served in time.
fn busy_client(world: &mut ByteWorld) -> Rc<RefCell<Option<usize>>> {
    let server = world.serve(|mut wire| async move {
        while let Some(request) = wire.message(Kind::Request).await? {
            let length = request.target().len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", request.target()))
                .await?;
        }
        Ok(())
    });
    world.route("/busy", server, |_, _| {});
    let patience = world.pipes.weather.way() * 6;
    world.client(move |mut wire| async move {
        for number in 0..BUSY {
            let target = format!("/busy/{number}");
            let answer = ask(&mut wire, &get(&target)).await?;
            assert_eq!(answer.message.text(), target);
            assert!(answer.took <= patience, "it took {:?}", answer.took);
            sleep(Duration::from_millis(500)).await;
        }
        Ok(BUSY)
    })
}

const BUSY: usize = 25;

#[test]
fn a_client_whose_window_stays_shut_is_cut_after_fifteen_seconds() {
    each_byte_seed(|world| {
        let under_way = UnderWay::default();
        let sending = under_way.clone();
        let server = world.serve(move |mut wire| {
            let under_way = sending.clone();
            async move {
                wire.message(Kind::Request).await?;
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await?;
                let cut = send_body(&mut wire, &under_way).await.unwrap_err();
                assert_eq!(cut.kind(), io::ErrorKind::ConnectionReset);
                Ok(())
            }
        });
        world.route("/", server, |_, _| {});
        let busy = busy_client(world);
        let end = world.client(|mut wire| async move {
            wire.send(get("/shut")).await?;
            sleep(STALL + Duration::from_secs(5)).await;
            Ok(wire.end().await)
        });
        let pipes = world.pipes;
        world.then(move |story| {
            assert_eq!((end.take(), busy.take()), (Some(End::Reset), Some(BUSY)));
            assert_eq!(story.told("/shut"), (200, "client_write_timeout", "cD".into()));
            let client = story.client_of("/shut");
            assert_eq!(client.closed().1, Close::Abort);
            assert_due(client.closed().0.since(client.last_out.unwrap()), STALL);
            assert_bounded(story, pipes, &under_way);
        });
    });
}

#[test]
fn a_server_whose_window_stays_shut_is_a_504_after_fifteen_seconds() {
    each_byte_seed(|world| {
        let server = world.serve(|wire| async move {
            sleep(STALL * 2).await;
            drop(wire);
            Ok(())
        });
        world.route("/", server, |_, _| {});
        let busy = busy_client(world);
        let status = world.client(|mut wire| async move {
            wire.upload("/shut", LENGTH).await?;
            Ok(wire.message(Kind::Response).await?.unwrap().status())
        });
        world.then(move |story| {
            assert_eq!((status.take(), busy.take()), (Some(504), Some(BUSY)));
            assert_eq!(story.told("/shut"), (504, "upstream_write_timeout", "sD".into()));
            let link = story.xray().to(server)[0];
            assert_eq!(link.closed().1, Close::Abort);
            assert_due(link.closed().0.since(link.last_out.unwrap()), STALL);
            let held = story.xray().buffered_max as u64;
            assert!(held <= story.config.limits.connection_bytes_max(), "{held} octets were held");
            assert!(story.client_of("/shut").octets_in < LENGTH as u64);
        });
    });
}

#[test]
fn a_window_that_opens_just_in_time_is_waited_for() {
    each_byte_seed(|world| {
        let server = world.serve(|mut wire| async move {
            wire.message(Kind::Request).await?;
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await?;
            send_body(&mut wire, &UnderWay::default()).await
        });
        world.route("/", server, |route, _| route.timeouts.total = None);
        let (pause, buffer) = (world.pipes.weather.in_time_for(STALL), world.pipes.receive_buffer);
        let answer = world.client(move |mut wire| async move {
            wire.send(get("/late")).await?;
            let mut octets = vec![0; buffer];
            let mut skipped = 0;
            for _ in 0..3 {
                // The window must be open again, and the news of it there, within the limit.
                sleep(pause - Duration::from_millis(500)).await;
                skipped += wire.stream.read(&mut octets).await?;
            }
            let mut rest = 0;
            loop {
                let n = wire.stream.read(&mut octets).await?;
                rest += n;
                if n == 0 || skipped + rest > LENGTH + 60 {
                    return Ok(skipped + rest);
                }
            }
        });
        world.then(move |story| {
            assert!(answer.take().unwrap() > LENGTH);
            assert_eq!(story.told("/late").1, "ok");
        });
    });
}

/// A request and an answer of which every part can be cut anywhere: heads, chunk lines, chunks, trailers.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
     b\r\nhello world\r\n3\r\n!!!\r\n0\r\nX-Trailer: yes\r\n\r\n";

#[test]
fn writes_that_are_taken_in_part_at_every_place_change_nothing() {
    // The seed of each of these worlds is how many octets are taken at a time.
    for octets in (1..=150).filter(|octets| only().is_none_or(|only| only == *octets)) {
        let play = || {
            ByteWorld::play(Pipes::taking(octets), |world| {
                let server = world.serve(|mut wire| async move {
                    while let Some(request) = wire.message(Kind::Request).await? {
                        assert_eq!((request.text().as_str(), request.end), ("a chunked body", End::Whole));
                        wire.send(ANSWER).await?;
                    }
                    Ok(())
                });
                world.route("/", server, |route, _| route.timeouts.total = None);
                let answers = world.client(|mut wire| async move {
                    let request = with_chunks("PUT", "/parts", &["a chunk", "ed body"]);
                    let first = ask(&mut wire, &request).await?.message;
                    let second = ask(&mut wire, &request).await?.message;
                    Ok([first, second])
                });
                world.then(move |_| {
                    for answer in answers.take().unwrap() {
                        assert_eq!((answer.text().as_str(), answer.end), ("hello world!!!", End::Whole));
                    }
                });
            })
        };
        twice(octets, play);
    }
}
