//! The reference evaluator: plain, exact, without any index.

use gomera_model::Attributes;

use crate::filter::Filter;
use crate::tree::Truth;

/// The verdict of a filter on flattened attributes.
#[must_use]
pub fn evaluate(_filter: &Filter, _flat: &Attributes) -> Truth {
    todo!()
}
