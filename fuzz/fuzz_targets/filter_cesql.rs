//! Any bytes as the text of a filter.

#![no_main]

#[path = "../../filter/tests/common/mod.rs"]
mod common;

use gomera_filter::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::fuzz::text(Dialect::Cesql, bytes));
