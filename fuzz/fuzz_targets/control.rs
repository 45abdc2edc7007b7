//! libFuzzer's entry to `drydock_fuzz::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::control(data));
