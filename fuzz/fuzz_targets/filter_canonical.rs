//! Any bytes as a filter from another host.

#![no_main]

#[path = "../../filter/tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::fuzz::canonical(bytes));
