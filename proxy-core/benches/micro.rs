//! How long the parts of the hot path take: `cargo bench -p proxy-core --bench micro`. Times depend on the machine's mood;
//! `.ci/instructions` holds a budget that does not.

mod driver;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use driver::scenario::Scenario;
use driver::{CLIENTS, Driver};
use proxy_core::forward::{
    RequestContext, ResponseContext, Scheme, Signature, write_request, write_response,
};
use proxy_core::http::{BodyDecoder, Framing, HeadLimits, Piece, RequestHead, ResponseHead, Version};
use std::net::{IpAddr, Ipv4Addr};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 16 * 1024, fields: 100, target_bytes: 8_000 };

fn main() {
    divan::main();
}

fn scenario(name: &str) -> Scenario {
    Scenario::named(name).expect("a scenario of that name")
}

fn request_head(scenario: &Scenario) -> RequestHead {
    let mut input = scenario.request.clone();
    RequestHead::parse_front(&mut input, &LIMITS).expect("a good head").expect("a whole head")
}

fn response_head(scenario: &Scenario) -> (ResponseHead, Bytes) {
    let mut input = scenario.response.clone();
    let head = ResponseHead::parse_front(&mut input, false, &LIMITS);
    (head.expect("a good head").expect("a whole head"), input)
}

#[divan::bench(args = ["get_1k", "get_1k_short"])]
fn parse_request(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = scenario(name);
    let length = request_head(&scenario).raw().len();
    bencher.counter(BytesCount::new(length)).bench(|| request_head(&scenario));
}

#[divan::bench(args = ["get_1k", "get_1k_short"])]
fn parse_response(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = scenario(name);
    let length = response_head(&scenario).0.raw().len();
    bencher.counter(BytesCount::new(length)).bench(|| response_head(&scenario));
}

#[divan::bench(args = ["get_1k", "get_1k_short"])]
fn forward_request(bencher: Bencher<'_, '_>, name: &str) {
    let head = request_head(&scenario(name));
    let context = RequestContext {
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 17)),
        scheme: Scheme::Http,
        peer_is_trusted: false,
        fallback_host: "127.0.0.1:9001",
        request_id: Some(b"0123456789abcdef"),
        via: Some(""),
        client_fields: &[],
    };
    let mut out = Vec::with_capacity(2_048);
    bencher.bench_local(|| {
        out.clear();
        write_request(&mut out, &head, &context);
        out.len()
    });
}

#[divan::bench(args = ["get_1k", "get_1k_short"])]
fn forward_response(bencher: Bencher<'_, '_>, name: &str) {
    let (head, _) = response_head(&scenario(name));
    let context = ResponseContext {
        client_version: Version::Http11,
        framing: head.framing(),
        keep_alive: true,
        signature: Signature { via: true, date: None },
    };
    let mut out = Vec::with_capacity(2_048);
    bencher.bench_local(|| {
        out.clear();
        write_response(&mut out, &head, &context);
        out.len()
    });
}

#[divan::bench]
fn decode_chunks(bencher: Bencher<'_, '_>) {
    let (_, body) = response_head(&scenario("chunked_16k"));
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let mut input = body.clone();
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let mut content = 0;
        loop {
            match decoder.decode(&mut input).expect("a good body") {
                Piece::Data(data) => content += data.len(),
                Piece::End(_) => return content,
                Piece::NeedMore => unreachable!("the body is whole"),
            }
        }
    });
}

/// Everything from the client's octets to the record of its request.
#[divan::bench(args = Scenario::all().map(|scenario| scenario.name))]
fn session(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = scenario(name);
    let requests = CLIENTS * scenario.requests;
    let mut driver = Driver::new(scenario);
    bencher.counter(ItemsCount::new(requests)).bench_local(|| driver.round());
}
