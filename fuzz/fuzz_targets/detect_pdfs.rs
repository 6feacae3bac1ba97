//! Shows any bytes to the detector `pdfs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("pdfs", data));
