//! libFuzzer's entry to `drydock_fuzz::usbip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::usbip(data));
