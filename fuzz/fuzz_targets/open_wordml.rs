//! Walks any bytes as `wordml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("wordml", data));
