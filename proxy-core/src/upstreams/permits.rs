//! Our share of a process-wide limit on connections to one endpoint.

/// What is known of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Permits {
    Unlimited,
    Limited {
        /// Granted and not in use.
        spare: u32,
        /// A request for one is not granted yet.
        asked: bool,
        /// Another worker waits for one.
        wanted: bool,
    },
}

/// How a new connection can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At once: a spare permit, if one is needed, is used up.
    Permit,
    /// Once a permit is granted, which is to be asked for.
    Ask,
}

/// What becomes of a permit that came free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freed {
    /// There is none.
    Unlimited,
    /// It is spare: for a request that waits here, or surplus.
    Spare,
    /// It goes back to the process.
    Release,
}

impl Permits {
    /// `max`: how many the whole process has.
    pub(super) fn new(max: Option<u32>) -> Self {
        match max {
            None => Self::Unlimited,
            Some(_) => Self::Limited { spare: 0, asked: false, wanted: false },
        }
    }

    /// Whether a connection can be made, now or once a permit that was not asked for yet is granted. None is spare.
    pub(super) const fn may_connect(self) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Limited { asked, .. } => !asked,
        }
    }

    pub(super) const fn has_spare(self) -> bool {
        matches!(self, Self::Limited { spare: 1.., .. })
    }

    pub(super) const fn is_wanted(self) -> bool {
        matches!(self, Self::Limited { wanted: true, .. })
    }

    /// For a new connection.
    pub(super) fn take(&mut self) -> Taken {
        match self {
            Self::Unlimited => Taken::Permit,
            Self::Limited { spare, .. } if *spare > 0 => {
                *spare -= 1;
                Taken::Permit
            }
            Self::Limited { asked, .. } => {
                *asked = true;
                Taken::Ask
            }
        }
    }

    /// One was granted: it is spare. Returns false if nobody can have asked for it.
    pub(super) fn granted(&mut self) -> bool {
        let Self::Limited { spare, asked, .. } = self else { return false };
        *asked = false;
        *spare += 1;
        true
    }

    /// Another worker waits for one. `gives_way`: a connection that holds one is closed for it.
    pub(super) fn want(&mut self, gives_way: bool) {
        if let Self::Limited { wanted, .. } = self {
            *wanted = !gives_way;
        }
    }

    /// A connection is gone, and its permit with it.
    pub(super) fn freed(&mut self) -> Freed {
        match self {
            Self::Unlimited => Freed::Unlimited,
            Self::Limited { wanted, .. } if *wanted => {
                *wanted = false;
                Freed::Release
            }
            Self::Limited { spare, .. } => {
                *spare += 1;
                Freed::Spare
            }
        }
    }

    /// Gives back a permit that is spare. Returns false if none is.
    pub(super) fn give_back(&mut self) -> bool {
        match self {
            Self::Limited { spare, .. } if *spare > 0 => {
                *spare -= 1;
                true
            }
            Self::Limited { .. } | Self::Unlimited => false,
        }
    }
}
