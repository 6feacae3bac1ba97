//! Walks any bytes as `ooxml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("ooxml", data));
