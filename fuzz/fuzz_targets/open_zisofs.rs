//! Walks any bytes as `zisofs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("zisofs", data));
