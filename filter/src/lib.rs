//! The filter language: text to tree, and the reference evaluator.
