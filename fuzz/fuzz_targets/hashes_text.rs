//! Any text as a list of hashes: what can be compiled can be looked up, and a hash on a line of its own is found.

#![no_main]
#![allow(clippy::expect_used, reason = "a fuzzer learns by panics")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut compiled = Vec::new();
    let mut from = data;
    let Ok(number) = lazaret_detect::compile_hash_list("list", &mut from, &mut compiled) else { return };
    let list = lazaret_detect::HashList::over("list", compiled).expect("what was compiled is whole");
    assert!(!list.is_empty() && list.len() <= number, "{} of {number}", list.len());
    for hash in fuzz::hashes_on_lines(data) {
        assert!(list.look_up(&hash).is_some(), "{hash}");
    }
});
