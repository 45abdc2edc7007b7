//! libFuzzer's entry to `drydock_fuzz::nmea_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drydock_fuzz::nmea_log(data));
