//! Shows any bytes to the detector `scripts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("scripts", data));
