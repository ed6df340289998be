//! Generates scripts. Small numbers and plain cases are the likely ones, and what shrinking tends to.

use crate::faults::{ALL, Fault};
use crate::script::{
    Answer, AnswerEnd, AnswerFraming, Client, Connect, Endpoint, Leave, Limits, Method, Pace, Request,
    RequestBody, Script,
};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::{bool::weighted, option};

/// Any script.
pub fn scripts() -> BoxedStrategy<Script> {
    let people = (vec(client(), 1..6), vec(request(), 1..6), vec(answer(), 1..6), vec(endpoint(), 1..4));
    let network = (
        vec(connect(), 1..6),
        vec(cut(), 0..5),
        vec(cut(), 0..5),
        vec(0u8..20, 1..4),
        vec(512u16..9_000, 0..4),
    );
    let time = (
        vec(any::<u8>(), 0..8),
        vec(0u8..50, 0..4),
        vec((0u16..40_000, 0u16..2_500), 0..3),
        vec(0u16..10_000, 0..4),
        option::weighted(0.7, 0u16..20_000),
    );
    (any::<u64>(), faults(), people, network, time, limits())
        .prop_map(|(seed, faults, people, network, time, limits)| {
            let (clients, requests, answers, endpoints) = people;
            let (connects, reads, writes, latencies, windows) = network;
            let (order, late_ticks, stalls, rivals, drain_at) = time;
            Script {
                seed,
                faults: faults.into_iter().collect(),
                clients,
                requests,
                answers,
                endpoints,
                connects,
                reads,
                writes,
                latencies,
                windows,
                order,
                late_ticks,
                stalls,
                limits,
                rivals,
                drain_at,
            }
        })
        .boxed()
}

/// A random subset: each fault alone must be able to show what it does.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let few = proptest::sample::subsequence(ALL.to_vec(), 0..4);
    let many = proptest::sample::subsequence(ALL.to_vec(), 0..=ALL.len());
    prop_oneof![few, many]
}

fn cut() -> impl Strategy<Value = u16> {
    prop_oneof![2 => Just(0u16), 3 => 1u16..40, 2 => 40u16..5_000]
}

fn client() -> impl Strategy<Value = Client> {
    let pace = || {
        prop_oneof![
            2 => Just(Pace::Prompt),
            2 => (1u16..200, 1u16..300).prop_map(|(bytes, every)| Pace::Drip { bytes, every }),
            1 => (1u16..2_000, 1_000u16..20_000).prop_map(|(bytes, every)| Pace::Drip { bytes, every }),
            2 => octets().prop_map(|after| Pace::Stops { after }),
        ]
    };
    let think = prop_oneof![5 => Just(0u32), 4 => 0u32..3_000, 2 => 50_000u32..80_000];
    (0u16..3_000, 0u8..5, weighted(0.25), weighted(0.15), think, pace(), pace(), leave()).prop_map(
        |(start, more, pipelined, http10, think, sending, reading, leave)| Client {
            start,
            more,
            pipelined,
            http10,
            think,
            sending,
            reading,
            leave,
        },
    )
}

fn leave() -> impl Strategy<Value = Leave> {
    prop_oneof![
        4 => Just(Leave::Closes),
        1 => Just(Leave::Stays),
        1 => Just(Leave::HalfCloses),
        2 => Just(Leave::HalfClosesRudely),
        1 => (octets(), any::<bool>()).prop_map(|(after, reset)| Leave::AbortsSending { after, reset }),
        1 => (octets(), any::<bool>()).prop_map(|(after, reset)| Leave::AbortsReceiving { after, reset }),
        4 => (0u16..4_000, any::<bool>()).prop_map(|(ms, reset)| Leave::AbortsAt { ms, reset }),
    ]
}

/// A place in a message: in its head, or anywhere.
fn octets() -> impl Strategy<Value = u16> {
    prop_oneof![0u16..200, any::<u16>()]
}

