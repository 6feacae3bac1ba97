//! Walks any bytes as `warc`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("warc", data));
