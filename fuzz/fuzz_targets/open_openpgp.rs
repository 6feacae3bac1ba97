//! Walks any bytes as `openpgp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("openpgp", data));
