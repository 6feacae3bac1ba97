//! Walks any bytes as `spreadsheetml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("spreadsheetml", data));
