//! Walks any bytes as `calendar`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("calendar", data));
