//! Any bytes as a filter from another host.

#![no_main]

#[path = "../../filter/tests/agreement/mod.rs"]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::fuzz::canonical(bytes));
