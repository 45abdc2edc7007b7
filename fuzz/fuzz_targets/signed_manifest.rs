//! libFuzzer's entry to `drydock_fuzz::signed_manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::signed_manifest(data));
