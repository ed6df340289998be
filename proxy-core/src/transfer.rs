//! The two halves of a message's way through us: receiving its content from one connection, and sending it on another.
//!
//! Sessions and links share them: a request is received by a session and sent by a link, a response the other way
//! round. Neither half knows of heads, of the other half, or of time.

use crate::http::{BadBody, BodyDecoder, BodyEncoder, BodySink, Framing, Piece, Trailers, Truncated};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use bytes::Bytes;
use core::mem;

/// How far one message's content is received.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Receiving {
    /// There is more to come, or its end was not looked at yet.
    Body(BodyDecoder),
    /// All read. What follows belongs to the next message.
    Done,
    /// After 101: octets without a message.
    Raw,
    /// After a 101 that came before the content was whole: the rest of it, and then octets without a message.
    BeforeRaw(BodyDecoder),
}

/// The next part of what was received.
#[derive(Debug)]
pub(crate) enum Received {
    /// Nothing more for now.
    Nothing,
    /// A piece of the content, or of a tunnel.
    Data(Bytes),
    /// The message is whole.
    End(Option<Trailers>),
    /// Its framing breaks a rule.
    Bad(BadBody),
}

/// What the peer's FIN means to a message that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fin {
    /// It ends close-delimited content, which is whole.
    Whole,
    /// It ends the peer's half of a tunnel.
    HalfClose,
    /// The message is cut.
    Truncated,
}

impl Receiving {
    /// Takes the next part off the front of `inbox`.
    #[inline]
    pub(crate) fn next(&mut self, inbox: &mut Inbox) -> Received {
        match self {
            Self::Body(decoder) => {
                let received = decoded(decoder, inbox);
                if matches!(received, Received::End(_)) {
                    *self = Self::Done;
                }
                received
            }
            Self::BeforeRaw(decoder) => {
                let received = decoded(decoder, inbox);
                if matches!(received, Received::End(_)) {
                    *self = Self::Raw;
                }
                received
            }
            Self::Raw if !inbox.is_empty() => Received::Data(inbox.take(inbox.len())),
            Self::Raw | Self::Done => Received::Nothing,
        }
    }

    /// What follows the content has no message any more.
    pub(crate) fn switch(&mut self) {
        *self = match mem::replace(self, Self::Raw) {
            Self::Body(decoder) if !decoder.is_finished() => Self::BeforeRaw(decoder),
            _ => Self::Raw,
        };
    }

    /// What the peer's FIN means now that everything before it was taken.
    pub(crate) fn on_fin(&mut self) -> Fin {
        match self {
            Self::Raw => Fin::HalfClose,
            Self::Body(decoder) => match decoder.eof() {
                Ok(()) => {
                    *self = Self::Done;
                    Fin::Whole
                }
                Err(Truncated) => Fin::Truncated,
            },
            Self::Done | Self::BeforeRaw(_) => Fin::Truncated,
        }
    }

    /// How many octets are still to come that nobody needs to see, with nothing before them in `inbox`.
    pub(crate) fn unseen(&self, inbox: &Inbox) -> u64 {
        match self {
            Self::Body(decoder) if inbox.is_empty() => decoder.certain(),
            Self::Body(_) | Self::Done | Self::Raw | Self::BeforeRaw(_) => 0,
        }
    }

    /// `n` of them went by.
    pub(crate) fn skip(&mut self, n: usize) {
        if let Self::Body(decoder) = self {
            decoder.skip(n as u64);
        }
    }

    /// Whether the peer still owes octets of a message's content.
    pub(crate) const fn is_owed(&self) -> bool {
        matches!(self, Self::Body(_))
    }
}

/// How far one message's content is sent.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Sending {
    /// There is more to come.
    Body(BodyEncoder),
    /// All of it is in the outbox, or has left it.
    Done,
    /// After 101: octets without a message; `fin` once no more will come.
    Raw { fin: bool },
    /// After a 101 that came before the content was whole: the rest of it, and then octets without a message.
    BeforeRaw(BodyEncoder),
}

impl Sending {
    /// Sends content that is framed so.
    pub(crate) fn new(framing: Framing) -> Self {
        Self::Body(BodyEncoder::new(framing))
    }

    /// Puts a piece of the content, or of a tunnel, behind what waits in `outbox`.
    pub(crate) fn send(&self, data: Bytes, outbox: &mut Outbox) {
        match self {
            Self::Body(encoder) | Self::BeforeRaw(encoder) => encoder.data(data, outbox),
            Self::Raw { .. } => outbox.put_bytes(data),
            Self::Done => {}
        }
    }

    /// Ends the content.
    pub(crate) fn end(&mut self, trailers: Option<&Trailers>, outbox: &mut Outbox) {
        let (encoder, then) = match self {
            Self::Body(encoder) => (*encoder, Self::Done),
            Self::BeforeRaw(encoder) => (*encoder, Self::Raw { fin: false }),
            Self::Done | Self::Raw { .. } => return,
        };
        encoder.end(trailers, outbox);
        *self = then;
    }

    /// What follows the content has no message any more.
    pub(crate) fn switch(&mut self) {
        *self = match self {
            Self::Body(encoder) => Self::BeforeRaw(*encoder),
            _ => Self::Raw { fin: false },
        };
    }

    /// No more octets of the tunnel will come: FIN once what waits is written.
    pub(crate) fn end_raw(&mut self) {
        *self = Self::Raw { fin: true };
    }

    /// Whether FIN is due.
    pub(crate) const fn wants_fin(&self, outbox: &Outbox) -> bool {
        matches!(self, Self::Raw { fin: true }) && outbox.is_empty()
    }

    /// Whether the next octets may come by pipe: nothing is written between them.
    pub(crate) fn takes_piped(&self, outbox: &Outbox) -> bool {
        matches!(self, Self::Body(encoder) if encoder.is_bare()) && outbox.takes_piped()
    }

    /// Whether its receiver can tell a part of it from the whole without a reset.
    pub(crate) fn shows_end(&self) -> bool {
        match self {
            Self::Body(encoder) => encoder.shows_end(),
            Self::Done => true,
            Self::Raw { .. } | Self::BeforeRaw(_) => false,
        }
    }

    /// Whether nothing of the content is still to be put into the outbox.
    pub(crate) const fn is_over(&self) -> bool {
        !matches!(self, Self::Body(_) | Self::BeforeRaw(_))
    }
}

fn decoded(decoder: &mut BodyDecoder, inbox: &mut Inbox) -> Received {
    match decoder.decode(inbox.lend()) {
        Ok(Piece::NeedMore) => Received::Nothing,
        Ok(Piece::Data(bytes)) => Received::Data(bytes),
        Ok(Piece::End(trailers)) => Received::End(trailers),
        Err(bad) => Received::Bad(bad),
    }
}
