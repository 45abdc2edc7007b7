//! libFuzzer's entry to `drydock_fuzz::snapshot_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::snapshot_file(data));
