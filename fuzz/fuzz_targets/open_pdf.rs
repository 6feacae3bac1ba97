//! Walks any bytes as `pdf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("pdf", data));
