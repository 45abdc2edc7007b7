//! libFuzzer's entry to `drydock_fuzz::board_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::board_file(data));
