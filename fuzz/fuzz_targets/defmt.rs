//! libFuzzer's entry to `drydock_fuzz::defmt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::defmt(data));
