//! Walks any bytes as `package`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("package", data));
