//! Walks any bytes as `rpm`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("rpm", data));
