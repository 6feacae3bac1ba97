//! Walks any bytes as `applesingle`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("applesingle", data));
