//! Walks any bytes as `rar`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("rar", data));
