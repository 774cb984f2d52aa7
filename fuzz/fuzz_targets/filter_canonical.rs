//! Any bytes as a filter from another host.

#![no_main]

#[path = "../../filter/tests/language/mod.rs"]
mod language;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| language::fuzz::canonical(bytes));
