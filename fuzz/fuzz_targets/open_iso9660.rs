//! Walks any bytes as `iso9660`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("iso9660", data));
