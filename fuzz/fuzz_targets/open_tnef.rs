//! Walks any bytes as `tnef`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("tnef", data));