fn request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![
        4 => Just(Method::Get),
        1 => Just(Method::Head),
        2 => Just(Method::Post),
        1 => Just(Method::Put)
    ];
    let body = prop_oneof![
        3 => Just(RequestBody::None),
        2 => size().prop_map(RequestBody::Length),
        2 => (size(), 0u16..5_000).prop_map(|(octets, chunk)| RequestBody::Chunked { octets, chunk }),
    ];
    (method, body, weighted(0.2), weighted(0.1), 0u8..100, weighted(0.1)).prop_map(
        |(method, body, expects, closes, padding, smuggles)| Request {
            method,
            body,
            expects,
            closes,
            padding,
            smuggles,
        },
    )
}

fn size() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 0u16..50, 3 => 0u16..5_000, 1 => 0u16..60_000]
}

fn answer() -> impl Strategy<Value = Answer> {
    let framing = prop_oneof![
        3 => Just(AnswerFraming::Length),
        3 => Just(AnswerFraming::Chunked),
        1 => Just(AnswerFraming::Close)
    ];
    let delay = prop_oneof![4 => Just(0u16), 3 => 0u16..2_000, 1 => 0u16..25_000];
    let pace = prop_oneof![
        4 => Just(Pace::Prompt),
        2 => (1u16..500, 0u16..100).prop_map(|(bytes, every)| Pace::Drip { bytes, every }),
        1 => (1u16..500, 1_000u16..20_000).prop_map(|(bytes, every)| Pace::Drip { bytes, every }),
        1 => octets().prop_map(|after| Pace::Stops { after }),
    ];
    let flags = (weighted(0.2), weighted(0.2), weighted(0.2), weighted(0.15));
    (any::<u8>(), framing, size(), 0u16..3_000, flags, delay, pace, answer_end()).prop_map(
        |(status, framing, octets, chunk, (interim, early, deaf, closes), delay, pace, end)| Answer {
            status: if status < 180 { 0 } else { status },
            framing,
            octets,
            chunk,
            interim,
            early,
            deaf,
            delay,
            pace,
            end,
            closes,
        },
    )
}

fn answer_end() -> impl Strategy<Value = AnswerEnd> {
    prop_oneof![
        6 => Just(AnswerEnd::Whole),
        2 => octets().prop_map(|at| AnswerEnd::Hangs { at }),
        2 => octets().prop_map(|at| AnswerEnd::Fin { at }),
        2 => octets().prop_map(|at| AnswerEnd::Reset { at }),
        1 => Just(AnswerEnd::Garbage),
        1 => Just(AnswerEnd::OverLong),
    ]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let idle_close = prop_oneof![Just(0u16), 1u16..60, 1u16..5_000];
    (idle_close, any::<bool>(), prop_oneof![Just(0u8), 1u8..10])
        .prop_map(|(idle_close, idle_reset, hint)| Endpoint { idle_close, idle_reset, hint })
}

fn connect() -> impl Strategy<Value = Connect> {
    prop_oneof![
        4 => Just(Connect::Stands),
        1 => (0u16..1_500).prop_map(|ms| Connect::Slow { ms }),
        2 => Just(Connect::Refused),
        1 => Just(Connect::Unreachable),
        1 => Just(Connect::Exhausted),
        1 => Just(Connect::Blackhole),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let rarely = || prop_oneof![4 => Just(0u8), 1 => 1u8..10];
    let one = |max: u8| prop_oneof![Just(1u8), 0..max];
    (one(4), one(4), one(3), 0u8..40, prop_oneof![Just(0u16), 1_024u16..4_000], rarely(), rarely()).prop_map(
        |(clients, connections, queue, buffer_kib, head_bytes, head_seconds, drain_seconds)| Limits {
            clients,
            connections,
            queue,
            buffer_kib,
            head_bytes,
            head_seconds,
            drain_seconds,
        },
    )
}
