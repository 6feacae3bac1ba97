//! Walks any bytes as `gzip`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("gzip", data));
