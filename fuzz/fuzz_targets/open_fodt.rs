//! Walks any bytes as `fodt`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("fodt", data));
