//! Shows any bytes to the detector `bombs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::detect("bombs", data));
