//! Walks any bytes as `lzip`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("lzip", data));
