//! libFuzzer's entry to `drydock_fuzz::air_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::air_frame(data));
