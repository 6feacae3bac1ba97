//! Walks any bytes as `lnk`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("lnk", data));
