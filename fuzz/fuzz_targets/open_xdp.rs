//! Walks any bytes as `xdp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("xdp", data));
