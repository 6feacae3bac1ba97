//! Shows any bytes to the detector `programs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("programs", data));
