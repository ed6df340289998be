//! Carries the actions of `proxy-core` out on sockets, and decides nothing.
