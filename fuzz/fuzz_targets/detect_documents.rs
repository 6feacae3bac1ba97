//! Shows any bytes to the detector `documents`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("documents", data));
