//! Shows any bytes to the detector `masquerade`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("masquerade", data));
