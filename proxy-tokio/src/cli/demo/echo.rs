//! The origin that answers: an echo in JSON, late, in drops, as a stream of events, or with a lot.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, channel::Channel};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::sleep;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Longest body that is echoed.
const BODY_MAX: usize = 1024 * 1024;

pub(super) async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        "/slow" => {
            sleep(Duration::from_secs(2)).await;
            text("that took two seconds\n")
        }
        "/drip" => drip(),
        "/stream" => events(),
        "/big" => big(megabytes(request.uri().query())),
        _ => echo(request).await,
    })
}

async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await.map(http_body_util::Collected::to_bytes)
    else {
        let mut response = text("the body is longer than 1 MiB, or it broke off\n");
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    typed("application/json", Full::from(told(&head, &body)).boxed_unsync())
}

/// What reached the origin, one header per line, in the order in which they came. U+FFFD stands for what is not UTF-8.
fn told(head: &Parts, body: &[u8]) -> String {
    let json = |octets: &[u8]| Value::from(String::from_utf8_lossy(octets)).to_string();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("    [{}, {}]", json(name.as_str().as_bytes()), json(value.as_bytes()))
    };
    let headers = head.headers.iter().map(header).collect::<Vec<_>>().join(",\n");
    let query = head.uri.query().map_or_else(|| "null".into(), |query| json(query.as_bytes()));
    format!(
        "{{\n  \"method\": {},\n  \"path\": {},\n  \"query\": {query},\n  \"headers\": [\n{headers}\n  ],\n  \
         \"body\": {},\n  \"length\": {}\n}}\n",
        json(head.method.as_str().as_bytes()),
        json(head.uri.path().as_bytes()),
        json(body),
        body.len()
    )
}

fn text(text: &'static str) -> Response<Body> {
    typed("text/plain", Full::from(text).boxed_unsync())
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body of pieces, each after a pause, until `piece` has no more or nobody reads.
fn pieces(pause: Duration, mut piece: impl FnMut() -> Option<Bytes> + Send + 'static) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        while let Some(data) = piece() {
            if sender.send_data(data).await.is_err() {
                break;
            }
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    });
    body.boxed_unsync()
}

fn drip() -> Response<Body> {
    typed("text/plain", pieces(Duration::from_millis(500), || Some(Bytes::from_static(b"."))))
}

fn events() -> Response<Body> {
    let mut n = 0u64;
    let event = move || {
        n += 1;
        Some(Bytes::from(format!("id: {n}\ndata: event {n}\n\n")))
    };
    typed("text/event-stream", pieces(Duration::from_secs(1), event))
}

/// Most that `/big` sends, in MiB.
const MEGABYTES_MAX: u32 = 10_000;

fn megabytes(query: Option<&str>) -> u32 {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mb = pairs.filter(|(key, _)| *key == "mb").find_map(|(_, value)| value.parse().ok());
    mb.unwrap_or(1).min(MEGABYTES_MAX)
}

fn big(megabytes: u32) -> Response<Body> {
    const PIECE: usize = 64 * 1024;
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let mut left = megabytes * (1024 * 1024 / 65_536);
    let next = move || {
        left = left.checked_sub(1)?;
        Some(piece.clone())
    };
    typed("application/octet-stream", pieces(Duration::ZERO, next))
}
