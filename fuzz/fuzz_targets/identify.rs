//! Says what any bytes are.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::identify(data));
