//! Shows any bytes to the detector `settings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("settings", data));
