//! Any bytes as the text of a filter.

#![no_main]

#[path = "../../filter/tests/agreement/mod.rs"]
mod agreement;

use gomera_filter::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::fuzz::text(Dialect::Cesql, bytes));
