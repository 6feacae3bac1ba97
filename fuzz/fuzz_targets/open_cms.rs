//! Walks any bytes as `cms`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("cms", data));
