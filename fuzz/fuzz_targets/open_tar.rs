//! Walks any bytes as `tar`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("tar", data));
