//! Walks any bytes as `encoded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("encoded", data));
