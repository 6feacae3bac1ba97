//! Walks any bytes as `zip`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("zip", data));
