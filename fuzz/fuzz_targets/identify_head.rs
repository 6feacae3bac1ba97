//! Says what the beginning of any bytes is.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::identify_head(data));
