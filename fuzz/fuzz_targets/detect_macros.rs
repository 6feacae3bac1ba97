//! Shows any bytes to the detector `macros`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("macros", data));
