//! The reference evaluator: a walk over the tree, plain and exact. No index has a part in it.

use gomera_model::Attributes;

use crate::evaluate::{Prepared, Values, evaluate_expression};
use crate::filter::Filter;
use crate::tree::Truth;

/// The verdict of a filter on flattened attributes.
#[must_use]
pub fn evaluate(filter: &Filter, flat: &Attributes) -> Truth {
    evaluate_on(filter, flat)
}

/// The verdict of a filter on values that were laid out before, for many filters on one notification.
#[must_use]
pub fn evaluate_prepared(filter: &Filter, flat: &Prepared<'_>) -> Truth {
    evaluate_on(filter, flat)
}

/// Whether a filter delivers.
#[must_use]
pub fn matches(filter: &Filter, flat: &Attributes) -> bool {
    evaluate(filter, flat).is_true()
}

fn evaluate_on<V: Values>(filter: &Filter, values: &V) -> Truth {
    evaluate_expression(filter.expression(), values)
}
