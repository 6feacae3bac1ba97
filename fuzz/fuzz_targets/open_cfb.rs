//! Walks any bytes as `cfb`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("cfb", data));
