//! What the index is compared with: a compiled scan, a counting index, and the crate `a-tree`.

mod atree;
mod counting;
mod naive;

pub(crate) use atree::ATreeEngine;
pub(crate) use counting::Counting;
pub(crate) use naive::Naive;
