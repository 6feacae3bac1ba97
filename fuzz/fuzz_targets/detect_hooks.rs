//! Shows any bytes to the detector `hooks`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("hooks", data));
