//! Walks any bytes as `xz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("xz", data));
