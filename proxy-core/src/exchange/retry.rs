//! Again, an answer of ours, the part that came, or a cut: what is done about a failure. One decision, with a truth table.

use super::verdict::Failure;
use crate::action::Close;
use crate::http::Method;
use crate::link::Sent;
use crate::timeouts::Timer;
use crate::upstreams::Demand;

/// How far the attempt had come that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempted {
    pub(crate) sent: Sent,
    pub(crate) heard: Heard,
    /// It was on a connection that had served another request before: that it stood was not certain.
    pub(crate) reused: bool,
    pub(crate) method: Method,
    /// There is an endpoint to which no connection has failed yet.
    pub(crate) attempts_left: bool,
}

/// What had come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// Octets of which the client got none, but for interim responses.
    Octets,
    /// A response head, which was passed on but has not left us yet.
    Written,
    /// A response head, which went on to the client.
    Response,
    /// The whole response; the client has not taken all of it.
    Whole,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The request is sent again, on such a connection.
    Again(Demand),
    /// We answer by ourselves.
    Answer,
    /// What came of the response is delivered. Then the client's connection ends so that it can tell the part from the whole.
    Deliver,
    /// The client's connection ends in this way, without an answer.
    Cut(Close),
}

/// Decides what is done about `failure`.
pub(crate) fn after_failure(failure: &Failure, attempt: Attempted) -> After {
    let Attempted { sent, heard, reused, method, attempts_left } = attempt;
    match (failure, heard) {
        (Failure::ClientGone, Heard::Nothing | Heard::Octets) => After::Cut(Close::Graceful),
        // A client that takes nothing would not take a reply, and a drain that is over waits for none.
        (Failure::ClientGone | Failure::Timeout(Timer::ClientWrite | Timer::Drain), _)
        | (_, Heard::Whole) => After::Cut(Close::Abort),
        // It breaks its framing at once. Nobody has seen anything of it.
        (Failure::BadResponseBody(_), Heard::Written) => After::Answer,
        // The status line is gone: a clean end would present a part as the whole (RFC 9112 §8).
        (_, Heard::Written | Heard::Response) => After::Deliver,
        // Nothing of the request left us, so the next endpoint may have it, whatever the method. Each is tried once.
        (Failure::Connect(_) | Failure::Timeout(Timer::Connect), _) => {
            if attempts_left {
                After::Again(Demand::Any)
            } else {
                After::Answer
            }
        }
        // A pooled connection that ends before a single octet of response says nothing of the server. Its siblings may be
        // dead, too.
        (
            Failure::UpstreamReset | Failure::UpstreamClosedEarly | Failure::UnaskedResponse,
            Heard::Nothing,
        ) if reused && may_resend(sent, method) => After::Again(Demand::Fresh),
        _ => After::Answer,
    }
}

