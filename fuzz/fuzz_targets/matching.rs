//! Any bytes as changes of the index and questions to it, against the reference evaluator.

#![no_main]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../matching/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::changes(bytes));
