//! The two halves of a message's way through us: receiving its content from one connection, and sending it on another.
//!
//! Sessions and links share them: a request is received by a session and sent by a link, a response the other way
//! round. Neither half knows of heads, of the other half, or of time.

use crate::http::{BadBody, BodyDecoder, BodyEncoder, BodySink, Framing, Piece, Trailers, Truncated};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use bytes::Bytes;

/// How far one message's content is received.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Receiving {
    /// There is more to come, or its end was not looked at yet.
    Body(BodyDecoder),
    /// All read. What follows belongs to the next message.
    Done,
    /// After 101: octets without a message.
    Raw,
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
            Self::Body(decoder) => match decoder.decode(inbox.lend()) {
                Ok(Piece::NeedMore) => Received::Nothing,
                Ok(Piece::Data(bytes)) => Received::Data(bytes),
                Ok(Piece::End(trailers)) => {
                    *self = Self::Done;
                    Received::End(trailers)
                }
                Err(bad) => Received::Bad(bad),
            },
            Self::Raw if !inbox.is_empty() => Received::Data(inbox.take(inbox.len())),
            Self::Raw | Self::Done => Received::Nothing,
        }
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
            Self::Done => Fin::Truncated,
        }
    }

    /// How many octets are still to come that nobody needs to see, with nothing before them in `inbox`.
    pub(crate) fn unseen(&self, inbox: &Inbox) -> u64 {
        match self {
            Self::Body(decoder) if inbox.is_empty() => decoder.certain(),
            Self::Body(_) | Self::Done | Self::Raw => 0,
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
}

impl Sending {
    /// Sends content that is framed so.
    pub(crate) fn new(framing: Framing) -> Self {
        Self::Body(BodyEncoder::new(framing))
    }

    /// Puts a piece of the content, or of a tunnel, behind what waits in `outbox`.
    pub(crate) fn send(&self, data: Bytes, outbox: &mut Outbox) {
        match self {
            Self::Body(encoder) => encoder.data(data, outbox),
            Self::Raw { .. } => outbox.put_bytes(data),
            Self::Done => {}
        }
    }

    /// Ends the content.
    pub(crate) fn end(&mut self, trailers: Option<&Trailers>, outbox: &mut Outbox) {
        if let Self::Body(encoder) = self {
            encoder.end(trailers, outbox);
            *self = Self::Done;
        }
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
            Self::Raw { .. } => false,
        }
    }

    /// Whether nothing of the content is still to be put into the outbox.
    pub(crate) const fn is_over(&self) -> bool {
        !matches!(self, Self::Body(_))
    }
}
