//! Walks any bytes as `script`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("script", data));
