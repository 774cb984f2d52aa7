//! Open-loop load over real client connections.
//!
//! A run is planned before it starts ([`schedule`]): what is published by whom and when is a function, so that nothing
//! has to be written down on the way in. [`readings`] are what is published, [`filters`] what is asked for. [`fleet`]
//! are the clients that do it, at the pace of [`pacer`]; [`live`] is what they do at the moment. What arrived
//! ([`arrivals`]) is afterwards measured from when it was due ([`measurement`]) and judged ([`checker`]).

pub mod arrivals;
pub mod checker;
pub mod filters;
pub mod fleet;
pub mod live;
pub mod measurement;
pub mod pacer;
pub mod random;
pub mod readings;
pub mod schedule;
pub mod verify;
