//! Shows any bytes to the detector `pages`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("pages", data));
