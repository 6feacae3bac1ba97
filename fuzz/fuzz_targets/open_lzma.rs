//! Walks any bytes as `lzma`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("lzma", data));
