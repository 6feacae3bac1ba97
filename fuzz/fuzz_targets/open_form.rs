//! Walks any bytes as `form`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("form", data));
