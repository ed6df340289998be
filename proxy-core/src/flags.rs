//! Who ended an exchange, and in which phase: HAProxy's two letters.

/// Who ended an exchange, and in which phase: HAProxy's session state at disconnection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags {
    /// Who or what.
    pub cause: Cause,
    /// In which phase.
    pub phase: Phase,
}

impl Flags {
    /// Of an exchange that went well.
    pub(crate) const WELL: Self = Self { cause: Cause::Nobody, phase: Phase::Done };

    /// The two letters, `--` for an exchange that went well.
    pub const fn letters(self) -> [u8; 2] {
        [self.cause as u8, self.phase as u8]
    }
}

/// Who ended an exchange. Upper case acts, lower case is a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Nobody: it went well.
    Nobody = b'-',
    /// The client left or broke a rule.
    Client = b'C',
    /// The client was late.
    ClientTimeout = b'c',
    /// The server refused, left or broke a rule.
    Server = b'S',
    /// The server was late.
    ServerTimeout = b's',
    /// We refused.
    Proxy = b'P',
    /// We lack a resource.
    Resource = b'R',
    /// We are shutting down.
    Killed = b'K',
}

/// The phase in which an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// After it was over.
    Done = b'-',
    /// Reading the request head.
    Request = b'R',
    /// Queued.
    Queue = b'Q',
    /// Connecting.
    Connect = b'C',
    /// Waiting for the response head.
    Head = b'H',
    /// Bodies were moving.
    Data = b'D',
    /// `total` ran out, wherever.
    Total = b'T',
}
