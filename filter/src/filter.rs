//! A parsed filter: immutable, cheap to clone.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use gomera_model::operation::CanonicalFilter;

use crate::canonical;
use crate::dialect::Dialect;
use crate::error::FilterError;
use crate::parse;
use crate::print;
use crate::tree::{Expression, Predicate, Unlike};

/// A filter, parsed and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Arc<Parsed>);

#[derive(Debug, PartialEq)]
struct Parsed {
    dialect: Dialect,
    expression: Expression,
}

/// Canonical bytes that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed canonical filter")]
pub struct MalformedFilter;

impl Filter {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and where.
    pub fn parse(dialect: Dialect, text: &str) -> Result<Self, FilterError> {
        let expression = parse::parse(dialect, text)?;
        Ok(Self(Arc::new(Parsed {
            dialect,
            expression,
        })))
    }

    /// Reads the form that travels between operators.
    ///
    /// # Errors
    ///
    /// If it was not made by [`Filter::canonical`] of this version.
    pub fn from_canonical(canonical: &CanonicalFilter) -> Result<Self, MalformedFilter> {
        let (dialect, expression) = canonical::decode(&canonical.0).ok_or(MalformedFilter)?;
        Ok(Self(Arc::new(Parsed {
            dialect,
            expression,
        })))
    }

    /// The form that travels between operators and is stored: short, and read fast.
    #[must_use]
    pub fn canonical(&self) -> CanonicalFilter {
        CanonicalFilter(canonical::encode(self.0.dialect, &self.0.expression).into())
    }

    /// Canonical text, in the filter's dialect: parsing it gives the same filter.
    #[must_use]
    pub fn text(&self) -> String {
        print::print(self.0.dialect, &self.0.expression)
    }

    /// The filter that is true exactly where this one is false: `NOT (…)`.
    #[must_use]
    pub fn negated(&self) -> Self {
        let mut expression = self.0.expression.clone();
        // Within NOT that dialect casts, which a verdict as a whole does not.
        if let Expression::Predicate(Predicate::Holds(_, unlike)) = &mut expression
            && self.0.dialect == Dialect::Cesql
        {
            *unlike = Unlike::Cast;
        }
        Self(Arc::new(Parsed {
            dialect: self.0.dialect,
            expression: *parse::not(Box::new(expression)),
        }))
    }

    /// The language that it was written in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The syntax tree.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.0.expression
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
