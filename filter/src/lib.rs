//! The filter language: text to tree, and the reference evaluator.
//!
//! ```text
//! text --parse--> Expression (tree) --canonical--> bytes, which travel and are stored
//!                     |  \--print--> canonical text
//!                     |--normalise--> rows of tests, for an index
//!                     |--reference--> verdict: true, false, unknown
//!                     |--explain---> which clause decided, and why
//!                     \--lint------> what looks like a mistake
//! ```
//!
//! `docs/language.md` has the rules. Where dialects differ the tree says so, so one evaluator serves all of them:
//! [`evaluate`] gives single predicates their meaning, [`mod@reference`] walks the tree. An index has code of its own for
//! what it looks up, and may ask [`evaluate`] for the rest; no code of an index has a part in either.
//!
//! ```
//! use gomera_filter::{Dialect, Filter, Truth, reference};
//! use gomera_model::AttributesBuilder;
//!
//! let filter = Filter::parse(Dialect::Sql, "type = 'door' AND NOT closed")?;
//! let notification = AttributesBuilder::new().with("type", "door").with("closed", false).build().unwrap();
//! assert_eq!(reference::evaluate(&filter, &notification), Truth::True);
//!
//! let unknown = AttributesBuilder::new().with("type", "door").build().unwrap();
//! assert_eq!(reference::evaluate(&filter, &unknown), Truth::Unknown);
//!
//! let error = Filter::parse(Dialect::Sql, "type == 'door'").unwrap_err();
//! assert_eq!(error.caret("type == 'door'"), "type == 'door'\n      ^");
//! # Ok::<(), gomera_filter::FilterError>(())
//! ```

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

pub use canonical::pieces;
pub use dialect::{Dialect, UnknownDialect};
pub use error::{FilterError, FilterErrorKind, Position};
pub use filter::{Filter, MalformedFilter};
pub use print::print_predicate;
pub use tree::{Expression, Operand, Predicate, Truth};
