//! Shows any bytes to the detector `shortcuts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("shortcuts", data));
