//! libFuzzer's entry to `drydock_fuzz::part_table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::part_table(data));
