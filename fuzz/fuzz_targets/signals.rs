//! libFuzzer's entry to `drydock_fuzz::signals`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::signals(data));
