//! Walks any bytes as `ar`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("ar", data));
