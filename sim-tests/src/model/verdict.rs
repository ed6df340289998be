//! How a request must end when nothing but what it says itself, and what it is answered, can go wrong.

use crate::catalogue::{requests, responses};
use crate::model::routes;
use crate::script::{Method, Script};
use crate::setup;
use crate::wording;

/// The end that a request and its answer deserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The origin's answer goes to the client.
    Served,
    /// The proxy answers by itself: 200.
    Answered,
    /// The proxy refuses the head with this status.
    Refused(u16),
    /// No route matches: 404.
    NoRoute,
    /// The length of the body is over the limit: 413, before anything of it goes on.
    TooLong,
    /// The body turns out to be over the limit: 413.
    GrowsTooLong,
    /// There is no server for it: 503.
    NoServer,
    /// The request's body breaks a rule: 400.
    BadBody,
    /// The answer's head breaks a rule: 502.
    BadResponse,
    /// The answer's head is over a limit: 502.
    HeadTooLarge,
    /// The answer's body breaks a rule: it is cut.
    CutResponse,
}

impl Verdict {
    /// On request `id`.
    pub(crate) fn on(script: &Script, id: u32) -> Self {
        match script.raw_request(id).map(|raw| raw.fate) {
            Some(requests::Fate::Refused(status)) => Self::Refused(status),
            Some(requests::Fate::Answered) => Self::Answered,
            Some(fate) => Self::on_route(script, id, fate == requests::Fate::BadBody),
            None => Self::on_route(script, id, false),
        }
    }

    /// On a request whose head is in order.
    fn on_route(script: &Script, id: u32, is_bad: bool) -> Self {
        let Some(place) = routes::place_of(script, id) else { return Self::NoRoute };
        let max = routes::all(script).get(place).and_then(setup::body_max);
        let is_long = max.is_some_and(|max| wording::request_content(script, id).len() as u64 > max);
        let is_chunked = wording::is_chunked_request(script, id);
        match (is_long, is_chunked) {
            (true, false) => Self::TooLong,
            _ if setup::first_endpoint_of(script, id).is_none() => Self::NoServer,
            (true, true) => Self::GrowsTooLong,
            (false, _) if is_bad => Self::BadBody,
            (false, _) => Self::on_answer(script, id),
        }
    }

    /// On the answer to request `id`, whatever the request.
    pub(crate) fn on_answer(script: &Script, id: u32) -> Self {
        match script.raw_answer(id).map(|raw| raw.fate) {
            Some(responses::Fate::Bad) => Self::BadResponse,
            Some(responses::Fate::TooLarge) => Self::HeadTooLarge,
            // What follows the head in answer to HEAD is no body.
            Some(responses::Fate::Cut) if wording::method(script, id) != Method::Head => Self::CutResponse,
            Some(responses::Fate::Cut | responses::Fate::Passed(_)) | None => Self::Served,
        }
    }

    /// The reason that the log gives.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Served | Self::Answered => "ok",
            Self::Refused(413 | 414 | 431) | Self::TooLong | Self::GrowsTooLong => "request_too_large",
            Self::NoRoute => "no_route",
            Self::NoServer => "no_healthy_endpoint",
            Self::Refused(_) | Self::BadBody => "bad_request",
            Self::BadResponse | Self::CutResponse => "upstream_bad_response",
            Self::HeadTooLarge => "upstream_head_too_large",
        }
    }

    /// What the proxy answers by itself, if it does.
    pub(crate) const fn status(self) -> Option<u16> {
        match self {
            Self::Served | Self::CutResponse => None,
            Self::Answered => Some(200),
            Self::Refused(status) => Some(status),
            Self::NoRoute => Some(404),
            Self::TooLong | Self::GrowsTooLong => Some(413),
            Self::NoServer => Some(503),
            Self::BadBody => Some(400),
            Self::BadResponse | Self::HeadTooLarge => Some(502),
        }
    }

    /// Whether anything of the request may reach an origin.
    pub(crate) const fn goes_on(self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Answered | Self::NoRoute | Self::TooLong | Self::NoServer)
    }
}
