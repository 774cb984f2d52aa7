//! The filter language: text to tree, and the reference evaluator.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod canonical;
mod dialect;
mod error;
pub mod evaluate;
pub mod explain;
mod filter;
pub mod limits;
pub mod lint;
pub mod normalise;
mod parse;
mod print;
pub mod reference;
pub mod tree;

pub use dialect::{Dialect, UnknownDialect};
pub use error::{FilterError, FilterErrorKind, Position};
pub use filter::{Filter, MalformedFilter};
pub use print::print_predicate;
pub use tree::{Expression, Operand, Predicate, Truth};
