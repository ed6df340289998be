//! Swarm testing: each run allows only some kinds of misbehaviour, so that one kind can't hide another.

use serde::{Deserialize, Serialize};

/// A kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// Reads and writes end anywhere.
    Splits,
    /// Connections have little room.
    SmallWindows,
    /// Connections are slow.
    Bandwidth,
    /// The proxy's process runs out of descriptors.
    Descriptors,
    /// There are news of connections that are dead.
    LateNews,
    /// Clients leave in the middle.
    Aborts,
    /// Clients send slowly or stop.
    SlowSenders,
    /// Clients read slowly or stop.
    SlowReaders,
    /// Origins answer slowly or stop.
    SlowOrigins,
    /// Origins cut their answers.
    Truncation,
    /// Origins break the protocol.
    Nonsense,
    /// Origins close idle connections.
    StaleConnections,
    /// Origins answer early or don't read.
    EarlyAnswers,
    /// Connects fail.
    Connects,
    /// Endpoints go down and come back.
    Flapping,
    /// Requests of the catalogue, most of which no proxy may accept.
    Smuggling,
    /// The proxy's process stands still, and its ticks come late.
    Stalls,
    /// The process-wide limits are low, and others want a share.
    Limits,
    /// Limits on waiting are other than usual, or off.
    Timeouts,
    /// The proxy is drained.
    Drain,
}

/// All of them.
pub(crate) const ALL: [Fault; 20] = [
    Fault::Splits,
    Fault::SmallWindows,
    Fault::Bandwidth,
    Fault::Descriptors,
    Fault::LateNews,
    Fault::Aborts,
    Fault::SlowSenders,
    Fault::SlowReaders,
    Fault::SlowOrigins,
    Fault::Truncation,
    Fault::Nonsense,
    Fault::StaleConnections,
    Fault::EarlyAnswers,
    Fault::Connects,
    Fault::Flapping,
    Fault::Smuggling,
    Fault::Stalls,
    Fault::Limits,
    Fault::Timeouts,
    Fault::Drain,
];
