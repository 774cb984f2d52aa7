//! The contract, checked from outside, against any broker.
//!
//! [`clients`] publish and subscribe, and each writes down what it did and what came to it ([`record`]). [`judge`] reads
//! that again ([`trail`]) and says what of it breaks the contract, with an evaluation of filters that shares no code
//! with the broker's (`predicate`); [`story`] tells it.

pub mod clients;
pub(crate) mod content;
pub mod judge;
pub(crate) mod predicate;
pub mod record;
pub mod story;
pub mod trail;
pub(crate) mod value;

pub use predicate::ParseError;
