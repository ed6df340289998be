//! The names of things: of which a configuration lists many, and of what comes and goes.

use crate::slab::Key;
use serde::{Deserialize, Serialize};

/// Makes the name of one thing among those that a configuration lists.
macro_rules! places {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The same as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// Names the thing at `index`.
            ///
            /// # Panics
            /// When there are more than 2³² of its kind.
            pub fn at(index: usize) -> Self {
                Self(u32::try_from(index).expect("fewer than 2^32 of a kind"))
            }
        }
    )*};
}

places! {
    /// A listener's place in [`Config::listeners`](crate::Config::listeners).
    ListenerId
    /// A route's place in [`Config::routes`](crate::Config::routes).
    RouteId
    /// A cluster's place in [`Config::clusters`](crate::Config::clusters).
    ClusterId
    /// An endpoint's place in [`Config::endpoints`](crate::Config::endpoints).
    EndpointId
}

/// Names one exchange. The id of one that is over finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExchangeId(pub(crate) Key);
