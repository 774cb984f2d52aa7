//! Open-loop load over real client connections.

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
