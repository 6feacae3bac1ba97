//! Walks any bytes as `odf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("odf", data));
