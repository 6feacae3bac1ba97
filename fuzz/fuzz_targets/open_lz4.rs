//! Walks any bytes as `lz4`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("lz4", data));
