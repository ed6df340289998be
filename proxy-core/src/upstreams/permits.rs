//! Our share of a process-wide limit on connections to one endpoint.

/// What is known of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Permits {
    Unlimited,
    Limited {
        /// Granted, in use or not.
        held: u32,
        /// Of these, not in use.
        spare: u32,
        /// Of these, how many other workers wait for. Each that waits is told of once; one that is served by somebody
        /// else goes unnoticed, so this may be too many, never too few.
        wanted: u32,
        /// A request for one is not granted yet.
        asked: bool,
    },
}

/// How a new connection can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At once: a spare permit, if one is needed, is used up.
    Permit,
    /// Once a permit is granted, which is to be asked for.
    Ask,
    /// Once a permit is granted that was asked for before.
    Asked,
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
            Some(_) => Self::Limited { held: 0, spare: 0, wanted: 0, asked: false },
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
        matches!(self, Self::Limited { wanted: 1.., .. })
    }

    /// For a new connection.
    pub(super) fn take(&mut self) -> Taken {
        match self {
            Self::Unlimited => Taken::Permit,
            Self::Limited { spare, .. } if *spare > 0 => {
                *spare -= 1;
                Taken::Permit
            }
            Self::Limited { asked: true, .. } => Taken::Asked,
            Self::Limited { asked, .. } => {
                *asked = true;
                Taken::Ask
            }
        }
    }

    /// One was granted: it is spare. Returns false if nobody can have asked for it.
    pub(super) fn granted(&mut self) -> bool {
        let Self::Limited { held, spare, asked, .. } = self else { return false };
        *asked = false;
        *held += 1;
        *spare += 1;
        true
    }

    /// Another worker waits for one. What we do not hold, we can't give.
    pub(super) fn want(&mut self) {
        if let Self::Limited { held, wanted, .. } = self {
            *wanted = wanted.saturating_add(1).min(*held);
        }
    }

    /// A connection is gone: the permit that it used is free.
    pub(super) fn freed(&mut self) -> Freed {
        let Self::Limited { spare, .. } = self else { return Freed::Unlimited };
        *spare += 1;
        if self.is_wanted() && self.give_back() { Freed::Release } else { Freed::Spare }
    }

    /// Gives back a permit that is spare. Returns false if none is.
    pub(super) fn give_back(&mut self) -> bool {
        match self {
            Self::Limited { held, spare, wanted, .. } if *spare > 0 => {
                *held -= 1;
                *spare -= 1;
                *wanted = wanted.saturating_sub(1);
                true
            }
            Self::Limited { .. } | Self::Unlimited => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as are `held`, all of them in use.
    fn in_use(held: u32) -> Permits {
        let mut permits = Permits::new(Some(9));
        for _ in 0..held {
            assert_eq!(permits.take(), Taken::Ask);
            assert!(permits.granted());
            assert_eq!(permits.take(), Taken::Permit);
        }
        permits
    }

    #[test]
    fn each_worker_that_waits_gets_a_permit_that_comes_free() {
        let mut permits = in_use(3);
        permits.want();
        permits.want();
        let freed = [permits.freed(), permits.freed(), permits.freed()];
        assert_eq!(freed, [Freed::Release, Freed::Release, Freed::Spare]);
    }

    #[test]
    fn nobody_is_promised_a_permit_that_we_do_not_hold() {
        let mut permits = in_use(1);
        permits.want();
        permits.want();
        assert_eq!(permits.freed(), Freed::Release);
        assert!(permits.granted());
        assert!(!permits.is_wanted(), "the second was told of while we held only one");
    }

    #[test]
    fn a_surplus_that_goes_back_is_for_whoever_waits() {
        let mut permits = in_use(1);
        assert_eq!(permits.freed(), Freed::Spare);
        permits.want();
        assert!(permits.give_back());
        assert!(!permits.is_wanted() && !permits.has_spare());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut permits = Permits::new(None);
        permits.want();
        assert_eq!(permits.take(), Taken::Permit);
        assert_eq!(permits.freed(), Freed::Unlimited);
        assert!(!permits.granted() && !permits.give_back() && !permits.is_wanted());
    }
}
