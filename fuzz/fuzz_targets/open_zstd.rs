//! Walks any bytes as `zstd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("zstd", data));
