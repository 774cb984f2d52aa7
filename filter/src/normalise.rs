//! Normal forms: NOT at the leaves, and an OR of ANDs within a bound.

use alloc::vec::Vec;

use crate::tree::{Expression, Predicate};

/// One test of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The test.
    pub predicate: Predicate,
    /// Whether its opposite is meant. Never for a comparison of `Unlike::Unknown`, which is turned round instead.
    pub negated: bool,
}

/// Tests that must all be true. An empty row is always true.
pub type Row = Vec<Test>;

/// The rows of a filter that is true exactly where one of them is. No rows: it is never true.
/// `None` where there would be more than [`ROWS_MAX`](crate::limits::ROWS_MAX).
#[must_use]
pub fn rows(_expression: &Expression) -> Option<Vec<Row>> {
    todo!()
}

/// The same expression with `NOT` only directly above predicates: the same verdict, true, false or unknown, everywhere.
#[must_use]
pub fn negation_normal(_expression: &Expression) -> Expression {
    todo!()
}
