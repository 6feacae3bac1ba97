//! Walks any bytes as `cpio`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("cpio", data));
