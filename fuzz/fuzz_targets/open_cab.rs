//! Walks any bytes as `cab`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("cab", data));
