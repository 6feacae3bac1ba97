//! Walks any bytes as `sevenz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("sevenz", data));
