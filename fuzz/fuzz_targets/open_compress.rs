//! Walks any bytes as `compress`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("compress", data));
