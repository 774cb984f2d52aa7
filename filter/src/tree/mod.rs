//! The syntax tree that every dialect is parsed into. Plain data: the index reads predicates out of it.
//!
//! ```text
//! Filter -> Expression: And, Or, Not, AndThen, OrElse over
//!             Predicate: one test that is true, false or unknown, over
//!               Operand: attribute, literal, arithmetic, function
//! ```
//!
//! What differs between dialects stands in the tree ([`Unlike`], [`Expression::AndThen`], functions of their own), so
//! that a tree means the same wherever it came from.

mod like;
mod literal;
mod operand;
mod path;
mod predicate;
mod regex;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub use like::{LikePart, LikePattern, TextShape};
pub use literal::Literal;
pub use operand::{Arithmetic, CloudFunction, Function, Operand};
pub use path::{Path, Step};
pub use predicate::{
    BoundingBox, Comparison, Kind, Polygon, Predicate, Quantifier, TextTest, Unlike,
};
pub use regex::{Regex, RegexError};

/// A truth value of Kleene's logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It cannot be said: something is missing, null, of another type, or not computable.
    Unknown,
    /// It holds. Only this delivers.
    True,
}

impl Truth {
    /// True where the filter matches.
    #[must_use]
    pub fn is_true(self) -> bool {
        self == Self::True
    }

    /// The smaller of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// The larger of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl core::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// A condition: true, false or unknown for a notification.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// The same for every notification.
    Constant(Truth),
    /// One test.
    Predicate(Predicate),
    /// The opposite; unknown stays unknown.
    Not(Box<Expression>),
    /// The least of two or more.
    And(Vec<Expression>),
    /// The greatest of two or more.
    Or(Vec<Expression>),
    /// Each in turn up to the first that is not true, which is the result (`cesql`). True exactly where [`Self::And`]
    /// is; `unknown AND THEN false` is unknown.
    AndThen(Vec<Expression>),
    /// Each in turn up to the first that is not false, which is the result (`cesql`): `a OR ELSE b` is
    /// `a OR (NOT a AND b)`.
    OrElse(Vec<Expression>),
}
