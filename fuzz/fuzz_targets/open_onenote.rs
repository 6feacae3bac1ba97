//! Walks any bytes as `onenote`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("onenote", data));