/// Whether sending it twice does no harm (RFC 9110 §9.2.2), and can be done.
fn may_resend(sent: Sent, method: Method) -> bool {
    match sent {
        Sent::Nothing => true,
        Sent::Held => method.is_idempotent(),
        Sent::Gone => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{BadBody, BadHead};
    use crate::input::NetError;
    use After::{Again, Answer, Cut, Deliver};
    use Failure::{ClientGone, Connect, Timeout};

    /// A row of the truth table: which failures, what was sent and heard, whether the connection was used before, the
    /// method, whether an endpoint is left, and what is done. Empty means any.
    type Row = (
        &'static [Failure],
        &'static [Sent],
        &'static [Heard],
        Option<bool>,
        &'static [Method],
        Option<bool>,
        After,
    );

    const CONNECTS: &[Failure] = &[
        Connect(NetError::Refused),
        Connect(NetError::Unreachable),
        Connect(NetError::Reset),
        Connect(NetError::TimedOut),
        Connect(NetError::Exhausted),
        Connect(NetError::Other),
        Timeout(Timer::Connect),
    ];
    const LOSSES: &[Failure] =
        &[Failure::UpstreamReset, Failure::UpstreamClosedEarly, Failure::UnaskedResponse];
    const FAREWELLS: &[Failure] = &[Timeout(Timer::ClientWrite), Timeout(Timer::Drain)];
    const OTHERS: &[Failure] = &[
        Timeout(Timer::ClientHead),
        Timeout(Timer::ClientBody),
        Timeout(Timer::ClientKeepAlive),
        Timeout(Timer::Linger),
        Timeout(Timer::Queue),
        Timeout(Timer::UpstreamWrite),
        Timeout(Timer::UpstreamRead),
        Timeout(Timer::UpstreamHead),
        Timeout(Timer::Total),
        Timeout(Timer::StreamIdle),
        Timeout(Timer::UpstreamKeepAlive),
        Failure::BadResponseHead(BadHead::NoColon),
        Failure::UnaskedSwitch,
        Failure::NoEndpoint,
        Failure::QueueFull,
        Failure::NoRoute,
        Failure::BadRequestHead(BadHead::NoColon),
        Failure::BadRequestBody(BadBody::BadChunkSize),
        Failure::BodyTooLarge { limit: 1 },
        Failure::LastHop,
    ];
    const BAD_BODY: &[Failure] = &[Failure::BadResponseBody(BadBody::BadChunkSize)];
    const SENT: &[Sent] = &[Sent::Nothing, Sent::Held, Sent::Gone];
    const HEARD: &[Heard] = &[Heard::Nothing, Heard::Octets, Heard::Written, Heard::Response, Heard::Whole];
    const PART: &[Heard] = &[Heard::Written, Heard::Response];
    const RESPONSE: &[Heard] = &[Heard::Written, Heard::Response, Heard::Whole];
    const NO_RESPONSE: &[Heard] = &[Heard::Nothing, Heard::Octets];
    const METHODS: &[Method] = &[Method::Get, Method::Post];

    /// Each combination is in exactly one of them.
    const TABLE: &[Row] = &[
        (&[ClientGone], &[], NO_RESPONSE, None, &[], None, Cut(Close::Graceful)),
        (&[ClientGone], &[], RESPONSE, None, &[], None, Cut(Close::Abort)),
        (FAREWELLS, &[], &[], None, &[], None, Cut(Close::Abort)),
        (BAD_BODY, &[], NO_RESPONSE, None, &[], None, Answer),
        (BAD_BODY, &[], &[Heard::Written], None, &[], None, Answer),
        (BAD_BODY, &[], &[Heard::Response], None, &[], None, Deliver),
        (BAD_BODY, &[], &[Heard::Whole], None, &[], None, Cut(Close::Abort)),
        (CONNECTS, &[], PART, None, &[], None, Deliver),
        (CONNECTS, &[], &[Heard::Whole], None, &[], None, Cut(Close::Abort)),
        (LOSSES, &[], PART, None, &[], None, Deliver),
        (LOSSES, &[], &[Heard::Whole], None, &[], None, Cut(Close::Abort)),
        (OTHERS, &[], PART, None, &[], None, Deliver),
        (OTHERS, &[], &[Heard::Whole], None, &[], None, Cut(Close::Abort)),
        (CONNECTS, &[], NO_RESPONSE, None, &[], Some(true), Again(Demand::Any)),
        (CONNECTS, &[], NO_RESPONSE, None, &[], Some(false), Answer),
        (LOSSES, &[], &[Heard::Octets], None, &[], None, Answer),
        (LOSSES, &[], &[Heard::Nothing], Some(false), &[], None, Answer),
        (LOSSES, &[Sent::Nothing], &[Heard::Nothing], Some(true), &[], None, Again(Demand::Fresh)),
        (LOSSES, &[Sent::Held], &[Heard::Nothing], Some(true), &[Method::Get], None, Again(Demand::Fresh)),
        (LOSSES, &[Sent::Held], &[Heard::Nothing], Some(true), &[Method::Post], None, Answer),
        (LOSSES, &[Sent::Gone], &[Heard::Nothing], Some(true), &[], None, Answer),
        (OTHERS, &[], NO_RESPONSE, None, &[], None, Answer),
    ];

    fn is_in(row: &Row, failure: Failure, attempt: Attempted) -> bool {
        fn any_or<T: PartialEq>(column: &[T], value: &T) -> bool {
            column.is_empty() || column.contains(value)
        }
        any_or(row.0, &failure)
            && any_or(row.1, &attempt.sent)
            && any_or(row.2, &attempt.heard)
            && row.3.is_none_or(|reused| reused == attempt.reused)
            && any_or(row.4, &attempt.method)
            && row.5.is_none_or(|left| left == attempt.attempts_left)
    }

    fn attempts() -> impl Iterator<Item = Attempted> {
        SENT.iter().flat_map(|sent| HEARD.iter().map(move |heard| (*sent, *heard))).flat_map(
            |(sent, heard)| {
                METHODS.iter().flat_map(move |method| {
                    [(false, false), (false, true), (true, false), (true, true)].map(
                        |(reused, attempts_left)| Attempted {
                            sent,
                            heard,
                            reused,
                            method: *method,
                            attempts_left,
                        },
                    )
                })
            },
        )
    }

    #[test]
    fn what_is_done_stands_in_the_truth_table() {
        let failures = [CONNECTS, LOSSES, FAREWELLS, BAD_BODY, OTHERS, &[ClientGone]].concat();
        for failure in failures {
            for attempt in attempts() {
                let rows = TABLE.iter().filter(|row| is_in(row, failure, attempt));
                let rows = rows.map(|row| row.6).collect::<alloc::vec::Vec<_>>();
                assert_eq!(rows, [after_failure(&failure, attempt)], "{failure:?} {attempt:?}");
            }
        }
    }
}
