//! Servers that misbehave, each in one way and always in the same.

use crate::origin::Conn;
use crate::wire::Message;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

/// What a server does with a request that is no warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// It thinks for `SLOW` first.
    SlowHead,
    /// It sends its content piece by piece, `DRIP` apart.
    Drip,
    HangBeforeHead,
    HangInHead,
    HangAfterHead,
    HangInBody,
    FinBeforeHead,
    FinInHead,
    FinAfterHead,
    FinInBody,
    FinInChunk,
    ResetBeforeHead,
    ResetInHead,
    ResetAfterHead,
    ResetInBody,
    /// What it says is no HTTP.
    Garbage,
    /// Its chunks are none.
    GarbageChunk,
    /// Its head is longer than we take.
    HugeHead,
    /// It closes the connection soon after the warm-up, and answers well on the next.
    FinWhenIdle,
    /// The first connection ends with the request on it; the next one is well.
    FinOnce,
    ResetOnce,
}

/// How a server frames its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Length,
    Chunked,
    /// By FIN.
    Close,
}

pub(crate) const SLOW: Duration = Duration::from_secs(3);
pub(crate) const DRIP: Duration = Duration::from_secs(2);

/// The pieces of the content.
pub(crate) const FIRST: &str = "hello, ";
const SECOND: &str = "world";
pub(crate) const CONTENT: &str = "hello, world";

impl Framed {
    fn head(self) -> String {
        let field = match self {
            Self::Length => format!("Content-Length: {}\r\n", CONTENT.len()),
            Self::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Self::Close => String::new(),
        };
        format!("HTTP/1.1 200 OK\r\n{field}\r\n")
    }

    fn piece(self, content: &str) -> String {
        match self {
            Self::Length | Self::Close => content.to_owned(),
            Self::Chunked => format!("{:x}\r\n{content}\r\n", content.len()),
        }
    }

    const fn last(self) -> &'static str {
        match self {
            Self::Length | Self::Close => "",
            Self::Chunked => "0\r\n\r\n",
        }
    }
}

/// Serves a connection. A request whose target ends in `/warm` is answered well.
pub(crate) async fn serve(
    mut conn: Conn,
    trouble: Trouble,
    framed: Framed,
    is_first: bool,
) -> io::Result<()> {
    use Trouble as T;
    let trouble = match trouble {
        T::FinOnce if is_first => T::FinBeforeHead,
        T::ResetOnce if is_first => T::ResetBeforeHead,
        T::FinOnce | T::ResetOnce => T::None,
        other => other,
    };
    while let Some(request) = conn.request().await? {
        if is_warm_up(&request) {
            conn.answer("warm").await?;
            if trouble == T::FinWhenIdle && is_first {
                break;
            }
            continue;
        }
        misbehave(&mut conn, trouble, framed).await?;
        match trouble {
            T::ResetBeforeHead | T::ResetInHead | T::ResetAfterHead | T::ResetInBody => {
                conn.reset();
                break;
            }
            T::None | T::SlowHead | T::Drip | T::FinWhenIdle if framed != Framed::Close => {}
            _ => break,
        }
    }
    Ok(())
}

fn is_warm_up(request: &Message) -> bool {
    request.target().ends_with("/warm")
}

/// Returns where the connection is to be closed.
async fn misbehave(conn: &mut Conn, trouble: Trouble, framed: Framed) -> io::Result<()> {
    use Trouble as T;
    let head = framed.head();
    match trouble {
        T::None | T::FinWhenIdle => {
            conn.say(head + &framed.piece(FIRST) + &framed.piece(SECOND) + framed.last()).await
        }
        T::SlowHead => {
            sleep(SLOW).await;
            conn.say(head + &framed.piece(CONTENT) + framed.last()).await
        }
        T::Drip => {
            for piece in [head, framed.piece(FIRST), framed.piece(SECOND) + framed.last()] {
                conn.say(piece).await?;
                sleep(DRIP).await;
            }
            Ok(())
        }
        T::HangBeforeHead => conn.hang().await,
        T::HangInHead => {
            conn.say("HTTP/1.1 200 OK\r\nContent-Le").await?;
            conn.hang().await
        }
        T::HangAfterHead => {
            conn.say(head).await?;
            conn.hang().await
        }
        T::HangInBody => {
            conn.say(head + &framed.piece(FIRST)).await?;
            conn.hang().await
        }
        T::FinBeforeHead | T::ResetBeforeHead => Ok(()),
        T::FinInHead | T::ResetInHead => conn.say("HTTP/1.1 200 OK\r\nContent-Le").await,
        T::FinAfterHead | T::ResetAfterHead => conn.say(head).await,
        T::FinInBody | T::ResetInBody => conn.say(head + &framed.piece(FIRST)).await,
        T::FinInChunk => conn.say(head + "c\r\nhel").await,
        T::Garbage => conn.say("\x16\x03\x01 this is no HTTP\r\n\r\n").await,
        T::GarbageChunk => {
            conn.say(head).await?;
            conn.arrived().await;
            conn.say("no chunk\r\n").await
        }
        T::HugeHead => {
            let field = format!("X-Long: {}\r\n", "x".repeat(1_000));
            conn.say(format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(40))).await
        }
        T::FinOnce | T::ResetOnce => unreachable!("it is another trouble on each connection"),
    }
}
