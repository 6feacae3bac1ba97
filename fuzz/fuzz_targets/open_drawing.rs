//! Walks any bytes as `drawing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("drawing", data));
