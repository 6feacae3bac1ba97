//! Shows any bytes to the detector `schemes`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("schemes", data));
