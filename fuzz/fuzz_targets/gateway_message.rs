//! libFuzzer's entry to `drydock_fuzz::gateway_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::gateway_message(data));
