//! Walks any bytes as `scene`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("scene", data));
