//! The four operators as pure state machines: connection point, access point, matcher, exit point.
//!
//! Each has the same inputs: a frame that came in a lane, a word of the coordinator, the end of a turn, a point in time
//! it asked for. What must be done comes out as [`Effect`]s, in order. A *turn* is a batch of inputs; at its end an
//! operator hands over what it gathered, so that the batch is the unit of every hop.
//!
//! The way of a notification: [`connection_point`] → [`access_point`] → [`matcher`] → [`exit_point`] →
//! [`connection_point`].

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod access_point;
pub mod connection_point;
pub mod effect;
mod epochs;
pub mod exit_point;
mod holdings;
pub mod limits;
pub mod link;
pub mod matcher;
mod operator;
mod routing;
pub mod rules;

pub use access_point::AccessPoint;
pub use connection_point::{ConnectionId, ConnectionPoint, FreshSession, Stream};
pub use effect::{Effect, Effects};
pub use exit_point::ExitPoint;
pub use holdings::{Holding, Holdings};
pub use matcher::Matcher;
pub use operator::Operator;
pub use rules::{Rule, Rules};
