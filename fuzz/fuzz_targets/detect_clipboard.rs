//! Shows any bytes to the detector `clipboard`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("clipboard", data));
