//! libFuzzer's entry to `drydock_fuzz::link_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::link_frame(data));
