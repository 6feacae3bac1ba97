//! Walks any bytes as `picture`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("picture", data));
