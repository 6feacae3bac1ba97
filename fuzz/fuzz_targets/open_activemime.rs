//! Walks any bytes as `activemime`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("activemime", data));
