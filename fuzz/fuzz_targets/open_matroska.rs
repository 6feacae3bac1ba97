//! Walks any bytes as `matroska`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("matroska", data));
