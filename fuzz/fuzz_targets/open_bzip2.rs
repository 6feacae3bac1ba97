//! Walks any bytes as `bzip2`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("bzip2", data));
