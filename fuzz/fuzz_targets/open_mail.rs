//! Walks any bytes as `mail`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open("mail", data));
