//! libFuzzer's entry to `drydock_fuzz::device_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::device_message(data));
