//! Responses: any split of a head reads alike, the oracle agrees on what was accepted and where the body behind it ends,
//! and what we write for the client means the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use proxy_core::forward::{ResponseContext, Signature, downstream_framing, write_interim, write_response};
use proxy_core::http::{Framing, HeadKind, ResponseHead, Version};
use weir_fuzz::oracle::{self, Body, Head};
use weir_fuzz::{LIMITS, ROOMY, bodies, ends, rewrite};

fuzz_target!(|octets: &[u8]| {
    for to_head in [false, true] {
        let read = ends::in_every_way(octets, HeadKind::Response, ends::parse_response(to_head));
        ends::short_way_agrees(octets, &read, |input| ResponseHead::parse_front(input, to_head, &LIMITS));
        let Ok(Some((head, 0, end))) = read else { continue };
        let received = rewrite::whole(oracle::response(octets), octets);
        assert_eq!((received.len, received.status()), (end, head.status()));
        let body = oracle::response_body(&received, to_head).expect("an accepted head has one framing");
        assert!(rewrite::same_framing(head.framing(), body), "{:?} is not {body:?}", head.framing());
        // What is behind it may be no body, but both must end it alike.
        let _ = bodies::in_every_way(head.framing(), HeadKind::Response, body, &octets[end..]);
        assert!(body != Body::Close || !head.keep_alive(), "a close-delimited body ends the connection");
        if head.status() < 200 {
            interim_means_the_same(&head, &received);
            continue;
        }
        for client_version in [Version::Http10, Version::Http11] {
            for keep_alive in [false, true] {
                let framing = downstream_framing(head.framing(), client_version);
                let signature = Signature { via: true, date: None };
                let ctx = ResponseContext { client_version, framing, keep_alive, signature };
                means_the_same(&head, &received, to_head, &ctx);
            }
        }
    }
});

/// Writes the head, reads it back, and writes it again.
fn means_the_same(head: &ResponseHead, received: &Head, to_head: bool, ctx: &ResponseContext<'_>) {
    let write = |head| read_back(to_head, |out| write_response(out, head, ctx));
    let (once, again) = write(head);
    assert_eq!((again.status(), again.framing()), (head.status(), ctx.framing));
    let body = oracle::response_body(&once, to_head).expect("what we write has one framing");
    assert!(rewrite::same_framing(ctx.framing, body), "{:?} is not {body:?}", ctx.framing);
    assert!(ctx.client_version == Version::Http11 || body != Body::Chunked, "HTTP/1.0 knows no chunks");
    let told = once.list("connection");
    let persists = match ctx.client_version {
        Version::Http11 => !told.contains(&b"close".to_vec()),
        Version::Http10 => told.contains(&b"keep-alive".to_vec()),
    };
    assert_eq!(
        persists,
        ctx.keep_alive && ctx.framing != Framing::Close,
        "what the client is told of the connection"
    );
    rewrite::keeps_end_to_end_fields(received, &once);
    rewrite::ends_hop_by_hop_fields(&once, body, &["close", "keep-alive", "upgrade"]);
    let (twice, _) = write(&again);
    rewrite::is_fixpoint(&once, &twice);
}

fn interim_means_the_same(head: &ResponseHead, received: &Head) {
    let write = |head| read_back(false, |out| write_interim(out, head, true));
    let (once, again) = write(head);
    assert_eq!((again.status(), again.framing()), (head.status(), Framing::None));
    rewrite::keeps_end_to_end_fields(received, &once);
    let (twice, _) = write(&again);
    rewrite::is_fixpoint(&once, &twice);
}

fn read_back(to_head: bool, write: impl Fn(&mut Vec<u8>)) -> (Head, ResponseHead) {
    let mut out = Vec::new();
    write(&mut out);
    let out = Bytes::from(out);
    let seen = rewrite::whole(oracle::strict_response(&out), &out);
    assert_eq!(seen.len, out.len(), "more than one head was written");
    (seen, ResponseHead::parse_as(HeadKind::StrictResponse, out, to_head, &ROOMY).expect("what we write is what we accept"))
}
