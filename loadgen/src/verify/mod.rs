//! The contract, checked from outside.

pub mod clients;
pub(crate) mod content;
pub mod judge;
pub(crate) mod predicate;
pub mod record;
pub mod trail;
pub(crate) mod value;
