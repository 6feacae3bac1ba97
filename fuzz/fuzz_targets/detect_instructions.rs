//! Shows any bytes to the detector `instructions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("instructions", data));
