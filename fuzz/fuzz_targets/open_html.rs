//! Walks any bytes as `html`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("html", data));
