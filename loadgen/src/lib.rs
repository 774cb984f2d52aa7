//! Open-loop load over real client connections.

pub mod readings;
