//! Walks any bytes as `pickle`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("pickle", data));
