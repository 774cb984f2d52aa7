//! Any bytes as what another host sends.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gomera_model::link::fuzz::decode(bytes));
