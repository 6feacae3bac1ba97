//! Walks any bytes as `rtf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("rtf", data));
