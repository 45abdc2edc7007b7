//! libFuzzer's entry to `drydock_fuzz::dfu_device`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::dfu_device(data));
