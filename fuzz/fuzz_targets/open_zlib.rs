//! Walks any bytes as `zlib`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("zlib", data));
