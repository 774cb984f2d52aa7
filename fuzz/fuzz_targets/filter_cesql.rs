//! Any bytes as the text of a filter.

#![no_main]

#[path = "../../filter/tests/language/mod.rs"]
mod language;

use gomera_filter::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| language::fuzz::text(Dialect::Cesql, bytes));
