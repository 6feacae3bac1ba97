//! Walks any bytes as `shortcut`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("shortcut", data));
