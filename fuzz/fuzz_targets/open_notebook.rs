//! Walks any bytes as `notebook`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("notebook", data));
