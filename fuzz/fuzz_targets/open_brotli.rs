//! Walks any bytes as `brotli`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("brotli", data));
