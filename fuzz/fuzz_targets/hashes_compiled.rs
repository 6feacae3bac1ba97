//! Any bytes as a compiled list, and a compiled list in which some bytes are others: it is refused, or looked up without
//! reading anything outside.
//!
//! The first byte says how many bytes are changed, then each has two for its place and one for what it becomes; the rest is the
//! list's text.

#![no_main]

use lazaret_detect::{HashList, compile_hash_list};

fn look_up(bytes: Vec<u8>, hashes: &[String]) {
    let Ok(list) = HashList::over("list", bytes) else { return };
    let _ = list.len();
    for hash in hashes {
        let _ = list.look_up(hash);
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let whole: Vec<String> =
        [16, 20, 32].iter().filter_map(|length| Some(data_encoding::HEXLOWER.encode(data.get(..*length)?))).collect();
    look_up(data.to_vec(), &whole);
    let Some((&count, rest)) = data.split_first() else { return };
    let Some((changes, text)) = rest.split_at_checked(usize::from(count) * 3) else { return };
    let mut compiled = Vec::new();
    let mut from = text;
    if compile_hash_list("list", &mut from, &mut compiled).is_err() {
        return;
    }
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        if let Some(byte) = compiled.get_mut(at) {
            *byte = change[2];
        }
    }
    let hashes: Vec<String> = fuzz::hashes_on_lines(text).chain(whole).collect();
    look_up(compiled, &hashes);
});
