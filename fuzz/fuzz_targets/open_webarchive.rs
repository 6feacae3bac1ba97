//! Walks any bytes as `webarchive`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("webarchive", data));
