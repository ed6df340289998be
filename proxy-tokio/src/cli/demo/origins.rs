//! The built-in origins: where they listen and which temper each has. All on loopback, on ports of the system's choice.

use super::echo::answer;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Where the origins listen.
pub(super) struct Origins {
    /// Answers, in several ways.
    pub(super) echo: SocketAddr,
    /// Accepts and never answers.
    pub(super) hanging: SocketAddr,
    /// Promises 100 octets and sends 10.
    pub(super) truncating: SocketAddr,
    /// Nobody listens there.
    pub(super) dead: SocketAddr,
    /// Keeps the dead port ours: bound, but not listened on, it refuses every connection.
    _reserved: Socket,
}

/// Starts all of them on a thread of their own. They end with the process.
pub(super) fn start() -> io::Result<Origins> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let reserved = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    reserved.bind(&any.into())?;
    let dead = reserved.local_addr()?.as_socket().unwrap_or(any);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let bind = || runtime.block_on(TcpListener::bind(any));
    let (echo, hanging, truncating) = (bind()?, bind()?, bind()?);
    let origins = Origins {
        echo: echo.local_addr()?,
        hanging: hanging.local_addr()?,
        truncating: truncating.local_addr()?,
        dead,
        _reserved: reserved,
    };
    thread::Builder::new().name("origins".into()).spawn(move || {
        runtime.block_on(async {
            tokio::join!(accept(echo, serve_echo), accept(hanging, hang), accept(truncating, truncate));
        });
    })?;
    Ok(origins)
}

/// Hands every connection to a task of its own.
async fn accept<F>(listener: TcpListener, serve: fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream));
            }
            // Out of descriptors, most likely: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_echo(stream: TcpStream) {
    let service = service_fn(answer);
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // The demo shows clients that leave and limits that cut: an error here is what was asked for.
    let _ = served.await;
}

/// How long a connection that is never answered is kept at most.
const HANG_MAX: Duration = Duration::from_secs(300);

/// Reads, so that the request is taken, and never says anything.
async fn hang(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    let read_all = async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} };
    // Either way the connection is over.
    let _ = timeout(HANG_MAX, read_all).await;
}

async fn truncate(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
        return;
    }
    let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nonly ten!\n";
    let _ = stream.write_all(response).await;
    let _ = stream.shutdown().await;
    // Unread octets would turn the close into a reset.
    let _ = timeout(HANG_MAX, stream.read(&mut buffer)).await;
}
